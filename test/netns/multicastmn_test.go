package netns

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// What a mobile node sends to a group comes from its home address and by its home link: also
// where the program has chosen nothing but the home address.
//
// Requirements: 6275-11.3.4-6
func TestKernelMulticastOfTheMobileNode(t *testing.T) {
	w, host := multicastWorld(t, "on")
	l := listen(t, host, "eth0", globalGroup, netip.Addr{})
	begin := time.Now()
	s := source(t, w.MN, globalGroup, traffic.Out{From: topology.HoA, HopLimit: 9})
	flows(t, l, begin, 5*time.Second)
	for id, d := range l.Got() {
		if d.Source != topology.HoA || d.Times != 1 {
			t.Fatalf("datagram %d came from %s, %d times", id, d.Source, d.Times)
		}
	}
	_ = s.Close()
	w.noLeak(t, time.Time{})

	// By the tunnel device the source is the home address without being chosen.
	tunnelled := time.Now()
	s = source(t, w.MN, globalGroup, traffic.Out{Interface: tunnelDevice, HopLimit: 9})
	flows(t, l, tunnelled, 5*time.Second)
	_ = s.Close()
	inner := func(p capture.Packet) bool { return capture.Tunnelled(p) && p.IP.Innermost().Dst == globalGroup }
	for _, p := range w.wire.Select(begin, sent(inner)) {
		if p.IP.Inner.Src != topology.HoA {
			t.Fatalf("the inner source is %s", p.IP.Inner.Src)
		}
	}

	// Never what may go no further, nor what is for a link.
	for _, o := range []traffic.Out{{From: topology.HoA, HopLimit: 1}, {From: topology.HoA, HopLimit: 9, Interface: tunnelDevice}} {
		g := globalGroup
		if o.Interface != "" {
			g = siteGroup
		}
		quiet := listen(t, host, "eth0", g, netip.Addr{})
		s := source(t, w.MN, g, o)
		dry(t, quiet, time.Second, g.String())
		_ = s.Close()
		_ = quiet.Close()
	}
}

// Packets that the tunnel has no room for are refused with a Packet Too Big, after which the
// sender's kernel fragments them, and then they come.
func TestKernelMulticastTooBig(t *testing.T) {
	w, host := multicastWorld(t, "on")
	l := listen(t, w.MN, tunnelDevice, globalGroup, netip.Addr{})
	atHost, err := capture.Start(host, "eth0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer atHost.Close()
	source(t, host, globalGroup, traffic.Out{Interface: "eth0", HopLimit: 9, Size: 1440})
	flows(t, l, time.Now(), 20*time.Second)
	p, err := atHost.Wait(within(t, time.Second), time.Time{}, received(capture.ICMP(2)))
	if err != nil {
		t.Fatal("no Packet Too Big: ", err)
	}
	if mtu := binary.BigEndian.Uint32(p.IP.Payload[4:]); mtu != 1460 || p.IP.Src != topology.HAAddr {
		t.Errorf("an MTU of %d from %s", mtu, p.IP.Src)
	}
}

// With groups in its configuration a mobile node listens to them wherever it is, for programs
// that know of no tunnels. It never reports into the tunnel without a query; once the home agent
// has sent one, that holds for the binding, at other care-of addresses, too.
//
// Requirements: 6275-11.3.4-4
func TestKernelMulticastGroupsOfTheConfiguration(t *testing.T) {
	ha, mn := daemon.HomeAgent(), daemon.MobileNode()
	ha.Text += "  multicast: on\n"
	const auth = "      auth: {spi: 256, key_file: $DIR/key}\n"
	mn.Text = strings.Replace(mn.Text, auth, auth+"      groups: ["+globalGroup.String()+"]\n", 1)
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Home}, haConfig: &ha, mnConfig: &mn})
	host, err := w.AddHost("host", topology.Home, atHomeAddr)
	if err != nil {
		t.Fatal(err)
	}
	source(t, host, globalGroup, traffic.Out{Interface: "eth0", HopLimit: 9})
	l := listen(t, w.MN, "", globalGroup, netip.Addr{})
	flows(t, l, time.Now(), 10*time.Second)
	move := func(to topology.Link) time.Time {
		t.Helper()
		up, err := w.Move(to)
		if err != nil {
			t.Fatal(err)
		}
		w.registered(t, up, 15*time.Second)
		return up
	}
	away := move(topology.Foreign1)
	flows(t, l, time.Now(), 15*time.Second)
	for range 2 { // those at the begin of a binding; the next comes after two minutes
		q, err := w.wire.Wait(within(t, 20*time.Second), away, received(mldInTunnel(mldQuery)))
		if err != nil {
			t.Fatal(err)
		}
		away = q.Time.Add(time.Millisecond)
	}
	move(topology.Foreign2)
	flows(t, l, time.Now(), 5*time.Second)
	late := netip.MustParseAddr("ff0e::99")
	begin := time.Now()
	listen(t, w.MN, tunnelDevice, late, netip.Addr{})
	if _, err := w.wire.Wait(within(t, 5*time.Second), begin, sent(mldInTunnel(mldReportV2))); err != nil {
		t.Error("no report after the move: ", err)
	}
	if n := len(w.wire.Select(away, received(mldInTunnel(mldQuery)))); n > 0 {
		t.Fatalf("%d queries more, of which the report may come", n)
	}
	move(topology.Home)
	flows(t, l, time.Now(), 10*time.Second)
}

