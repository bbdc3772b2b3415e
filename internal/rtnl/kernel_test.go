package rtnl

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

var cn = netip.MustParseAddr("2001:db8:c::1")

// TestKernelErrorsOfABatch: each request that fails has its own error, though success is
// acknowledged for the last of a chunk only.
func TestKernelErrorsOfABatch(t *testing.T) {
	testkernel.Namespace(t)
	c, err := dial()
	must(t, err)
	defer c.close()
	lo := route{table: unix.RT_TABLE_MAIN, protocol: DefaultRouteProtocol, kind: unix.RTN_UNICAST, oif: 1}
	must(t, c.do(request{unix.RTM_NEWLINK, 0, linkHeader(1, unix.IFF_UP, unix.IFF_UP)}))
	const n = 2*chunkRequests + 10
	var requests []request
	want := make(map[int]error)
	for i := range n {
		r := lo
		a := cn.As16()
		a[13], a[14], a[15] = 1, byte(i>>8), byte(i)
		r.dst = host(netip.AddrFrom16(a))
		switch i {
		case 0, 7, chunkRequests - 1, chunkRequests, n - 1: // also the first and the last of a chunk
			requests, want[i] = append(requests, r.del()), unix.ESRCH // there is none
		default:
			requests = append(requests, r.set())
		}
	}
	for i, err := range c.batch(requests) {
		if err != want[i] {
			t.Errorf("request %d: %v, want %v", i, err, want[i])
		}
	}
	there, err := netlink.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{Protocol: DefaultRouteProtocol}, netlink.RT_FILTER_PROTOCOL)
	if err != nil || len(there) != n-len(want) {
		t.Errorf("%d routes, want %d (%v)", len(there), n-len(want), err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// link makes a veth pair whose ends are both up here, with a care-of address
// and a default route on the first; its interface index is returned.
func link(t testing.TB) int {
	t.Helper()
	a := netlink.NewLinkAttrs()
	a.Name = "eth0"
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: a, PeerName: "peer0"}))
	for _, name := range []string{"peer0", "eth0"} {
		l, err := netlink.LinkByName(name)
		must(t, err)
		must(t, netlink.LinkSetUp(l))
	}
	l, err := netlink.LinkByName("eth0")
	must(t, err)
	must(t, netlink.AddrAdd(l, &netlink.Addr{
		IPNet: &net.IPNet{IP: coa.AsSlice(), Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD,
	}))
	must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: net.ParseIP("fe80::1"), Dst: &net.IPNet{
		IP: net.IPv6zero, Mask: net.CIDRMask(0, 128),
	}}))
	localRoute(t, coa)
	link4(t, l)
	return l.Attrs().Index
}

// localRoute waits for the kernel to make the route to an address of its own, which
// it does a little later.
func localRoute(t testing.TB, a netip.Addr) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		routes, err := netlink.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{Table: unix.RT_TABLE_LOCAL}, netlink.RT_FILTER_TABLE)
		must(t, err)
		for _, r := range routes {
			if destination(r) == host(a) {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("no route to our own %s", a)
		}
	}
}

// way is where a packet to the correspondent node goes: the interface and, if
// from was left to the kernel, the source address; or "unreachable".
func way(t *testing.T, from netip.Addr) string { return wayTo(t, cn, from) }

func wayTo(t *testing.T, to, from netip.Addr) string {
	t.Helper()
	o := &netlink.RouteGetOptions{}
	if from.IsValid() {
		o.SrcAddr = from.AsSlice()
	}
	routes, err := netlink.RouteGetWithOptions(to.AsSlice(), o)
	if err != nil {
		return "unreachable"
	}
	l, err := netlink.LinkByIndex(routes[0].LinkIndex)
	must(t, err)
	if from.IsValid() {
		return l.Attrs().Name
	}
	return l.Attrs().Name + " from " + addrOf(routes[0].Src).String()
}

func homePath(mode role.PathMode, ifindex int) role.HomePath {
	p := role.HomePath{HomeAddress: netip.PrefixFrom(hoa, 64), Mode: mode, Ifindex: ifindex, IPv4: hoa4, IPv4Default: true}
	switch mode {
	case role.PathNone, role.PathHome:
	case role.PathTunnelled:
		p.CareOf, p.HomeAgent, p.Router = coa, ha, netip.MustParseAddr("fe80::1")
	default:
		p.HomeAgent = ha
	}
	return p
}

