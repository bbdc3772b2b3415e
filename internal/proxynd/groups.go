package proxynd

import (
	"encoding/binary"
	"net/netip"
	"sync"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/internal/icmp6"
)

// maxGroups bounds the solicited-node groups that one link joins. Each costs
// the kernel memory, a report, and a longer list to search for every multicast
// packet, so that tens of thousands are not to be had; what is more than this
// relies on all-multicast, which a switch that snoops MLD reports does not
// know of (RFC 4861 §7.2.8 wants the groups joined).
const maxGroups = 256

// groups keeps the solicited-node groups of defended addresses joined, so that
// the kernel reports them to switches and routers. Joining takes a third of a
// millisecond, so that it is not done on the caller's goroutine.
type groups struct {
	ifindex int
	sock    *socket.Conn
	wake    chan struct{}
	done    sync.WaitGroup

	mu     sync.Mutex
	wanted map[netip.Addr]int  // group → addresses that want it
	dirty  map[netip.Addr]bool // groups to look at
	closed bool

	// The worker's own.
	joined  map[netip.Addr]bool
	waiting map[netip.Addr]bool // wanted, but the bound is reached
}

func newGroups(ifindex int) (*groups, error) {
	// A UDP socket that is never bound: it exists for its memberships.
	s, err := socket.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0, "proxynd-groups", nil)
	if err != nil {
		return nil, err
	}
	g := &groups{
		ifindex: ifindex, sock: s, wake: make(chan struct{}, 1),
		wanted: make(map[netip.Addr]int), dirty: make(map[netip.Addr]bool),
		joined: make(map[netip.Addr]bool), waiting: make(map[netip.Addr]bool),
	}
	g.done.Go(g.work)
	return g, nil
}

func (g *groups) join(addr netip.Addr)  { g.change(addr, 1) }
func (g *groups) leave(addr netip.Addr) { g.change(addr, -1) }

func (g *groups) change(addr netip.Addr, by int) {
	group := icmp6.SolicitedNode(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	if g.wanted[group] += by; g.wanted[group] == 0 {
		delete(g.wanted, group)
	}
	g.dirty[group] = true
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// work joins and leaves until close.
func (g *groups) work() {
	for range g.wake {
		g.mu.Lock()
		dirty := g.dirty
		g.dirty = make(map[netip.Addr]bool)
		g.mu.Unlock()
		for group := range dirty {
			want, closed := g.state(group)
			if closed {
				return
			}
			g.bring(group, want)
		}
		for group := range g.waiting {
			if len(g.joined) >= maxGroups {
				break
			}
			delete(g.waiting, group)
			want, _ := g.state(group)
			g.bring(group, want)
		}
	}
}

func (g *groups) state(group netip.Addr) (want, closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.wanted[group] > 0, g.closed
}

// bring joins or leaves one group. A failure leaves us with all-multicast,
// which works wherever no switch snoops.
func (g *groups) bring(group netip.Addr, want bool) {
	switch {
	case !want:
		delete(g.waiting, group)
		if g.joined[group] {
			_ = g.membership(unix.IPV6_LEAVE_GROUP, group)
			delete(g.joined, group)
		}
	case g.joined[group]:
	case len(g.joined) >= maxGroups:
		g.waiting[group] = true
	case g.membership(unix.IPV6_JOIN_GROUP, group) == nil:
		g.joined[group] = true
	}
}

// membership is setsockopt with a struct ipv6_mreq.
func (g *groups) membership(opt int, group netip.Addr) error {
	b := group.As16()
	return g.sock.SetsockoptBytes(unix.IPPROTO_IPV6, opt, binary.NativeEndian.AppendUint32(b[:], uint32(g.ifindex)))
}

// close leaves all groups and waits for the worker.
func (g *groups) close() {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return
	}
	g.closed = true
	close(g.wake)
	g.mu.Unlock()
	g.done.Wait()
	g.sock.Close()
}
