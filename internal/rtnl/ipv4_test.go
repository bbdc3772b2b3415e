package rtnl

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

var (
	hoa4   = netip.MustParseAddr("192.0.2.100")
	local4 = netip.MustParseAddr("198.51.100.2") // of the link that we visit
	next4  = netip.MustParseAddr("198.51.100.1") // the router there
	cn4    = netip.MustParseAddr("203.0.113.1")
)

// link4 gives the test's link an IPv4 address and default route.
func link4(t testing.TB, l netlink.Link) {
	t.Helper()
	must(t, netlink.AddrAdd(l, &netlink.Addr{IPNet: &net.IPNet{IP: local4.AsSlice(), Mask: net.CIDRMask(24, 32)}}))
	must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: next4.AsSlice()}))
}

// way4 is where an IPv4 packet to the correspondent node goes; see way.
func way4(t *testing.T, from netip.Addr) string { return wayTo(t, cn4, from) }

// RFC 5555 §4.4.3: the IPv4 home address's packets go into the tunnel when the home
// address's do, and nowhere while there is none; with the default route so do those
// that have no source address yet, but to what is on the link.
func TestKernelRFC5555_4_4_3_IPv4HomeAddress(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	before := routesAndRules(t)
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	outside, tunnelled := "eth0 from "+local4.String(), "mip6n0 from "+hoa4.String()
	for _, c := range []struct {
		mode        role.PathMode
		bound, free string
	}{
		{role.PathBlocked, "unreachable", outside},
		{role.PathTunnelled, "mip6n0", tunnelled},
		{role.PathTunnelled, "mip6n0", tunnelled},
		{role.PathBlocked, "unreachable", outside},
		{role.PathTunnelled, "mip6n0", tunnelled},
		{role.PathDeregistering, "unreachable", outside},
		{role.PathAnswering, "unreachable", outside},
		{role.PathHome, "unreachable", outside}, // it is no address of ours any more
		{role.PathTunnelled, "mip6n0", tunnelled},
		{role.PathNone, "unreachable", outside},
	} {
		must(t, setPath(m, homePath(c.mode, eth0)))
		if diff := cmp.Diff([]string{c.bound, c.free, outside}, []string{way4(t, hoa4), way4(t, netip.Addr{}), wayTo(t, next4, netip.Addr{})}); diff != "" {
			t.Errorf("%v (from the IPv4 home address, any, any to the router):\n%s", c.mode, diff)
		}
	}
	if diff := cmp.Diff(before, routesAndRules(t)); diff != "" {
		t.Errorf("left:\n%s", diff)
	}
}

// Without the default route only who uses the IPv4 home address uses the tunnel; the
// address may change, and go.
func TestKernelIPv4HomeAddressChanges(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	p := homePath(role.PathTunnelled, eth0)
	p.IPv4, p.IPv4Default = netip.Addr{}, false
	must(t, setPath(m, p)) // not known yet
	for _, a := range []netip.Addr{hoa4, hoa4.Next(), {}} {
		p.IPv4 = a
		must(t, setPath(m, p))
		for _, x := range []netip.Addr{hoa4, hoa4.Next()} {
			want := "unreachable"
			if x == a {
				want = "mip6n0"
			}
			if got := way4(t, x); got != want {
				t.Errorf("with %s: from %s by %s, want %s", a, x, got, want)
			}
		}
		if got := way4(t, netip.Addr{}); got != "eth0 from "+local4.String() {
			t.Errorf("with %s: from any by %s", a, got)
		}
	}
}

// A run that does not want it any more takes back what an earlier one left.
func TestKernelSettleRemovesIPv4HomeAddresses(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	must(t, setPath(m, homePath(role.PathTunnelled, eth0)))
	must(t, m.Close())

	m, err = OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	must(t, m.Settle([]netip.Addr{hoa, hoa4}, hoa4, nil))
	if got := way4(t, netip.Addr{}); got != "mip6n0 from "+hoa4.String() {
		t.Errorf("still wanted: %s", got)
	}
	must(t, m.Settle([]netip.Addr{hoa}, netip.Addr{}, nil))
	if got := way4(t, netip.Addr{}); got != "eth0 from "+local4.String() {
		t.Errorf("no longer wanted: %s", got)
	}
	if got := way4(t, hoa4); got != "unreachable" {
		t.Errorf("no longer wanted: from it by %s", got)
	}
	if got := way(t, hoa); got != "mip6n0" {
		t.Errorf("the home address's packets go by %s", got)
	}
}

