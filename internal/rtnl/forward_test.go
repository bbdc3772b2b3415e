package rtnl

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/test/testkernel"
)

// TestKernelForwardKeepsTheDefaultRouter: a home agent whose own default router
// comes from advertisements is not cut off by becoming a router.
func TestKernelForwardKeepsTheDefaultRouter(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	write := func(name, key, value string) {
		t.Helper()
		must(t, os.WriteFile(sysctl(name, key), []byte(value), 0))
	}
	write("all", "forwarding", "0")
	write("peer0", "forwarding", "1") // somebody's, and not ours to forget
	write("eth0", "accept_ra", "1")
	write("eth0", "accept_ra_from_local", "1") // both ends of the link are here
	router := netip.MustParseAddr("fe80::aa")
	advertise(t, "peer0", router)
	for end := time.Now().Add(5 * time.Second); !hasDefault(t, eth0, router); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the kernel does not take the advertisement: this test shows nothing")
		}
	}
	dir := t.TempDir()
	s, err := OpenSettings(dir)
	must(t, err)
	must(t, s.Forward())
	if v, _ := read(sysctl("eth0", "forwarding")); v != "1" {
		t.Errorf("forwarding is %q", v)
	}
	if !hasDefault(t, eth0, router) {
		t.Error("the default router is gone")
	}
	// As if killed, and started again.
	s, err = OpenSettings(dir)
	must(t, err)
	must(t, s.Forward())
	must(t, s.Restore())
	for _, c := range []struct{ name, key, want string }{
		{"all", "forwarding", "0"}, {"eth0", "forwarding", "0"}, {"peer0", "forwarding", "1"}, {"eth0", "accept_ra", "1"},
	} {
		if v, _ := read(sysctl(c.name, c.key)); v != c.want {
			t.Errorf("%s of %s is %q after restoring, want %q", c.key, c.name, v, c.want)
		}
	}
	if !hasDefault(t, eth0, router) {
		t.Error("the default router is gone after restoring")
	}
}

// advertise multicasts a Router Advertisement from an address that it puts on
// the interface.
func advertise(t *testing.T, name string, from netip.Addr) {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	must(t, netlink.AddrAdd(l, &netlink.Addr{
		IPNet: &net.IPNet{IP: from.AsSlice(), Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD,
	}))
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	must(t, err)
	defer unix.Close(fd)
	index := l.Attrs().Index
	must(t, unix.Bind(fd, &unix.SockaddrInet6{Addr: from.As16(), ZoneId: uint32(index)}))
	must(t, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255))
	must(t, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, index))
	ra := []byte{134, 0, 0, 0, 64, 0, 1800 >> 8, 1800 & 0xff, 0, 0, 0, 0, 0, 0, 0, 0}
	must(t, unix.Sendto(fd, ra, 0, &unix.SockaddrInet6{Addr: netip.IPv6LinkLocalAllNodes().As16(), ZoneId: uint32(index)}))
}

func hasDefault(t *testing.T, ifindex int, via netip.Addr) bool {
	t.Helper()
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{LinkIndex: ifindex, Gw: via.AsSlice()},
		netlink.RT_FILTER_OIF|netlink.RT_FILTER_GW)
	must(t, err)
	return len(routes) > 0
}