// TestKernelHomeAddressNeverFindsTheMainTable follows a home address through
// its modes, and looks at each where packets go that are from the home address,
// from the care-of address, and from a socket that was not bound.
//
// Requirements: 6275-11.3.1-2, 6275-11.5.5-2
func TestKernelHomeAddressNeverFindsTheMainTable(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	const away, tunnel = "eth0", "mip6n0"
	tunnelled := tunnel + " from " + hoa.String()
	for _, c := range []struct {
		mode                role.PathMode
		bound, careOf, free string
	}{
		{role.PathBlocked, "unreachable", away, "unreachable"},
		{role.PathTunnelled, tunnel, away, tunnelled},
		{role.PathTunnelled, tunnel, away, tunnelled}, // idempotent
		{role.PathBlocked, "unreachable", away, "unreachable"},
		{role.PathTunnelled, tunnel, away, tunnelled},
		{role.PathDeregistering, "unreachable", away, "unreachable"},
		{role.PathAnswering, "unreachable", away, "unreachable"},
		{role.PathHome, "eth0", away, "eth0 from " + hoa.String()},
		{role.PathBlocked, "unreachable", away, "unreachable"},
		{role.PathNone, away, away, "eth0 from " + coa.String()},
	} {
		if err := m.Apply([]role.Effect{role.SetHomePath{ID: 1, Path: homePath(c.mode, eth0)}})[0]; err != nil {
			t.Fatalf("%v: %v", c.mode, err)
		}
		got := []string{way(t, hoa), way(t, coa), way(t, netip.Addr{})}
		if diff := cmp.Diff([]string{c.bound, c.careOf, c.free}, got); diff != "" {
			t.Errorf("%v (from the home address, the care-of address, any):\n%s", c.mode, diff)
		}
	}
}

// TestKernelDeregistrationReachesTheHomeAgentOnly: RFC 6275 §11.5.5.
//
// Requirements: 6275-11.5.5-2, 6275-11.5.5-6
func TestKernelDeregistrationReachesTheHomeAgentOnly(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	p := homePath(role.PathDeregistering, eth0)
	p.HomeAgentLinkAddr = net.HardwareAddr{2, 0, 0, 0, 0, 9}
	must(t, m.Apply([]role.Effect{role.SetHomePath{Path: p}})[0])
	routes, err := netlink.RouteGetWithOptions(ha.AsSlice(), &netlink.RouteGetOptions{SrcAddr: hoa.AsSlice()})
	must(t, err)
	if routes[0].LinkIndex != eth0 || routes[0].Gw != nil {
		t.Errorf("the way to the home agent is %v, not directly on eth0", routes[0])
	}
	neighbours, err := dump(func() ([]netlink.Neigh, error) { return netlink.NeighList(eth0, netlink.FAMILY_V6) })
	must(t, err)
	found := false
	for _, n := range neighbours {
		found = found || addrOf(n.IP) == ha && n.HardwareAddr.String() == net.HardwareAddr(p.HomeAgentLinkAddr).String()
	}
	if !found {
		t.Errorf("no neighbour entry for the home agent: %v", neighbours)
	}
}

// TestKernelRestartTakesThePathOver: a second run finds the devices, rules and
// addresses of one that was killed.
func TestKernelRestartTakesThePathOver(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	for range 2 {
		m, err := OpenMobileNode(Marks{}, false)
		must(t, err)
		must(t, m.Apply([]role.Effect{role.SetHomePath{Path: homePath(role.PathTunnelled, eth0)}})[0])
		m.Close()
	}
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	must(t, m.Apply([]role.Effect{role.SetHomePath{Path: homePath(role.PathHome, eth0)}})[0])
	rules, err := dump(func() ([]netlink.Rule, error) { return netlink.RuleList(netlink.FAMILY_V6) })
	must(t, err)
	for _, r := range rules {
		if r.Src != nil {
			t.Errorf("a rule of the first run is left: %v", r)
		}
	}
	if _, err := netlink.LinkByName("mip6n0"); err == nil {
		t.Error("the tunnel of the first run is left")
	}
}

