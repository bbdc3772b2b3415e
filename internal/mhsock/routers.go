package mhsock

import (
	"context"
	"errors"
	"net/netip"
	"sync"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// What the listener for Router Advertisements counts.
const (
	CountAdvertisement    role.Counter = "router_advertisements"
	CountBadAdvertisement role.Counter = "router_advertisements_invalid"         // RFC 4861 §6.1.2
	CountFarAdvertisement role.Counter = "router_advertisements_wrong_hop_limit" // not 255: from afar
)

// Routers listens for Router Advertisements and sends Router Solicitations. It solicits
// for single neighbours as well, and listens for their answers.
type Routers struct {
	sock    *socket.Conn
	solicit *Solicitor
	accept  func(ifindex int) bool
	count   func(role.Counter)

	mu     sync.Mutex
	wanted map[netip.Addr]bool // targets that were solicited for
}

// ListenRouters opens the listener in the current network namespace. accept
// says for which interfaces advertisements are wanted (nil: all); count may be
// nil. Both are called from Run's goroutine.
//
// The kernel keeps every IPv6 interface in the all-nodes group, from the moment
// it is up.
func ListenRouters(accept func(ifindex int) bool, count func(role.Counter)) (*Routers, error) {
	s, err := openRaw(protoICMPv6, "Router Advertisements", func(s *socket.Conn) error {
		return errors.Join(
			filterTypes(s, int(icmp6.TypeRouterAdvertisement), int(icmp6.TypeNeighborAdvertisement)),
			// Without it, advertisements have no time: all count as new.
			s.SetsockoptInt(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		)
	})
	if err != nil {
		return nil, err
	}
	solicit, err := NewSolicitor()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if accept == nil {
		accept = func(int) bool { return true }
	}
	return &Routers{sock: s, solicit: solicit, accept: accept, count: orNothing(count), wanted: make(map[netip.Addr]bool)}, nil
}

// Run hands every valid advertisement to out as role.RouterSeen until ctx ends;
// then it returns nil. SolicitRouter works on until Close.
func (r *Routers) Run(ctx context.Context, out func(role.Event)) error {
	return run(ctx, r.sock, "Router Advertisements", func(p packet) {
		if !r.accept(p.ifindex) {
			return
		}
		if len(p.body) > 0 && p.body[0] == byte(icmp6.TypeNeighborAdvertisement) {
			if ev, ok := r.answer(p); ok {
				out(ev)
			}
			return
		}
		ra, err := advertisement(p)
		if err != nil {
			if errors.Is(err, icmp6.ErrHopLimit) {
				r.count(CountFarAdvertisement)
			} else {
				r.count(CountBadAdvertisement)
			}
			return
		}
		r.count(CountAdvertisement)
		out(role.RouterSeen{Ifindex: p.ifindex, Router: p.src, RA: ra, At: p.at})
	})
}

// advertisement reads one packet and checks what RFC 4861 §6.1.2 demands; the
// kernel has verified the checksum.
func advertisement(p packet) (*icmp6.RouterAdvertisement, error) {
	if p.incomprehend || p.home.IsValid() || p.routing.IsValid() {
		return nil, errUnreadable
	}
	m, err := icmp6.Parse(p.body)
	if err != nil {
		return nil, err
	}
	if err := icmp6.ValidND(m, p.src, p.dst, p.hopLimit); err != nil {
		return nil, err
	}
	ra, ok := m.(*icmp6.RouterAdvertisement)
	if !ok {
		return nil, errUnreadable
	}
	return ra, nil
}

var errUnreadable = errors.New("not a Router Advertisement that can be read")

// answer reads a Neighbor Advertisement for a target that was solicited for.
func (r *Routers) answer(p packet) (ev role.NeighborAdvertised, ok bool) {
	m, err := icmp6.Parse(p.body)
	if err != nil || p.incomprehend || p.home.IsValid() || p.routing.IsValid() || icmp6.ValidND(m, p.src, p.dst, p.hopLimit) != nil {
		return ev, false
	}
	na, ok := m.(*icmp6.NeighborAdvertisement)
	if !ok {
		return ev, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	opt, ok := icmp6.Find[icmp6.TargetLinkLayerAddress](na.Options)
	return role.NeighborAdvertised{Ifindex: p.ifindex, Target: na.Target, LinkAddr: opt.LinkAddr}, ok && r.wanted[na.Target]
}

// SolicitNeighbor carries out the effect. Its answers are told of from then on.
func (r *Routers) SolicitNeighbor(e role.SolicitNeighbor) error {
	r.mu.Lock()
	r.wanted[e.Target] = true // as many as there are home addresses
	r.mu.Unlock()
	return r.solicit.SolicitNeighbor(e)
}

// SolicitRouter carries out the effect.
func (r *Routers) SolicitRouter(e role.SolicitRouter) error { return r.solicit.SolicitRouter(e) }

// Close releases the sockets.
func (r *Routers) Close() error { return errors.Join(r.sock.Close(), r.solicit.Close()) }
