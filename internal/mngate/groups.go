package mngate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Groups keeps multicast groups joined for home addresses: on the tunnel device while one is
// away, on the home link while it is there. A program gets what comes to a group that its socket
// is bound to, or has joined anywhere: the kernel does not ask by which interface (unless
// IPV6_MULTICAST_ALL is off and the socket has joined nowhere).
type Groups struct {
	homes map[netip.Addr]*joined
}

// joined is the groups of a home address, and where they are joined.
type joined struct {
	groups []netip.Addr
	socket int // never bound: it exists for its memberships
	at     int // ifindex; 0: nowhere
}

// OpenGroups takes the groups of each home address.
func OpenGroups(groups map[netip.Addr][]netip.Addr) (*Groups, error) {
	g := &Groups{homes: make(map[netip.Addr]*joined)}
	for home, list := range groups {
		s, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			_ = g.Close()
			return nil, fmt.Errorf("open a socket for the groups of %s: %w", home, err)
		}
		g.homes[home] = &joined{groups: list, socket: s}
	}
	return g, nil
}

// Place has the groups of a home address joined on an interface, and on no other; 0: on none.
func (g *Groups) Place(home netip.Addr, ifindex int) error {
	j := g.homes[home]
	if j == nil || j.at == ifindex {
		return nil
	}
	var errs []error
	for _, group := range j.groups {
		if j.at != 0 {
			err := j.membership(unix.IPV6_LEAVE_GROUP, j.at, group)
			if !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.EADDRNOTAVAIL) { // with the interface
				errs = append(errs, err)
			}
		}
		if ifindex != 0 {
			errs = append(errs, j.membership(unix.IPV6_JOIN_GROUP, ifindex, group))
		}
	}
	j.at = ifindex
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("join the groups of %s on interface %d: %w", home, ifindex, err)
	}
	return nil
}

// membership is setsockopt with a struct ipv6_mreq.
func (j *joined) membership(opt, ifindex int, group netip.Addr) error {
	b := group.As16()
	mreq := binary.NativeEndian.AppendUint32(b[:], uint32(ifindex))
	return unix.SetsockoptString(j.socket, unix.IPPROTO_IPV6, opt, string(mreq))
}

// Close leaves all groups.
func (g *Groups) Close() error {
	var errs []error
	for _, j := range g.homes {
		errs = append(errs, unix.Close(j.socket))
	}
	return errors.Join(errs...)
}