// A home agent's routes to IPv4 home addresses come, move and go with the bindings.
func TestKernelRFC5555_4_5_1_RoutesToIPv4HomeAddresses(t *testing.T) {
	testkernel.Namespace(t)
	b, err := OpenBindings(Marks{})
	must(t, err)
	all := bindings(2)
	all[0].IPv4HomeAddress = hoa4
	to := func() string {
		t.Helper()
		// The library does not read this kind of encapsulation.
		out, err := exec.Command("ip", "-4", "route", "show", "table", "main").Output()
		must(t, err)
		if len(out) == 0 {
			return "none"
		}
		words := strings.Fields(string(out))
		at := slices.Index(words, "dst")
		if words[0] != hoa4.String() || at < 0 || strings.Count(string(out), "\n") != 1 {
			t.Fatalf("routes %s", out)
		}
		return words[at+1]
	}
	set := func(i int) {
		t.Helper()
		if errs := b.Set(all[i : i+1]); errs[0] != nil {
			t.Fatal(errs)
		}
	}
	expect := func(what, want string) {
		t.Helper()
		if got := to(); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	set(0)
	expect("bound", all[0].CareOf.String())
	all[0].CareOf = coa
	set(0)
	expect("moved", coa.String())
	must(t, b.Close())

	if b, err = OpenBindings(Marks{}); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	set(0)
	if n, err := b.Settle(); n != 0 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	expect("after a restart", coa.String())
	all[1].IPv4HomeAddress = hoa4
	set(1)
	b.Clear([]netip.Addr{all[0].HomeAddress})
	expect("given to another", all[1].CareOf.String())
	l, err := netlink.LinkByIndex(b.Device())
	must(t, err)
	must(t, netlink.LinkSetDown(l))
	must(t, b.Reinstate())
	expect("the device was set down", all[1].CareOf.String())
	all[1].IPv4HomeAddress = netip.Addr{}
	set(1)
	expect("given up", "none")
	all[1].IPv4HomeAddress = hoa4
	set(1)
	b.Clear([]netip.Addr{all[1].HomeAddress})
	expect("ended", "none")
	set(1)
	must(t, Cleanup(Marks{}, nil, nil))
	expect("cleaned up", "none")
}

// RFC 3704 has three ways to ask where a packet comes from; ours is the loose one.
func TestKernelReceiveByAnother(t *testing.T) {
	testkernel.Namespace(t)
	link(t)
	must(t, receiveByAnother("eth0"))
	must(t, receiveByAnother("nowhere0"))
	if b, err := os.ReadFile("/proc/sys/net/ipv4/conf/eth0/rp_filter"); err != nil || string(b) != "2\n" {
		t.Errorf("rp_filter %q, %v", b, err)
	}
}

// Of a home agent's several IPv4 home addresses one is for who has not chosen a source
// address, whichever moved last; and the end of one is not the end of another, although
// they share a tunnel.
func TestKernelSeveralIPv4HomeAddresses(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	first, second := homePath(role.PathTunnelled, eth0), homePath(role.PathTunnelled, eth0)
	second.HomeAddress = netip.MustParsePrefix("2001:db8:1::200/64")
	second.IPv4, second.IPv4Default = hoa4.Next(), false
	look := func(what, one, other, free string) {
		t.Helper()
		if diff := cmp.Diff([]string{one, other, free}, []string{way4(t, hoa4), way4(t, hoa4.Next()), way4(t, netip.Addr{})}); diff != "" {
			t.Errorf("%s (from the first, the second, any):\n%s", what, diff)
		}
	}
	outside, tunnelled := "eth0 from "+local4.String(), "mip6n0 from "+hoa4.String()
	must(t, setPath(m, second))
	look("the second alone", "unreachable", "mip6n0", outside)
	must(t, setPath(m, first))
	look("both", "mip6n0", "mip6n0", tunnelled)
	must(t, setPath(m, second))
	must(t, m.Reinstate())
	look("the second moves", "mip6n0", "mip6n0", tunnelled)
	second.IPv4 = netip.Addr{}
	must(t, setPath(m, second))
	look("the second has none", "mip6n0", "unreachable", tunnelled)
	second.IPv4 = hoa4.Next()
	must(t, setPath(m, second))
	first.IPv4 = netip.Addr{}
	must(t, setPath(m, first))
	look("the first has none", "unreachable", "mip6n0", outside)
	first.IPv4 = hoa4
	must(t, setPath(m, first))
	second.Mode = role.PathHome
	must(t, setPath(m, second))
	look("the second is at home", "mip6n0", "unreachable", tunnelled)
	second.Mode = role.PathTunnelled
	must(t, setPath(m, second))
	first.Mode = role.PathHome
	must(t, setPath(m, first))
	look("the first is at home", "unreachable", "mip6n0", outside)
}

// Another run has another default route, or none: what the earlier one's rules say is
// over.
func TestKernelIPv4DefaultRouteOfAnEarlierRun(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	before := rules4(t)
	run := func(p role.HomePath, default4 netip.Addr) {
		t.Helper()
		m, err := OpenMobileNode(Marks{}, false)
		must(t, err)
		defer m.Close()
		must(t, m.Settle([]netip.Addr{hoa, hoa4}, default4, nil))
		must(t, setPath(m, p))
	}
	p := homePath(role.PathTunnelled, eth0)
	run(p, hoa4)
	with := rules4(t)
	p.IPv4Default = false
	run(p, netip.Addr{})
	if got := way4(t, netip.Addr{}); got != "eth0 from "+local4.String() {
		t.Errorf("none any more: %s", got)
	}
	if n := len(rules4(t)); n != len(before)+2 {
		t.Errorf("%d rules, want those of the address only:\n%s", n, strings.Join(rules4(t), "\n"))
	}
	p.IPv4Default = true
	run(p, hoa4)
	run(p, hoa4)
	if diff := cmp.Diff(with, rules4(t)); diff != "" {
		t.Errorf("again:\n%s", diff)
	}
	// The home agent is another, and this run knows it from the beginning.
	p.HomeAgent = ha.Next()
	run(p, hoa4)
	if got := way4(t, netip.Addr{}); got != "mip6n1 from "+hoa4.String() {
		t.Errorf("another home agent: %s", got)
	}
	if n := len(rules4(t)); n != len(with) {
		t.Errorf("%d rules:\n%s", n, strings.Join(rules4(t), "\n"))
	}
}

// The rule for what is on our links, alone, may be what others delete.
func TestKernelReinstateTheRuleForOurLinks(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	must(t, setPath(m, homePath(role.PathTunnelled, eth0)))
	for range 2 {
		if got := wayTo(t, next4, netip.Addr{}); got != "eth0 from "+local4.String() {
			t.Errorf("to our link: %s", got)
		}
		must(t, m.conn.do(m.paths.onLink4().del()))
		must(t, m.Reinstate())
	}
}

func rules4(t *testing.T) (list []string) {
	t.Helper()
	rules, err := dump(func() ([]netlink.Rule, error) { return netlink.RuleList(netlink.FAMILY_V4) })
	must(t, err)
	for _, r := range rules {
		list = append(list, r.String())
	}
	slices.Sort(list)
	return list
}

// On a link without IPv4 addresses the kernel takes one of another interface for what
// must leave there: for an application that names the interface, or by a route that has
// no source address. That must not be the IPv4 home address.
func TestKernelIPv4HomeAddressIsNoOtherInterfacesSource(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	l, err := netlink.LinkByIndex(eth0)
	must(t, err)
	must(t, netlink.AddrDel(l, &netlink.Addr{IPNet: &net.IPNet{IP: local4.AsSlice(), Mask: net.CIDRMask(24, 32)}}))
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	p := homePath(role.PathTunnelled, eth0)
	for _, p.IPv4Default = range []bool{true, false} {
		must(t, setPath(m, p))
		routes, err := netlink.RouteGetWithOptions(cn4.AsSlice(), &netlink.RouteGetOptions{Oif: "eth0"})
		if err == nil && addrOf(routes[0].Src) == hoa4 {
			t.Errorf("default route %v: by eth0, from the IPv4 home address", p.IPv4Default)
		}
	}
	must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: eth0, Scope: netlink.SCOPE_LINK, Dst: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}}))
	if got := way4(t, netip.Addr{}); got == "eth0 from "+hoa4.String() {
		t.Errorf("by a default route: %s", got)
	}
}

