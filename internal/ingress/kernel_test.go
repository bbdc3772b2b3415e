package ingress

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/clsact"
	"mip6d/internal/role"
	"mip6d/test/nslab"
	"mip6d/test/testkernel"
)

var (
	hoa1  = netip.MustParseAddr("2001:db8:1::101")
	hoa2  = netip.MustParseAddr("2001:db8:1::102")
	coa1  = netip.MustParseAddr("2001:db8:2::11")
	coa2  = netip.MustParseAddr("2001:db8:2::12")
	haWAN = netip.MustParseAddr("2001:db8:2::1")
	haLAN = netip.MustParseAddr("2001:db8:1::1")
	host  = netip.MustParseAddr("2001:db8:1::2")
)

// network is a home agent between a home link and the rest of the world. peer
// plays all mobile nodes and those who would be.
type network struct {
	peer, ha, host *nslab.Node
	send           *rawSender // at peer
	atHost         *sniffer
}

func newNetwork(t *testing.T) *network {
	testkernel.Require(t)
	n := &network{peer: nslab.NewNode(t, "peer"), ha: nslab.NewNode(t, "ha"), host: nslab.NewNode(t, "host")}
	nslab.Join(t, n.peer, "wan", n.ha, "wan")
	nslab.Join(t, n.host, "lan", n.ha, "lan")
	n.ha.Sysctl("net/ipv6/conf/all/forwarding", "1")
	n.peer.Address("wan", coa1.String()+"/64")
	n.peer.Address("wan", coa2.String()+"/64")
	n.ha.Address("wan", haWAN.String()+"/64")
	n.ha.Address("lan", haLAN.String()+"/64")
	n.host.Address("lan", host.String()+"/64")
	n.host.Route("::/0", haLAN.String(), "lan")
	n.ha.Do(func() {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "mip6t"
		if err := netlink.LinkAdd(&netlink.Ip6tnl{LinkAttrs: attrs, FlowBased: true}); err != nil {
			t.Fatalf("add the shared tunnel device: %v", err)
		}
	})
	n.ha.Up("mip6t")
	n.ha.Route("2001:db8:1::100/120", "", "mip6t")
	n.send = newRawSender(t, n.peer)
	n.atHost = newSniffer(t, n.host, "lan", etherIPv6)
	return n
}

func (n *network) config() Config {
	return Config{Tunnel: n.ha.Index("mip6t"), HomeLinks: []int{n.ha.Index("lan")}}
}

