package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func forwarding(*scratch) error { return sysctl("conf/all/forwarding", "1") }

// sourceRules has everything of a home address fall into a table where it is
// unreachable, and sees whether it does.
func sourceRules(s *scratch) error {
	t, err := s.rtnl()
	if err != nil {
		return err
	}
	if err := t.HomeAddress(homeAddress2, 1); err != nil { // loopback's index
		return fmt.Errorf("put an address on loopback: %w", err)
	}
	if err := t.Blocked(); err != nil {
		return fmt.Errorf("set a route in a table of its own: %w", err)
	}
	if err := t.Rule(homeAddress2); err != nil {
		return fmt.Errorf("set a rule by source address: %w", err)
	}
	// It would go on to catch what has no source address yet.
	defer t.DropRule(homeAddress2)
	_, err = netlink.RouteGetWithOptions(peer.AsSlice(), &netlink.RouteGetOptions{SrcAddr: homeAddress2.AsSlice()})
	if !errors.Is(err, unix.EHOSTUNREACH) {
		return fmt.Errorf("a rule sends packets from %s to a table where everything is unreachable, and they are not: %v", homeAddress2, err)
	}
	return nil
}

// routeProtocol finds a route and a rule of ours by their marks. The rule is for an
// address that nobody has.
func routeProtocol(s *scratch) error {
	t, err := s.rtnl()
	if err != nil {
		return err
	}
	if err := t.Blocked(); err != nil {
		return fmt.Errorf("set a route: %w", err)
	}
	if err := t.Rule(careOf2); err != nil {
		return fmt.Errorf("set a rule: %w", err)
	}
	routes, rules, err := t.Ours()
	if err != nil {
		return err
	}
	for what, n := range map[string]int{"route": routes, "rule": rules} {
		if n == 0 {
			return fmt.Errorf("a %s was set with protocol %d, and none is listed with it", what, t.Marks().RouteProtocol)
		}
	}
	return nil
}

// loadSharing makes a route by two routers, and asks by which of them a packet to
// each of some destinations would go.
func loadSharing(s *scratch) error {
	link, err := s.ethernet()
	if err != nil {
		return err
	}
	if err := sysctl("fib_multipath_hash_policy", "1"); err != nil {
		return err
	}
	index := link.Attrs().Index
	prefix := netip.MustParsePrefix("2001:db8:4311::/48")
	r := netlink.Route{Dst: &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), 128)}}
	for _, router := range []string{"fe80::6275:1", "fe80::6275:2"} {
		r.MultiPath = append(r.MultiPath, &netlink.NexthopInfo{LinkIndex: index, Gw: net.ParseIP(router)})
	}
	if err := netlink.RouteAdd(&r); err != nil {
		return fmt.Errorf("set a route by two routers: %w", err)
	}
	used := make(map[string]bool)
	dst := prefix.Addr()
	const destinations = 64 // that all of them should share one by chance is out of the question
	for range destinations {
		dst = dst.Next()
		got, err := netlink.RouteGet(dst.AsSlice())
		if err != nil {
			return fmt.Errorf("ask for the route to %s: %w", dst, err)
		}
		for _, g := range got {
			used[g.Gw.String()] = true
		}
	}
	if len(used) < 2 {
		return fmt.Errorf("of a route by two routers one is used for each of %d destinations", destinations)
	}
	return nil
}

// Numbers of the kernel's UAPI (linux/mroute6.h).
const (
	mrt6Init   = 200 // MRT6_INIT
	mrt6AddMIF = 202 // MRT6_ADD_MIF
)

// multicastRouting becomes the multicast router and takes an interface in.
func multicastRouting(s *scratch) error {
	link, err := s.ethernet()
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	if err != nil {
		return fmt.Errorf("open a raw socket for ICMPv6: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, mrt6Init, 1); err != nil {
		return fmt.Errorf("become the multicast router (MRT6_INIT): %w", err)
	}
	mif := make([]byte, 12) // struct mif6ctl
	native.PutUint16(mif[4:], uint16(link.Attrs().Index))
	if err := unix.SetsockoptString(fd, unix.IPPROTO_IPV6, mrt6AddMIF, string(mif)); err != nil {
		return fmt.Errorf("take an interface in (MRT6_ADD_MIF): %w", err)
	}
	return nil
}