// Cleaning up leaves others' IPv4 addresses alone, where the kernel (before 5.18) does
// not tell which addresses are ours: NetworkManager has none of them make a route.
func TestCleanupOnOlderKernelsLeavesIPv4Addresses(t *testing.T) {
	l, err := net.InterfaceByName("lo")
	must(t, err)
	ours := looksOurs([]string{"lo"}, []netip.Prefix{netip.PrefixFrom(hoa, 64)})
	for s, want := range map[string]bool{"198.51.100.2/24": false, "2001:db8:f1::100/64": true} {
		a := address{prefix: netip.MustParsePrefix(s), ifindex: l.Index, flags: unix.IFA_F_NOPREFIXROUTE}
		if ours(a) != want {
			t.Errorf("%s: %v", s, !want)
		}
	}
}

// What the kernel refuses once is tried again, IPv4 routes as well.
func TestKernelRefusedEndOfARouteIsTriedAgain(t *testing.T) {
	testkernel.Namespace(t)
	b, err := OpenBindings(Marks{})
	must(t, err)
	defer b.Close()
	x := bindings(1)
	x[0].IPv4HomeAddress = hoa4
	must(t, b.Set(x)[0])
	b.conn.between = func(r request) bool { return r.body[0] == unix.AF_INET6 }
	if b.Clear([]netip.Addr{x[0].HomeAddress})[0] == nil {
		t.Fatal("nothing was refused")
	}
	b.conn.between = nil
	must(t, b.Clear([]netip.Addr{x[0].HomeAddress})[0])
	there, err := b.routed()
	must(t, err)
	if len(there) > 0 {
		t.Errorf("left: %v", there)
	}
}