func (n *network) open(t *testing.T, cfg Config) *Gate {
	t.Helper()
	var g *Gate
	var err error
	n.ha.Do(func() { g, err = New(cfg) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// tunnelled sends an echo request to the host through the reverse tunnel.
func (n *network) tunnelled(outer, inner netip.Addr, seq uint16) {
	n.send.send(ipv6(outer, haWAN, unix.IPPROTO_IPV6, 64, echoRequest(inner, host, seq)))
}

// passing sends a tunnelled packet and leaves it time to pass the gate, before
// the next line of the test changes that.
func (n *network) passing(outer, inner netip.Addr, seq uint16) {
	n.tunnelled(outer, inner, seq)
	time.Sleep(50 * time.Millisecond)
}

func set(t *testing.T, g *Gate, bindings ...role.Binding) {
	t.Helper()
	if errs := g.Set(bindings); errs != nil {
		t.Fatal(errs)
	}
}

func counters(t *testing.T, g *Gate) map[role.Counter]uint64 {
	t.Helper()
	c, err := g.Counters()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const quiet = 300 * time.Millisecond

// Requirements: 6275-8.4-4, 6275-8.4-5, 6275-10.3.1-30, 6275-10.4.5-1, 6275-10.4.5-2
func TestKernelRFC6275_10_4_5_OuterSourceIsTheCareOfAddress(t *testing.T) {
	n := newNetwork(t)
	// Without the gate everything comes through: the network is no reason
	// for what is missing below.
	n.passing(coa2, hoa1, 1)
	if got := echoes(n.atHost.collect(quiet)); !cmp.Equal(got, []uint16{1}) {
		t.Fatalf("without the gate the host got echo requests %v, want [1]", got)
	}

	g := n.open(t, n.config())
	n.passing(coa1, hoa1, 2) // nothing is bound yet
	defended := netip.MustParseAddr("fe80::101")
	set(t, g, role.Binding{HomeAddress: hoa1, CareOf: coa1, LinkLocal: defended}, role.Binding{HomeAddress: hoa2, CareOf: coa2})
	n.passing(coa1, defended, 11)                              // link-local, though by the right tunnel
	n.passing(coa1, netip.MustParseAddr("fe80::5"), 12)        // and one of nobody
	n.passing(coa1, hoa1, 3)                                   // right
	n.passing(coa2, hoa1, 4)                                   // the care-of address of another
	n.passing(coa2, hoa2, 5)                                   // right
	n.passing(coa1, netip.MustParseAddr("2001:db8:1::103"), 6) // no home address
	n.passing(netip.MustParseAddr("2001:db8:2::99"), hoa2, 7)  // from anywhere
	n.send.send(ipv6(coa1, haWAN, unix.IPPROTO_IPIP, 64, ipv4(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), 1)))
	set(t, g, role.Binding{HomeAddress: hoa1, CareOf: coa2})
	n.passing(coa2, hoa1, 8) // moved
	n.passing(coa1, hoa1, 9) // from where it was before
	if errs := g.Clear([]netip.Addr{hoa1}); errs != nil {
		t.Fatal(errs)
	}
	n.passing(coa2, hoa1, 10) // gone

	if diff := cmp.Diff([]uint16{3, 5, 8}, echoes(n.atHost.collect(quiet))); diff != "" {
		t.Errorf("echo requests at the host (-want +got):\n%s", diff)
	}
	want := map[role.Counter]uint64{
		CountTunnelPassed: 3, CountTunnelUnbound: 4, CountTunnelSpoofed: 3, CountTunnelOther: 0, CountHomeTests: 0, CountTunnelLink: 2,
	}
	got := counters(t, g)
	delete(got, CountDiscovery) // the host looks for those who ping it
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
}

func TestKernelRestartKeepsTheGate(t *testing.T) {
	n := newNetwork(t)
	g := n.open(t, n.config())
	set(t, g, role.Binding{HomeAddress: hoa1, CareOf: coa1}, role.Binding{HomeAddress: hoa2, CareOf: coa2})
	var seq uint16
	ping := func(what string, outer, inner netip.Addr, passes bool) {
		t.Helper()
		seq++
		n.tunnelled(outer, inner, seq)
		got := echoes(n.atHost.collect(quiet))
		if passed := len(got) == 1; passed != passes {
			t.Errorf("%s: %s from %s passed: %v, want %v", what, inner, outer, passed, passes)
		}
	}
	ping("running", coa1, hoa1, true)
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	ping("stopped", coa1, hoa1, true)
	ping("stopped", coa2, hoa1, false)

	g = n.open(t, n.config())
	ping("started again", coa1, hoa1, true)
	ping("started again", coa2, hoa2, true)
	set(t, g, role.Binding{HomeAddress: hoa1, CareOf: coa2})
	ping("moved before Settle", coa2, hoa1, true)
	if removed, err := g.Settle(); removed != 1 || err != nil {
		t.Errorf("Settle removed %d entries (%v), want 1: that of %s", removed, err, hoa2)
	}
	ping("settled", coa2, hoa1, true)
	ping("settled", coa2, hoa2, false)
}

// With another layout or without the right to open maps the older filter
// stays until the new map is full.
func TestKernelRestartWithoutRecovery(t *testing.T) {
	n := newNetwork(t)
	old := n.open(t, n.config())
	set(t, old, role.Binding{HomeAddress: hoa1, CareOf: coa1})
	old.Close()

	cfg := n.config()
	cfg.MaxBindings = 1000
	g := n.open(t, cfg)
	if !g.deferred {
		t.Fatal("a map of another size was taken over")
	}
	n.tunnelled(coa1, hoa1, 1)
	set(t, g, role.Binding{HomeAddress: hoa1, CareOf: coa1})
	n.tunnelled(coa1, hoa1, 2)
	n.tunnelled(coa2, hoa1, 3)
	if got := echoes(n.atHost.collect(quiet)); !cmp.Equal(got, []uint16{1, 2}) {
		t.Errorf("before Settle the host got %v, want [1 2]", got)
	}
	if c := counters(t, g)[CountTunnelPassed]; c != 0 {
		t.Errorf("the new filter counted %d packets before Settle", c)
	}
	if _, err := g.Settle(); err != nil {
		t.Fatal(err)
	}
	n.tunnelled(coa1, hoa1, 4)
	n.tunnelled(coa2, hoa1, 5)
	if got := echoes(n.atHost.collect(quiet)); !cmp.Equal(got, []uint16{4}) {
		t.Errorf("after Settle the host got %v, want [4]", got)
	}
	if c := counters(t, g)[CountTunnelPassed]; c != 1 {
		t.Errorf("after Settle the new filter counted %d packets passed, want 1", c)
	}
}

// The replacement of a filter loses no packet.
func TestKernelRestartUnderLoad(t *testing.T) {
	n := newNetwork(t)
	g := n.open(t, n.config())
	set(t, g, role.Binding{HomeAddress: hoa1, CareOf: coa1})
	const packets = 1000
	done := make(chan struct{})
	go func() {
		defer close(done)
		for seq := range uint16(packets) {
			n.tunnelled(coa1, hoa1, seq)
			time.Sleep(time.Millisecond)
		}
	}()
	restarts := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(50 * time.Millisecond):
			g.Close()
			g = n.open(t, n.config())
			set(t, g, role.Binding{HomeAddress: hoa1, CareOf: coa1})
			if _, err := g.Settle(); err != nil {
				t.Fatal(err)
			}
			restarts++
		}
	}
	if got := len(echoes(n.atHost.collect(quiet))); got != packets {
		t.Errorf("%d of %d packets came through %d restarts", got, packets, restarts)
	}
	if restarts < 3 {
		t.Errorf("only %d restarts", restarts)
	}
}

func TestKernelDetachRemovesOnlyOurs(t *testing.T) {
	n := newNetwork(t)
	qdiscs := func(dev string) (qdiscs, filters int) {
		list, err := n.ha.NL.QdiscList(n.ha.Link(dev))
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range list {
			if q.Type() == "clsact" {
				qdiscs++
			}
		}
		fs, err := clsact.Filters(n.ha.NL, n.ha.Index(dev), netlink.HANDLE_MIN_INGRESS)
		if err != nil {
			t.Fatal(err)
		}
		return qdiscs, len(fs)
	}
	// Somebody else's qdisc on the tunnel, nobody's on the home link.
	if _, err := clsact.Ensure(n.ha.NL, n.ha.Index("mip6t")); err != nil {
		t.Fatal(err)
	}
	g := n.open(t, n.config())
	for _, dev := range []string{"mip6t", "lan"} {
		if c, f := qdiscs(dev); c != 1 || f != 1 {
			t.Fatalf("%s has %d clsact qdiscs and %d filters with the gate, want 1 and 1", dev, c, f)
		}
	}
	// A later process must know as well which qdisc was ours.
	g.Close()
	g = n.open(t, n.config())
	if err := g.Detach(); err != nil {
		t.Fatal(err)
	}
	if c, f := qdiscs("mip6t"); c != 1 || f != 0 {
		t.Errorf("mip6t has %d clsact qdiscs and %d filters after Detach, want 1 and 0: the qdisc was there before", c, f)
	}
	if c, f := qdiscs("lan"); c != 0 || f != 0 {
		t.Errorf("lan has %d clsact qdiscs and %d filters after Detach, want none", c, f)
	}

	// A stranger's filter keeps the qdisc that we created.
	n.open(t, n.config())
	stranger := &netlink.MatchAll{FilterAttrs: netlink.FilterAttrs{
		LinkIndex: n.ha.Index("lan"), Parent: netlink.HANDLE_MIN_EGRESS, Priority: 1, Protocol: unix.ETH_P_ALL,
	}, Actions: []netlink.Action{&netlink.GenericAction{ActionAttrs: netlink.ActionAttrs{Action: netlink.TC_ACT_PIPE}}}}
	if err := n.ha.NL.FilterAdd(stranger); err != nil {
		t.Fatalf("add a filter as somebody else: %v", err)
	}
	var err error
	n.ha.Do(func() { err = Cleanup(Config{}) })
	if err != nil {
		t.Fatal(err)
	}
	if c, f := qdiscs("lan"); c != 1 || f != 0 {
		t.Errorf("lan has %d clsact qdiscs and %d ingress filters after Cleanup, want 1 and 0: somebody else uses the qdisc", c, f)
	}
}

func TestKernelForeignFilterIsNotReplaced(t *testing.T) {
	n := newNetwork(t)
	ifindex := n.ha.Index("mip6t")
	if _, err := clsact.Ensure(n.ha.NL, ifindex); err != nil {
		t.Fatal(err)
	}
	foreign := &netlink.MatchAll{FilterAttrs: netlink.FilterAttrs{
		LinkIndex: ifindex, Parent: netlink.HANDLE_MIN_INGRESS, Priority: DefaultPriority, Protocol: unix.ETH_P_ALL,
	}, Actions: []netlink.Action{&netlink.GenericAction{ActionAttrs: netlink.ActionAttrs{Action: netlink.TC_ACT_PIPE}}}}
	if err := n.ha.NL.FilterAdd(foreign); err != nil {
		t.Fatal(err)
	}
	var err error
	n.ha.Do(func() { _, err = New(n.config()) })
	if err == nil {
		t.Fatal("New replaced somebody else's filter")
	}
	t.Log(err)
}

// A home agent whose kernel learns a neighbour for a home address would send
// its packets onto the home link.
func TestKernelHomeLinkGateKeepsNeighbourDiscoveryFromTheKernel(t *testing.T) {
	n := newNetwork(t)
	n.ha.Route("2001:db8:1::/64", "", "lan") // so that the addresses are on-link, but for the tunnel's
	g := n.open(t, n.config())
	sendND := newRawSender(t, n.host)
	atPeer := newSniffer(t, n.peer, "wan", etherIPv6)
	mac := n.host.MAC("lan")
	// Both are on-link for the kernel; hoa2 is not bound.
	if err := n.ha.NL.RouteDel(&netlink.Route{Dst: mustNet(t, "2001:db8:1::100/120"), LinkIndex: n.ha.Index("mip6t")}); err != nil {
		t.Fatal(err)
	}
	ll := netip.MustParseAddr("fe80::101")
	set(t, g, role.Binding{HomeAddress: hoa1, CareOf: coa1, LinkLocal: ll})
	for _, src := range []netip.Addr{hoa1, hoa2, ll} {
		sendND.send(neighborMessage(src, haLAN, haLAN, typeNS, 0, 1, mac))
	}
	nslab.Eventually(t, "the kernel learns the neighbour that is not bound", func() bool {
		_, ok := n.ha.Neighbours("lan")[hoa2]
		return ok
	})
	neighbours := n.ha.Neighbours("lan")
	for _, a := range []netip.Addr{hoa1, ll} {
		if e, ok := neighbours[a]; ok {
			t.Errorf("the kernel learned the neighbour %v for the bound %s", e, a)
		}
	}
	if c := counters(t, g)[CountDiscovery]; c != 2 {
		t.Errorf("%d messages were kept from the kernel, want 2", c)
	}

	// A unicast solicitation for a home address must not go down the tunnel.
	n.ha.Route("2001:db8:1::100/120", coa1.String(), "wan") // stands in for the tunnel
	atPeer.collect(quiet)
	for _, a := range []netip.Addr{hoa1, hoa2} {
		n.host.NL.NeighSet(&netlink.Neigh{
			LinkIndex: n.host.Index("lan"), Family: netlink.FAMILY_V6, State: netlink.NUD_PERMANENT,
			IP: a.AsSlice(), HardwareAddr: n.ha.MAC("lan"),
		})
		sendND.send(neighborMessage(host, a, a, typeNS, 0, 1, mac))
	}
	var forwarded []netip.Addr
	for _, p := range atPeer.collect(quiet) {
		if p[6] == protoICMPv6 && p[40] == typeNS && p[7] == 254 {
			forwarded = append(forwarded, netip.AddrFrom16([16]byte(p[24:40])))
		}
	}
	if !cmp.Equal(forwarded, []netip.Addr{hoa2}, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })) {
		t.Errorf("unicast solicitations forwarded: %v, want only that for the unbound %s", forwarded, hoa2)
	}
}

func mustNet(t *testing.T, cidr string) *net.IPNet {
	t.Helper()
	_, n, err := net.ParseCIDR(cidr)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
