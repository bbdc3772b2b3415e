package rtnl

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// TestKernelDefaultRoutersOfAnEarlierLinkGo: those that the kernel has learned
// from advertisements, and no others.
func TestKernelDefaultRoutersOfAnEarlierLinkGo(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t) // with a default route by fe80::1 that a person has made
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	for i, gw := range []string{"fe80::a", "fe80::b"} {
		must(t, netlink.RouteAdd(&netlink.Route{
			LinkIndex: eth0, Gw: net.ParseIP(gw), Protocol: unix.RTPROT_RA, Priority: 1025 + i,
			Dst: &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
		}))
	}
	must(t, m.Apply([]role.Effect{role.KeepRouters{Ifindex: eth0, Routers: []netip.Addr{netip.MustParseAddr("fe80::b")}}})[0])
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V6)
	must(t, err)
	var left []string
	for _, r := range routes {
		if r.Gw != nil {
			left = append(left, r.Gw.String())
		}
	}
	slices.Sort(left)
	if want := []string{"fe80::1", "fe80::b"}; !slices.Equal(left, want) {
		t.Errorf("default routes by %v, want %v", left, want)
	}
}
