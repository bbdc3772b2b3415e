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
	wanted map[group]int32 // addresses that want it
	dirty  map[group]bool  // to look at
	closed bool

	// The worker's own.
	joined  map[group]bool
	waiting map[group]bool // wanted, but the bound is reached
}

// group is a solicited-node group, by what it has of its addresses (RFC 4291 §2.7.1): their last 24
// bits. There may be one for each binding.
type group [3]byte

func groupOf(a netip.Addr) group {
	b := a.As16()
	return group(b[13:])
}

func (g group) addr() netip.Addr {
	return icmp6.SolicitedNode(netip.AddrFrom16([16]byte{13: g[0], 14: g[1], 15: g[2]}))
}

func newGroups(ifindex int) (*groups, error) {
	// A UDP socket that is never bound: it exists for its memberships.
	s, err := socket.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0, "proxynd-groups", nil)
	if err != nil {
		return nil, err
	}
	g := &groups{
		ifindex: ifindex, sock: s, wake: make(chan struct{}, 1),
		wanted: make(map[group]int32), dirty: make(map[group]bool),
		joined: make(map[group]bool), waiting: make(map[group]bool),
	}
	g.done.Go(g.work)
	return g, nil
}

func (g *groups) join(addr netip.Addr)  { g.change(addr, 1) }
func (g *groups) leave(addr netip.Addr) { g.change(addr, -1) }

func (g *groups) change(addr netip.Addr, by int32) {
	x := groupOf(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	if g.wanted[x] += by; g.wanted[x] == 0 {
		delete(g.wanted, x)
	}
	g.dirty[x] = true
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
		g.dirty = make(map[group]bool)
		g.mu.Unlock()
		for x := range dirty {
			want, closed := g.state(x)
			if closed {
				return
			}
			g.bring(x, want)
		}
		for x := range g.waiting {
			if len(g.joined) >= maxGroups {
				break
			}
			delete(g.waiting, x)
			want, _ := g.state(x)
			g.bring(x, want)
		}
	}
}

func (g *groups) state(x group) (want, closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.wanted[x] > 0, g.closed
}

// bring joins or leaves one group. A failure leaves us with all-multicast,
// which works wherever no switch snoops.
func (g *groups) bring(x group, want bool) {
	switch {
	case !want:
		delete(g.waiting, x)
		if g.joined[x] {
			_ = g.membership(unix.IPV6_LEAVE_GROUP, x)
			delete(g.joined, x)
		}
	case g.joined[x]:
	case len(g.joined) >= maxGroups:
		g.waiting[x] = true
	case g.membership(unix.IPV6_JOIN_GROUP, x) == nil:
		g.joined[x] = true
	}
}

// membership is setsockopt with a struct ipv6_mreq.
func (g *groups) membership(opt int, x group) error {
	b := x.addr().As16()
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
