// Package radv sends Router Advertisements for the test bed: RFC 4861 §6.2 with
// RFC 6275 §7's flags and options, at intervals as short as §7.5 allows, and
// an answer to each solicitation.
package radv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/test/netns/node"
)

// Interval is the time between unsolicited advertisements, uniformly random.
type Interval struct{ Min, Max time.Duration }

// Fast is RFC 6275 §7.5's for access routers, Usual that of many routers.
var (
	Fast  = Interval{30 * time.Millisecond, 70 * time.Millisecond}
	Usual = Interval{3 * time.Second, 10 * time.Second}
)

// DefaultRouterLifetime is AdvDefaultLifetime for a host's default route.
const DefaultRouterLifetime = 1800 * time.Second

// Prefix is one Prefix Information option.
type Prefix struct {
	Prefix             netip.Prefix
	OnLink, Autonomous bool
	Valid, Preferred   uint32     // seconds, all ones for ever
	RouterAddress      netip.Addr // sets the R flag and stands in the prefix field (RFC 6275 §7.2)
}

// Config is what is advertised.
type Config struct {
	Interval       Interval
	RouterLifetime time.Duration // 0: not a default router
	HomeAgent      bool          // the H flag
	Prefixes       []Prefix

	AdvertiseInterval   bool // add the Advertisement Interval option
	HomeAgentPreference uint16
	HomeAgentLifetime   time.Duration // not 0: add the Home Agent Information option

	NoLinkAddr bool // leave the Source Link-Layer Address option out

	// SolicitedDelay is the longest random delay before a solicitation is
	// answered; RFC 4861 §6.2.6 asks for up to 0.5 s.
	SolicitedDelay time.Duration
	IgnoreSolicits bool // leave solicitations without an answer
}

// Advertiser advertises on one interface until closed.
type Advertiser struct {
	conn     *socket.Conn
	ifindex  int
	linkAddr []byte
	cancel   context.CancelFunc
	done     sync.WaitGroup
	wake     chan struct{}

	mu     sync.Mutex
	cfg    Config
	paused bool
	sent   int
	solic  int
}

var allNodes = netip.MustParseAddr("ff02::1")

// Start begins to advertise.
func Start(n *node.Node, ifname string, cfg Config) (*Advertiser, error) {
	link, err := n.Link(ifname)
	if err != nil {
		return nil, err
	}
	a := &Advertiser{
		ifindex: link.Attrs().Index, linkAddr: link.Attrs().HardwareAddr,
		cfg: cfg, wake: make(chan struct{}, 1),
	}
	if err := n.Do(func() error { return a.open(ifname) }); err != nil {
		return nil, fmt.Errorf("%s: router advertisements on %s: %w", n.Name, ifname, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	a.done.Go(func() { a.send(ctx) })
	a.done.Go(func() { a.listen(ctx) })
	return a, nil
}

func (a *Advertiser) open(ifname string) error {
	conn, err := socket.Socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6, "radv", nil)
	if err != nil {
		return err
	}
	a.conn = conn
	var filter unix.ICMPv6Filter // a set bit blocks
	for i := range filter.Data {
		filter.Data[i] = ^uint32(0)
	}
	filter.Data[typeRouterSolicitation>>5] &^= 1 << (typeRouterSolicitation & 31)
	return errors.Join(
		conn.SetsockoptICMPv6Filter(unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &filter),
		conn.SetsockoptInt(unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255),
		conn.SetsockoptInt(unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, 255),
		conn.SetsockoptInt(unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0),
		conn.SetsockoptInt(unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, a.ifindex),
		conn.SetsockoptString(unix.SOL_SOCKET, unix.SO_BINDTODEVICE, ifname),
		a.join("ff02::2"),
	)
}

func (a *Advertiser) join(group string) error {
	mreq := &unix.IPv6Mreq{Multiaddr: netip.MustParseAddr(group).As16(), Interface: uint32(a.ifindex)}
	raw, err := a.conn.SyscallConn()
	if err != nil {
		return err
	}
	return errors.Join(raw.Control(func(fd uintptr) {
		err = unix.SetsockoptIPv6Mreq(int(fd), unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, mreq)
	}), err)
}

// Close stops advertising, silently: the router disappears.
func (a *Advertiser) Close() error {
	a.cancel()
	err := a.conn.Close()
	a.done.Wait()
	return err
}

// Set changes what is advertised and advertises it at once.
func (a *Advertiser) Set(cfg Config) {
	a.mu.Lock()
	a.cfg = cfg
	a.mu.Unlock()
	a.kick()
}

// Config returns what is advertised.
func (a *Advertiser) Config() Config {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cfg
}

// Pause stops or resumes all advertisements, solicited ones too.
func (a *Advertiser) Pause(paused bool) {
	a.mu.Lock()
	a.paused = paused
	a.mu.Unlock()
	a.kick()
}

// Counts returns how many advertisements were sent and solicitations seen.
func (a *Advertiser) Counts() (sent, solicited int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sent, a.solic
}

func (a *Advertiser) kick() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *Advertiser) send(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-a.wake:
		}
		a.mu.Lock()
		i, paused, message := a.cfg.Interval, a.paused, a.cfg.encode(a.linkAddr)
		if !paused {
			a.sent++
		}
		a.mu.Unlock()
		if !paused {
			// A link that is down now will be up again.
			_ = a.conn.Sendto(ctx, message, 0, &unix.SockaddrInet6{Addr: allNodes.As16(), ZoneId: uint32(a.ifindex)})
		}
		timer.Reset(i.Min + rand.N(i.Max-i.Min+1))
	}
}

// listen has each solicitation answered by multicast, which RFC 4861 §6.2.6
// allows, and which a solicitation from the unspecified address needs.
func (a *Advertiser) listen(ctx context.Context) {
	b := make([]byte, 1500)
	for {
		n, _, err := a.conn.Recvfrom(ctx, b, 0)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, unix.EBADF) {
				return
			}
			continue
		}
		if n < 8 || b[0] != typeRouterSolicitation {
			continue
		}
		a.mu.Lock()
		a.solic++
		delay, ignore := a.cfg.SolicitedDelay, a.cfg.IgnoreSolicits
		a.mu.Unlock()
		if ignore {
			continue
		}
		if delay > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(rand.N(delay)):
			}
		}
		a.kick()
	}
}