func TestKernelCareOfAddress(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	careOf := netip.MustParsePrefix("2001:db8:f2::5/64")
	errs := m.Apply([]role.Effect{
		role.AddCareOf{ID: 1, Ifindex: eth0, Prefix: careOf, Preferred: 100e9, Valid: 200e9},
		role.AddCareOf{ID: 2, Ifindex: eth0, Prefix: careOf, Preferred: 150e9, Valid: 300e9},
		role.AddCareOf{ID: 3, Ifindex: 9999, Prefix: careOf, Preferred: 150e9, Valid: 300e9},
	})
	if errs[0] != nil || errs[1] != nil || errs[2] == nil {
		t.Fatalf("errors: %v", errs)
	}
	l, err := netlink.LinkByIndex(eth0)
	must(t, err)
	there := func() *netlink.Addr {
		addrs, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(l, netlink.FAMILY_V6) })
		must(t, err)
		for _, a := range addrs {
			if addrOf(a.IP) == careOf.Addr() {
				return &a
			}
		}
		return nil
	}
	a := there()
	if a == nil || a.ValidLft < 290 || a.Flags&unix.IFA_F_NOPREFIXROUTE == 0 {
		t.Fatalf("the care-of address is %+v", a)
	}
	for range 2 { // taking back what is gone is fine
		must(t, m.Apply([]role.Effect{role.RemoveCareOf{Ifindex: eth0, Addr: careOf.Addr()}})[0])
	}
	if there() != nil {
		t.Error("the care-of address is still there")
	}
	// Now duplicate address detection as it is asked for.
	must(t, os.WriteFile(sysctl("eth0", "optimistic_dad"), []byte("1"), 0))
	const tentative, optimistic = unix.IFA_F_TENTATIVE, unix.IFA_F_OPTIMISTIC
	for mode, want := range map[role.DADMode]int{role.DADOptimistic: tentative | optimistic, role.DADFirst: tentative, role.DADNone: unix.IFA_F_NODAD} {
		must(t, m.Apply([]role.Effect{role.AddCareOf{Ifindex: eth0, Prefix: careOf, Preferred: 150e9, Valid: 300e9, DAD: mode}})[0])
		if got := there().Flags & (tentative | optimistic | unix.IFA_F_NODAD); got != want {
			t.Errorf("mode %d: the flags are %#x, want %#x", mode, got, want)
		}
		must(t, m.Apply([]role.Effect{role.RemoveCareOf{Ifindex: eth0, Addr: careOf.Addr()}})[0])
	}
}

// At home the home address is marked as one unless it is not to be, whatever an earlier
// run has made of it, which the next one does not take for a care-of address.
func TestKernelMarkOfHomeAddressAtHome(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	for _, unmarked := range []bool{false, true, true, false} {
		m, err := OpenMobileNode(Marks{}, false)
		must(t, err)
		must(t, m.Settle([]netip.Addr{hoa}, netip.Addr{}, nil))
		p := homePath(role.PathHome, eth0)
		p.Unmarked = unmarked
		must(t, setPath(m, p))
		must(t, m.Close())
		addrs, err := addresses()
		must(t, err)
		i := slices.IndexFunc(addrs, func(a address) bool { return a.prefix.Addr() == hoa })
		if i < 0 {
			t.Fatal("no home address")
		}
		if a := addrs[i]; a.isHome() == unmarked || a.valid != forever || a.preferred != forever || a.prefix.Bits() != 64 {
			t.Errorf("unmarked %v: %+v", unmarked, a)
		}
	}
}

// bindings makes n bindings, with home addresses from 2001:db8:1::1:0 on.
func bindings(n int) []role.Binding {
	list := make([]role.Binding, n)
	for i := range list {
		h, c := hoa.As16(), coa.As16()
		h[12], c[12] = 1, 1
		h[14], h[15], c[14], c[15] = byte(i>>8), byte(i), byte(i>>8), byte(i)
		list[i] = role.Binding{HomeAddress: netip.AddrFrom16(h), CareOf: netip.AddrFrom16(c), HomeAgent: ha}
	}
	return list
}

func routed(t *testing.T) int {
	t.Helper()
	routes, err := ours(Marks{}.withDefaults())
	must(t, err)
	return len(routes)
}

func TestKernelBindingsInBatches(t *testing.T) {
	testkernel.Namespace(t)
	b, err := OpenBindings(Marks{})
	must(t, err)
	const n = 3000
	all := bindings(n)
	for i, err := range b.Set(all) {
		if err != nil {
			t.Fatalf("binding %d: %v", i, err)
		}
	}
	if got := routed(t); got != n {
		t.Fatalf("%d routes, want %d", got, n)
	}
	// A bad one among good ones is the only one that fails.
	bad := []role.Binding{all[0], {HomeAddress: all[1].HomeAddress}, all[2]}
	errs := b.Set(bad)
	if errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("errors: %v", errs)
	}
	for range 2 {
		for i, err := range b.Clear([]netip.Addr{all[0].HomeAddress, all[1].HomeAddress}) {
			if err != nil {
				t.Errorf("clear %d: %v", i, err)
			}
		}
	}
	if got := routed(t); got != n-2 {
		t.Errorf("%d routes after clearing two, want %d", got, n-2)
	}
	must(t, b.Close())

	// The next run wants ten of them.
	b, err = OpenBindings(Marks{})
	must(t, err)
	defer b.Close()
	b.Set(all[10:20])
	removed, err := b.Settle()
	must(t, err)
	if removed != n-12 || routed(t) != 10 {
		t.Errorf("swept %d, %d left; want %d and 10", removed, routed(t), n-12)
	}
}

