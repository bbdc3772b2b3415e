package mhsock

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// What the listener for Router Solicitations counts.
const (
	CountSolicitation    role.Counter = "router_solicitations"
	CountBadSolicitation role.Counter = "router_solicitations_invalid" // RFC 4861 §6.1.1
)

var allNodes = netip.MustParseAddr("ff02::1")

// HomeLinks sends Router Advertisements, hears Router Solicitations, and holds
// anycast addresses.
type HomeLinks struct {
	sock  *socket.Conn
	count func(role.Counter)
}

// OpenHomeLinks opens the socket in the current network namespace. It hears the
// solicitations of the interfaces that Join names. count may be nil.
func OpenHomeLinks(count func(role.Counter)) (*HomeLinks, error) {
	s, err := openRaw(protoICMPv6, "Router Solicitations", func(s *socket.Conn) error {
		return errors.Join(
			filterTypes(s, int(icmp6.TypeRouterSolicitation)),
			setOptions(s, "Router Advertisements", []option{
				{unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, ndHopLimit, "IPV6_MULTICAST_HOPS"},
				{unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0, "IPV6_MULTICAST_LOOP"},
			}),
		)
	})
	if err != nil {
		return nil, err
	}
	return &HomeLinks{sock: s, count: orNothing(count)}, nil
}

// Join has the solicitations on an interface heard.
func (h *HomeLinks) Join(ifindex int) error {
	err := h.join(unix.IPV6_JOIN_GROUP, ifindex, allRouters)
	if err != nil && !errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("join the group of all routers on interface %d: %w", ifindex, err)
	}
	return nil
}

// JoinAnycast makes the machine take packets to an anycast address as its own
// (RFC 6275 §8.4), until Close. It must be a router there.
func (h *HomeLinks) JoinAnycast(ifindex int, a netip.Addr) error {
	if err := h.join(unix.IPV6_JOIN_ANYCAST, ifindex, a); err != nil {
		return fmt.Errorf("take the anycast address %s on interface %d: %w", a, ifindex, err)
	}
	return nil
}

// LeaveAnycast undoes JoinAnycast.
func (h *HomeLinks) LeaveAnycast(ifindex int, a netip.Addr) error {
	if err := h.join(unix.IPV6_LEAVE_ANYCAST, ifindex, a); err != nil {
		return fmt.Errorf("give up the anycast address %s on interface %d: %w", a, ifindex, err)
	}
	return nil
}

func (h *HomeLinks) join(option, ifindex int, a netip.Addr) error {
	raw, err := h.sock.SyscallConn()
	if err != nil {
		return err
	}
	var jerr error
	err = raw.Control(func(fd uintptr) {
		jerr = unix.SetsockoptIPv6Mreq(int(fd), unix.IPPROTO_IPV6, option,
			&unix.IPv6Mreq{Multiaddr: a.As16(), Interface: uint32(ifindex)})
	})
	return errors.Join(err, jerr)
}

// Run hands every valid solicitation to out as role.RouterSolicited until ctx
// ends; then it returns nil. AdvertiseRouter works on until Close.
func (h *HomeLinks) Run(ctx context.Context, out func(role.Event)) error {
	return run(ctx, h.sock, "Router Solicitations", func(p packet) {
		if !validSolicitation(p) {
			h.count(CountBadSolicitation)
			return
		}
		h.count(CountSolicitation)
		out(role.RouterSolicited{Ifindex: p.ifindex, Src: p.src})
	})
}

// validSolicitation checks what RFC 4861 §6.1.1 demands; the kernel has verified
// the checksum.
func validSolicitation(p packet) bool {
	if p.incomprehend || p.home.IsValid() || p.routing.IsValid() {
		return false
	}
	m, err := icmp6.Parse(p.body)
	if err != nil || m.Type() != icmp6.TypeRouterSolicitation {
		return false
	}
	return icmp6.ValidND(m, p.src, p.dst, p.hopLimit) == nil
}

// AdvertiseRouter carries out the effect. For a link-local group the kernel
// chooses a link-local source.
func (h *HomeLinks) AdvertiseRouter(e role.AdvertiseRouter) error {
	if err := send(h.sock, outgoing{ifindex: e.Ifindex, dst: allNodes, body: e.Raw}); err != nil {
		return fmt.Errorf("advertise on interface %d: %w", e.Ifindex, err)
	}
	return nil
}

// Close releases the socket, and with it the anycast addresses.
func (h *HomeLinks) Close() error { return h.sock.Close() }