// Two mobile nodes that are away listen to a group, one to a single source: each gets its own,
// and what one of them sends comes to the other, not back to itself. The home agent has joined
// once.
func TestKernelMulticastBetweenMobileNodes(t *testing.T) {
	ha := daemon.HomeAgentOfTwo()
	ha.Text = strings.Replace(ha.Text, "correspondent_node: {}\n", "  multicast: on\n", 1)
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, haConfig: &ha})
	host, err := w.AddHost("host", topology.Home, atHomeAddr)
	if err != nil {
		t.Fatal(err)
	}
	other := netip.MustParseAddr("2001:db8:1::78")
	if err := host.AddAddress("eth0", netip.PrefixFrom(other, 64)); err != nil {
		t.Fatal(err)
	}
	second, err := w.AddHost("second", topology.Foreign2, netip.MustParseAddr("2001:db8:f2::99"))
	if err != nil {
		t.Fatal(err)
	}
	daemon.New(t, second, daemon.SecondMobileNode())
	w.registered(t, time.Time{}, 10*time.Second)
	eventually(t, 15*time.Second, func() string { return w.shows(t, w.ha, daemon.SecondHoA.String()+" ", "show", "bindings") })

	all := listen(t, w.MN, tunnelDevice, globalGroup, netip.Addr{})
	one := listen(t, second, tunnelDevice, globalGroup, atHomeAddr)
	source(t, host, globalGroup, traffic.Out{Interface: "eth0", HopLimit: 9, From: other})
	flows(t, all, time.Now(), 15*time.Second)
	eventually(t, 15*time.Second, func() string { return w.shows(t, w.ha, atHomeAddr.String(), "show", "groups") })
	dry(t, one, 500*time.Millisecond, "another source than asked for")
	source(t, host, globalGroup, traffic.Out{Interface: "eth0", HopLimit: 9, From: atHomeAddr})
	flows(t, one, time.Now(), 5*time.Second)
	if out := toGroups(t, w); !strings.Contains(out, globalGroup.String()+"\n") { // with "users 2" where joined twice
		t.Errorf("not joined once: %s", out)
	}

	everybody := listen(t, second, tunnelDevice, globalGroup, netip.Addr{})
	s := source(t, w.MN, globalGroup, traffic.Out{From: topology.HoA, HopLimit: 9})
	eventually(t, 10*time.Second, func() string {
		for _, d := range everybody.Got() {
			if d.Source == topology.HoA {
				return ""
			}
		}
		return "the other gets nothing from the first"
	})
	time.Sleep(500 * time.Millisecond)
	_ = s.Close()
	back := func(p capture.Packet) bool {
		return capture.Tunnelled(p) && p.IP.Innermost().Dst == globalGroup && p.IP.Innermost().Src == topology.HoA
	}
	if n := len(w.wire.Select(time.Time{}, received(back))); n > 0 {
		t.Errorf("%d packets came back to their sender", n)
	}
}

// toGroups is what the kernel of the home agent has joined on the home link.
func toGroups(t *testing.T, w *world) string {
	t.Helper()
	out, err := w.HA.Run(t.Context(), "ip", "-6", "maddr", "show", "dev", topology.HAHomeInterface)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A mobile node may speak version 1 of MLD. What the home agent itself sends on the home link, or
// a multicast router on its machine, comes as well.
//
// Requirements: 6275-10.4.3-1
func TestKernelMulticastVersion1(t *testing.T) {
	w, _ := multicastWorld(t, "on", func(topo *topology.Topology) {
		// Of the tunnel's device, from its beginning: a query that came while it was at version 2 would be answered in
		// version 2, up to seconds later, with whatever has been joined by then.
		if err := topo.MN.Sysctl("net/ipv6/conf/default/force_mld_version", "1"); err != nil {
			t.Fatal(err)
		}
	})
	l := listen(t, w.MN, tunnelDevice, globalGroup, netip.Addr{})
	source(t, w.HA, globalGroup, traffic.Out{Interface: topology.HAHomeInterface, HopLimit: 9})
	flows(t, l, time.Now(), 15*time.Second)
	eventually(t, time.Second, func() string { return w.shows(t, w.ha, " v1 ", "show", "groups") })
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, func() string { return w.shows(t, w.ha, "[]", "show", "groups", "-o", "json") })
	if n := len(w.wire.Select(time.Time{}, sent(mldInTunnel(mldDone)))); n == 0 {
		t.Error("it did not end with a Done")
	}
	if n := len(w.wire.Select(time.Time{}, sent(mldInTunnel(mldReportV2)))); n > 0 {
		t.Errorf("%d reports of version 2 in the tunnel", n)
	}
}

// The forwarder goes on with a tunnel device that was made again.
func TestKernelMulticastTunnelDeviceIsMadeAgain(t *testing.T) {
	w, host := multicastWorld(t, "on")
	l := listen(t, host, "eth0", globalGroup, netip.Addr{})
	source(t, w.MN, globalGroup, traffic.Out{From: topology.HoA, HopLimit: 9})
	flows(t, l, time.Now(), 5*time.Second)
	if _, err := w.HA.Run(t.Context(), "ip", "link", "del", "mip6t"); err != nil {
		t.Fatal(err)
	}
	flows(t, l, time.Now().Add(500*time.Millisecond), 10*time.Second)
}
