package mhsock

import (
	"context"
	"errors"
	"fmt"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// ICMPv6 types that the roles look at: errors (RFC 4443 §3), home agent address
// discovery and mobile prefix discovery (RFC 6275 §6.5 to §6.8).
var icmpTypes = []int{
	1, 2, 3, 4, // Destination Unreachable, Packet Too Big, Time Exceeded, Parameter Problem
	144, 145, // Home Agent Address Discovery Request, Reply
	146, 147, // Mobile Prefix Solicitation, Advertisement
}

// ICMP sends and receives ICMPv6 messages other than neighbour discovery.
type ICMP struct {
	sock   *socket.Conn
	inject *injector
	count  func(role.Counter)
}

// ListenICMP opens the ICMPv6 socket in the current network namespace. count
// may be nil; it is called from any goroutine.
func ListenICMP(count func(role.Counter)) (*ICMP, error) {
	s, err := openRaw(protoICMPv6, "ICMPv6", func(s *socket.Conn) error { return filterTypes(s, icmpTypes...) })
	if err != nil {
		return nil, err
	}
	inj, err := newInjector()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &ICMP{sock: s, inject: inj, count: orNothing(count)}, nil
}

// Admit sets the socket's own IPsec policy (IPV6_XFRM_POLICY), struct
// xfrm_userpolicy_info with its templates.
func (c *ICMP) Admit(policy []byte) error {
	if err := c.sock.SetsockoptBytes(unix.IPPROTO_IPV6, unix.IPV6_XFRM_POLICY, policy); err != nil {
		return fmt.Errorf("set IPV6_XFRM_POLICY: %w", err)
	}
	return nil
}

// filterTypes lets only the given ICMPv6 types through (RFC 3542 §3.2).
func filterTypes(s *socket.Conn, types ...int) error {
	var f unix.ICMPv6Filter
	for i := range f.Data {
		f.Data[i] = ^uint32(0) // a set bit blocks
	}
	for _, t := range types {
		f.Data[t/32] &^= 1 << (t % 32)
	}
	if err := s.SetsockoptICMPv6Filter(unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &f); err != nil {
		return fmt.Errorf("set ICMPV6_FILTER: %w", err)
	}
	return nil
}

// Run hands every message to out as role.ICMPIn until ctx ends; then it returns
// nil. The kernel has verified the checksums. Send works on until Close.
func (c *ICMP) Run(ctx context.Context, out func(role.Event)) error {
	return run(ctx, c.sock, "ICMPv6 messages", func(p packet) {
		if p.incomprehend {
			c.count(CountUnreadable)
			return
		}
		out(role.ICMPIn{
			Ifindex: p.ifindex, Src: p.src, Dst: p.dst,
			HomeAddress: p.home, RoutingHome: p.routing, SA: p.mark, Raw: p.body,
		})
	})
}

// Send carries out the effect and fills in the checksum.
//
// With a Home Address option the kernel's checksum, which cannot be turned off
// on an ICMPv6 socket, would cover the care-of address where the home address
// belongs (RFC 6275 §11.3.1); such a packet is built here.
func (c *ICMP) Send(e role.SendICMP) error {
	o := outgoing{
		ifindex: e.Ifindex, src: e.Src, dst: e.Dst, home: e.HomeAddress, routing: e.RoutingHome, body: e.Raw,
	}
	var err error
	if o.home.IsValid() {
		err = c.inject.icmp(o)
	} else {
		err = send(c.sock, o)
	}
	if err != nil {
		return fmt.Errorf("send ICMPv6 from %s to %s: %w", e.Src, e.Dst, err)
	}
	return nil
}

// Close releases the sockets.
func (c *ICMP) Close() error { return errors.Join(c.sock.Close(), c.inject.sock.Close()) }