func TestKernelTunnelSetDownOrDeletedComesBack(t *testing.T) {
	testkernel.Namespace(t)
	b, err := OpenBindings(Marks{})
	must(t, err)
	defer b.Close()
	b.Set(bindings(5))
	l, err := netlink.LinkByIndex(b.Device())
	must(t, err)
	for _, harm := range []func() error{
		func() error { return netlink.LinkSetDown(l) },
		func() error { return netlink.LinkDel(l) },
	} {
		must(t, harm())
		if routed(t) != 0 {
			t.Fatal("the kernel kept the routes: this test shows nothing")
		}
		must(t, b.Reinstate())
		if got := routed(t); got != 5 {
			t.Errorf("%d routes after reinstating, want 5", got)
		}
	}
}

func TestKernelForeignTunnelDeviceIsRefused(t *testing.T) {
	testkernel.Namespace(t)
	a := netlink.NewLinkAttrs()
	a.Name = DefaultTunnelName
	must(t, netlink.LinkAdd(&netlink.Dummy{LinkAttrs: a}))
	if b, err := OpenBindings(Marks{}); err == nil {
		b.Close()
		t.Error("a dummy device was taken for our tunnel")
	}
}

func TestKernelCleanupRemovesWhatIsOursOnly(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	before := routesAndRules(t)
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	for _, err := range m.Apply([]role.Effect{
		role.AddCareOf{Ifindex: eth0, Prefix: netip.MustParsePrefix("2001:db8:f2::5/64"), Preferred: 100e9, Valid: 200e9},
		role.SetHomePath{Path: homePath(role.PathTunnelled, eth0)},
	}) {
		must(t, err)
	}
	if cmp.Equal(before, routesAndRules(t)) {
		t.Fatal("nothing to clean up")
	}
	must(t, Cleanup(Marks{}, []string{"eth0", "wlan7"}, []netip.Prefix{netip.PrefixFrom(hoa, 64)}))
	if diff := cmp.Diff(before, routesAndRules(t)); diff != "" {
		t.Error(diff)
	}
}

func routesAndRules(t *testing.T) (list []string) {
	t.Helper()
	for _, family := range []int{netlink.FAMILY_V6, netlink.FAMILY_V4} {
		routes, err := dump(func() ([]netlink.Route, error) {
			return netlink.RouteListFiltered(family, &netlink.Route{}, netlink.RT_FILTER_TABLE)
		})
		must(t, err)
		for _, r := range routes {
			if d := r.Dst; d != nil && (d.IP.IsLinkLocalUnicast() || d.IP.IsMulticast()) {
				continue // these come when an interface is ready
			}
			list = append(list, r.String())
		}
		rules, err := dump(func() ([]netlink.Rule, error) { return netlink.RuleList(family) })
		must(t, err)
		for _, r := range rules {
			list = append(list, r.String())
		}
		addrs, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, family) })
		must(t, err)
		for _, a := range addrs {
			if !a.IP.IsLinkLocalUnicast() { // these end their detection meanwhile
				list = append(list, a.IPNet.String())
			}
		}
	}
	return list
}

func TestKernelSettingsAreRestored(t *testing.T) {
	testkernel.Namespace(t)
	link(t)
	dir := t.TempDir()
	s, err := OpenSettings(dir)
	must(t, err)
	must(t, s.Manage(Managed{Name: "eth0", Optimistic: true}))
	must(t, s.Manage(Managed{Name: "wlan7"})) // not there
	if v, _ := read(sysctl("eth0", "optimistic_dad")); v != "1" {
		t.Errorf("optimistic_dad is %q", v)
	}
	// As if killed: the next run knows what it was.
	s, err = OpenSettings(dir)
	must(t, err)
	must(t, s.Manage(Managed{Name: "eth0", Optimistic: true}))
	must(t, s.Restore())
	for key, want := range map[string]string{"optimistic_dad": "0", "autoconf": "1", "accept_ra": "1"} {
		if v, _ := read(sysctl("eth0", key)); v != want {
			t.Errorf("%s is %q after restoring, want %q", key, v, want)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("left in the run directory: %v", files)
	}
	// What the next run's configuration leaves alone, it restores.
	must(t, os.WriteFile(sysctl("eth0", "use_tempaddr"), []byte("2"), 0))
	for _, c := range []struct {
		m                     Managed
		optimistic, temporary string
	}{
		{Managed{Name: "eth0", Optimistic: true}, "1", "0"},
		{Managed{Name: "eth0", KeepTempAddrs: true}, "0", "2"},
	} {
		s, err = OpenSettings(dir)
		must(t, err)
		must(t, s.Manage(c.m))
		for key, want := range map[string]string{"optimistic_dad": c.optimistic, "use_optimistic": c.optimistic, "use_tempaddr": c.temporary, "autoconf": "0"} {
			if v, _ := read(sysctl("eth0", key)); v != want {
				t.Errorf("%+v: %s is %q, want %q", c.m, key, v, want)
			}
		}
	}
}
