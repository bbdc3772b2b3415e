package rtnl

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// What the kernel holds of a home address on the home link goes with the first
// binding, and not with a refresh; the neighbours of others stay.
func TestKernelNeighbourOfABoundAddressIsForgotten(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	b, err := OpenBindings(Marks{})
	must(t, err)
	defer b.Close()
	_, err = b.Settle()
	must(t, err)
	all := bindings(2)
	for i := range all {
		all[i].Ifindex = eth0
	}
	learn := func(state int) {
		for _, x := range all {
			must(t, netlink.NeighSet(&netlink.Neigh{LinkIndex: eth0, IP: x.HomeAddress.AsSlice(), State: state, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}))
		}
	}
	known := func(x role.Binding) bool {
		list, err := dump(func() ([]netlink.Neigh, error) { return netlink.NeighList(eth0, netlink.FAMILY_V6) })
		must(t, err)
		for _, n := range list {
			if addrOf(n.IP) == x.HomeAddress && n.State&(netlink.NUD_FAILED|netlink.NUD_NONE) == 0 {
				return true
			}
		}
		return false
	}
	for _, state := range []int{netlink.NUD_REACHABLE, netlink.NUD_STALE} {
		learn(state)
		must(t, b.Set(all[:1])[0])
		if known(all[0]) || !known(all[1]) {
			t.Errorf("state %#x: bound known: %v, unbound known: %v", state, known(all[0]), known(all[1]))
		}
		must(t, b.Clear([]netip.Addr{all[0].HomeAddress})[0])
	}
	must(t, b.Set(all[:1])[0])
	learn(netlink.NUD_REACHABLE)
	must(t, b.Set(all[:1])[0])
	if !known(all[0]) {
		t.Error("a refresh made the kernel forget")
	}
}
