package rtnl

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// Destinations are spread over equivalent routers: of the care-of address in its way out,
// of all others in the main table before the kernel's own default routes. A router that
// is not equivalent to the first hop changes nothing there, a home address that is given
// up leaves the main table alone, and the next run begins without.
func TestKernelPacketsAreSpreadOverRouters(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t) // with a default route by fe80::1
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	ways := func(what string, careOf, other int) {
		t.Helper()
		by := func(from netip.Addr) int {
			routers := make(map[string]bool)
			for i := range 40 {
				to := net.ParseIP(fmt.Sprintf("2001:db8:c::%d", i+1))
				o := &netlink.RouteGetOptions{}
				if from.IsValid() {
					o.SrcAddr = from.AsSlice()
				}
				r, err := netlink.RouteGetWithOptions(to, o)
				must(t, err)
				routers[r[0].Gw.String()] = true
			}
			return len(routers)
		}
		if diff := cmp.Diff([]int{careOf, other}, []int{by(coa), by(hoa)}); diff != "" {
			t.Errorf("%s: routers of the care-of address's packets, and of others':\n%s", what, diff)
		}
	}
	apply := func(e role.Effect) {
		t.Helper()
		must(t, m.Apply([]role.Effect{e})[0])
	}
	routers := func(list ...string) (all []netip.Addr) {
		for _, r := range list {
			all = append(all, netip.MustParseAddr(r))
		}
		return all
	}
	apply(role.SetHomePath{Path: homePath(role.PathTunnelled, eth0)})
	ways("by one", 1, 1)
	apply(role.ShareRouters{Ifindex: eth0, Routers: routers("fe80::1", "fe80::2", "fe80::3", "fe80::4")})
	ways("care-of addresses", 4, 1)
	apply(role.SetHomePath{Path: homePath(role.PathTunnelled, eth0)})
	ways("set again", 4, 1)
	apply(role.ShareRouters{Ifindex: eth0, Routers: routers("fe80::2", "fe80::3"), All: true})
	ways("the first hop is none of them", 1, 1)
	apply(role.ShareRouters{Ifindex: eth0, Routers: routers("fe80::1", "fe80::3"), All: true})
	apply(role.SetHomePath{Path: homePath(role.PathHome, eth0)})
	ways("at home", 2, 2)
	m, err = OpenMobileNode(Marks{}, false)
	must(t, err)
	must(t, m.Settle([]netip.Addr{hoa}, netip.Addr{}, nil))
	ways("the next run", 1, 1)
	apply(role.ShareRouters{Ifindex: eth0, Routers: routers("fe80::1", "fe80::3"), All: true})
	ways("and again", 2, 2)
	apply(role.ShareRouters{Ifindex: eth0})
	ways("no more", 1, 1)
	apply(role.ShareRouters{Ifindex: eth0}) // idempotent
}