// Who has had an IPv4 home address before does not get it back with the device.
func TestKernelReinstateGivesIPv4HomeAddressesToWhoHasThem(t *testing.T) {
	testkernel.Namespace(t)
	b, err := OpenBindings(Marks{})
	must(t, err)
	defer b.Close()
	all := bindings(2)
	all[0].IPv4HomeAddress, all[1].IPv4HomeAddress = hoa4, hoa4
	must(t, b.Set(all[:1])[0])
	must(t, b.Set(all[1:])[0])
	for range 20 { // in any order of a map
		l, err := netlink.LinkByIndex(b.Device())
		must(t, err)
		must(t, netlink.LinkSetDown(l))
		must(t, b.Reinstate())
		out, err := exec.Command("ip", "-4", "route", "show", "table", "main").Output()
		must(t, err)
		if !strings.Contains(string(out), all[1].CareOf.String()) {
			t.Fatalf("routes %s", out)
		}
	}
}

// A kernel may have policy rules for IPv6 only (CONFIG_IP_MULTIPLE_TABLES).
func TestNoIPv4RulesInTheKernel(t *testing.T) {
	none := fmt.Errorf("list: %w", unix.EAFNOSUPPORT)
	if !lacks(netlink.FAMILY_V4, none) || lacks(netlink.FAMILY_V6, none) || lacks(netlink.FAMILY_V4, nil) || lacks(netlink.FAMILY_V4, unix.ENOBUFS) {
		t.Error("only IPv4's rules may be missing, and nothing else may be wrong")
	}
}
