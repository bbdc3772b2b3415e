package rtnl

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// TestKernelReinstateHealsWhatOthersDid: network managers delete rules and
// routes that they don't know, people set devices down.
func TestKernelReinstateHealsWhatOthersDid(t *testing.T) {
	for _, mode := range away {
		t.Run(mode.String(), func(t *testing.T) {
			testkernel.Namespace(t)
			eth0 := link(t)
			m, err := OpenMobileNode(Marks{}, false)
			must(t, err)
			defer m.Close()
			must(t, setPath(m, homePath(mode, eth0)))
			want := kernelState(t)
			device := func() netlink.Link {
				l, err := netlink.LinkByName("mip6n0")
				must(t, err)
				return l
			}
			for _, harm := range []struct {
				name string
				do   func()
			}{
				{"rules deleted", func() { must(t, m.conn.cleanRules(m.paths.marks)) }},
				{"routes deleted", func() { must(t, m.conn.cleanRoutes(m.paths.marks, isDiscard)) }},
				{"tunnel set down", func() { must(t, netlink.LinkSetDown(device())) }},
				{"tunnel deleted", func() { must(t, netlink.LinkDel(device())) }},
				{"tunnel moved", func() {
					must(t, m.conn.do(tunnel{local: netip.MustParseAddr("2001:db8::bad"), remote: ha}.change(device().Attrs().Index)))
				}},
				{"home address deleted", func() {
					must(t, m.conn.do(address{prefix: host(hoa), ifindex: device().Attrs().Index}.del()))
				}},
			} {
				harm.do()
				if cmp.Equal(want, kernelState(t)) && (mode == role.PathTunnelled || harm.name != "tunnel moved") {
					t.Fatalf("%s: no harm was done", harm.name)
				}
				must(t, m.Reinstate())
				got := kernelState(t)
				if mode != role.PathTunnelled {
					// Its end point means nothing without a binding.
					got, want = got[1:], want[1:]
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s:\n%s", harm.name, diff)
				}
				want = kernelState(t)
			}
		})
	}
}

// TestKernelFirstHopComesBackWithTheCareOfAddress: an interface that was set
// down has lost the route to the home agent.
func TestKernelFirstHopComesBackWithTheCareOfAddress(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	p := homePath(role.PathTunnelled, eth0)
	careOf := role.AddCareOf{ID: 1, Ifindex: eth0, Prefix: netip.PrefixFrom(p.CareOf, 64), Preferred: time.Hour, Valid: time.Hour}
	must(t, m.Apply([]role.Effect{careOf})[0])
	must(t, setPath(m, p))
	hop := func() bool {
		r, err := m.paths.findHop(everything, m.paths.marks.Table+tableTunnel+1)
		must(t, err)
		return r.via == p.Router
	}
	if !hop() {
		t.Fatal("no route to the home agent by the router")
	}
	l, err := netlink.LinkByIndex(eth0)
	must(t, err)
	must(t, netlink.LinkSetDown(l))
	must(t, netlink.LinkSetUp(l))
	if hop() {
		t.Fatal("the route outlived the interface: this test shows nothing")
	}
	must(t, m.Apply([]role.Effect{careOf})[0])
	if !hop() {
		t.Error("the route to the home agent did not come back")
	}
}

// TestKernelSettle: an earlier run had a home address that is not configured any
// more, and a care-of address of a link where we may be no longer.
func TestKernelSettle(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	other := homePath(role.PathTunnelled, eth0)
	other.HomeAddress = netip.MustParsePrefix("2001:db8:1::200/64")
	other.IPv4, other.IPv4Default = hoa4.Next(), false
	old := netip.MustParsePrefix("2001:db8:f2::5/64")
	for _, err := range m.Apply([]role.Effect{
		role.AddCareOf{Ifindex: eth0, Prefix: old, Preferred: role.Infinite, Valid: role.Infinite},
		role.SetHomePath{Path: homePath(role.PathTunnelled, eth0)},
	}) {
		must(t, err)
	}
	want := kernelState(t)
	must(t, setPath(m, other))
	if cmp.Equal(want, kernelState(t)) {
		t.Fatal("the second home address leaves no trace")
	}
	must(t, m.Close())

	m, err = OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	must(t, m.Settle([]netip.Addr{hoa, hoa4}, hoa4, nil))
	if a := find(t, old.Addr()); a.preferred != 0 || a.valid == 0 || a.valid > 30 {
		t.Errorf("the earlier run's care-of address lives on for %d s, preferred %d s", a.valid, a.preferred)
	}
	must(t, m.Apply([]role.Effect{
		role.AddCareOf{Ifindex: eth0, Prefix: old, Preferred: role.Infinite, Valid: role.Infinite},
	})[0])
	if a := find(t, old.Addr()); a.preferred != forever || a.valid != forever {
		t.Errorf("asked for again, it lives for %d s, preferred %d s", a.valid, a.preferred)
	}
	if diff := cmp.Diff(want, kernelState(t)); diff != "" {
		t.Errorf("the second home address is not gone:\n%s", diff)
	}
	must(t, m.Settle([]netip.Addr{hoa, hoa4}, hoa4, nil))
	must(t, m.Apply([]role.Effect{role.RemoveCareOf{Ifindex: eth0, Addr: old.Addr()}})[0])
	if a := find(t, old.Addr()); a.prefix.IsValid() {
		t.Error("the earlier run's care-of address cannot be removed")
	}
}

// find returns an address as the kernel has it.
func find(t *testing.T, addr netip.Addr) (found address) {
	t.Helper()
	list, err := addresses()
	must(t, err)
	for _, a := range list {
		if a.prefix.Addr() == addr {
			found = a
		}
	}
	return found
}

// TestKernelCleanupKnowsWhoseAddressesAre: NetworkManager's look like ours, and
// ours may have no end.
func TestKernelCleanupKnowsWhoseAddressesAre(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	l, err := netlink.LinkByIndex(eth0)
	must(t, err)
	theirs := netip.MustParseAddr("2001:db8:f1::9")
	must(t, netlink.AddrAdd(l, &netlink.Addr{
		IPNet: &net.IPNet{IP: theirs.AsSlice(), Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NOPREFIXROUTE,
		ValidLft: 1000, PreferedLft: 500,
	}))
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	ours := netip.MustParsePrefix("2001:db8:f2::5/64")
	must(t, m.Apply([]role.Effect{
		role.AddCareOf{Ifindex: eth0, Prefix: ours, Preferred: role.Infinite, Valid: role.Infinite},
	})[0])
	must(t, setPath(m, homePath(role.PathHome, eth0)))
	must(t, Cleanup(Marks{}, []string{"eth0"}, []netip.Prefix{netip.PrefixFrom(hoa, 64)}))
	for _, c := range []struct {
		addr netip.Addr
		want bool
	}{{theirs, true}, {coa, true}, {ours.Addr(), false}, {hoa, false}} {
		if got := find(t, c.addr).prefix.IsValid(); got != c.want {
			t.Errorf("%s: there is %t, want %t", c.addr, got, c.want)
		}
	}
}
