package netns

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

const (
	mldQuery    = 130
	mldReport   = 131
	mldDone     = 132
	mldReportV2 = 143

	tunnelDevice = "mip6n0" // the mobile node's
	groupPort    = 5000
)

var (
	globalGroup = netip.MustParseAddr("ff0e::42")
	siteGroup   = netip.MustParseAddr("ff05::42")
	linkGroup   = netip.MustParseAddr("ff02::4242")
	atHomeAddr  = netip.MustParseAddr("2001:db8:1::77") // of a host on the home link
)

// multicastWorld is a world with a home agent that forwards multicast, and a host on the
// home link. before, if any, is done before the daemons start.
func multicastWorld(t *testing.T, multicast string, before ...func(*topology.Topology)) (*world, *node.Node) {
	t.Helper()
	cfg := daemon.HomeAgent()
	cfg.Text += "  multicast: " + multicast + "\n"
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, haConfig: &cfg, before: func(topo *topology.Topology) {
		for _, f := range before {
			f(topo)
		}
	}})
	host, err := w.AddHost("host", topology.Home, atHomeAddr)
	if err != nil {
		t.Fatal(err)
	}
	w.registered(t, time.Time{}, 10*time.Second)
	return w, host
}

// mldInTunnel wants multicast listeners' messages, and queries, inside a tunnel.
func mldInTunnel(types ...uint8) func(capture.Packet) bool {
	return func(p capture.Packet) bool {
		if !capture.Tunnelled(p) {
			return false
		}
		typ, ok := p.IP.Innermost().ICMPType()
		for _, want := range types {
			if ok && typ == want {
				return true
			}
		}
		return false
	}
}

func listen(t *testing.T, n *node.Node, ifname string, group, source netip.Addr) *traffic.Listener {
	t.Helper()
	l, err := traffic.Listen(n, ifname, group, groupPort, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func source(t *testing.T, n *node.Node, group netip.Addr, out traffic.Out) *traffic.Source {
	t.Helper()
	s, err := traffic.StartSource(n, out, group, groupPort, 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// flows waits until a listener gets something that was sent after since.
func flows(t *testing.T, l *traffic.Listener, since time.Time, limit time.Duration) {
	t.Helper()
	eventually(t, limit, func() string {
		for _, d := range l.Got() {
			if d.Time.After(since) {
				return ""
			}
		}
		return "nothing comes to the group"
	})
}

// dry checks that a listener gets nothing for a while, but for what is under way.
func dry(t *testing.T, l *traffic.Listener, d time.Duration, what string) {
	t.Helper()
	time.Sleep(200 * time.Millisecond)
	since := time.Now()
	time.Sleep(d)
	for _, x := range l.Got() {
		if x.Time.After(since) {
			t.Errorf("%s: still something comes to the group, from %s", what, x.Source)
			return
		}
	}
}

// A program on a mobile node that is away joins a group on the tunnel device: it gets every
// packet that is sent to it on the home link, once, with its hop limit one less; at each foreign
// link; until it leaves.
//
// Requirements: 6275-8.4-14, 6275-8.4-15, 6275-8.5-16, 6275-10.4.2-6, 6275-10.4.3-1
func TestKernelMulticastFollowsTheMobileNode(t *testing.T) {
	w, host := multicastWorld(t, "on")
	s := source(t, host, globalGroup, traffic.Out{Interface: "eth0", HopLimit: 9})
	l := listen(t, w.MN, tunnelDevice, globalGroup, netip.Addr{})
	joined := time.Now()
	flows(t, l, joined, 15*time.Second)
	eventually(t, time.Second, func() string { return w.shows(t, w.ha, globalGroup.String()+" ", "show", "groups") })

	// Every packet of a second or so, once.
	begin := time.Now()
	time.Sleep(time.Second)
	end := time.Now()
	time.Sleep(300 * time.Millisecond)
	got, n := l.Got(), 0
	for id, at := range s.Sent() {
		if at.Before(begin) || at.After(end) {
			continue
		}
		n++
		if got[id].Times != 1 || got[id].Source != atHomeAddr {
			t.Fatalf("datagram %d came %d times, from %v", id, got[id].Times, got[id].Source)
		}
	}
	if n < 10 {
		t.Fatalf("only %d datagrams were sent", n)
	}
	toGroup := func(p capture.Packet) bool { return capture.Tunnelled(p) && p.IP.Innermost().Dst == globalGroup }
	p, err := w.wire.Wait(within(t, time.Second), begin, received(toGroup))
	if err != nil {
		t.Fatal(err)
	}
	if p.IP.Src != topology.HAAddr || p.IP.Inner.HopLimit != 8 {
		t.Errorf("in a tunnel from %s, hop limit %d", p.IP.Src, p.IP.Inner.HopLimit)
	}

	up, err := w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	w.registered(t, up, 10*time.Second)
	flows(t, l, time.Now(), 2*time.Second)
	eventually(t, time.Second, func() string { return w.shows(t, w.ha, "2001:db8:f2:", "show", "groups") })

	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, func() string { return w.shows(t, w.ha, "[]", "show", "groups", "-o", "json") })
	left := time.Now()
	time.Sleep(500 * time.Millisecond)
	if n := len(w.wire.Select(left.Add(100*time.Millisecond), received(toGroup))); n > 0 {
		t.Errorf("%d packets to a group that was left", n)
	}
	out, err := w.HA.Run(t.Context(), "ip", "-6", "maddr", "show", "dev", topology.HAHomeInterface)
	if err != nil || strings.Contains(out, globalGroup.String()) {
		t.Errorf("the home agent has not left the group: %v %s", err, out)
	}
	w.noLeak(t, time.Time{})
}

// Not before the home agent has asked by the tunnel does the mobile node report into it; on the
// foreign link its kernel reports as ever, from that link's address and without a Home Address
// option; what it sends by the tunnel is MLD as its kernel makes it.
//
// Requirements: 6275-11.3.4-1, 6275-11.3.4-2, 6275-11.3.4-3
func TestKernelNoReportBeforeTheHomeAgentAsks(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}}) // without multicast
	w.registered(t, time.Time{}, 10*time.Second)
	listen(t, w.MN, tunnelDevice, globalGroup, netip.Addr{})
	local := netip.MustParseAddr("ff0e::99")
	listen(t, w.MN, topology.MNInterface, local, netip.Addr{})
	reported := func(p capture.Packet) bool {
		typ, ok := p.IP.ICMPType()
		return ok && typ == mldReportV2 && strings.Contains(string(p.IP.Payload), string(local.AsSlice()))
	}
	p, err := w.wire.Wait(within(t, 5*time.Second), time.Time{}, sent(reported))
	if err != nil {
		t.Fatal("no report on the foreign link: ", err)
	}
	if !p.IP.Src.IsLinkLocalUnicast() || p.IP.HomeAddress.IsValid() {
		t.Errorf("a local report from %s for %v", p.IP.Src, p.IP.HomeAddress)
	}
	time.Sleep(3 * time.Second) // the kernel reports at once and again within two seconds
	if n := len(w.wire.Select(time.Time{}, mldInTunnel(mldQuery, mldReport, mldDone, mldReportV2))); n > 0 {
		t.Errorf("%d messages of multicast listener discovery in the tunnel", n)
	}

	// Now the home agent forwards multicast, and asks.
	if err := w.ha.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := w.ha.Configure(daemon.HomeAgent().Text + "  multicast: on\n"); err != nil {
		t.Fatal(err)
	}
	again := time.Now() // it knows the binding still, and may ask at once
	if err := w.ha.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.mn.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := w.mn.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.registered(t, again, 10*time.Second)
	query, err := w.wire.Wait(within(t, 10*time.Second), again, received(mldInTunnel(mldQuery)))
	if err != nil {
		t.Fatal("no query: ", err)
	}
	report, err := w.wire.Wait(within(t, 15*time.Second), again, sent(mldInTunnel(mldReportV2)))
	if err != nil {
		t.Fatal("no report: ", err)
	}
	if report.Time.Before(query.Time) {
		t.Error("a report before the query")
	}
	if !query.IP.Inner.Src.IsLinkLocalUnicast() || query.IP.Inner.HopLimit != 1 || !report.IP.Inner.Src.IsLinkLocalUnicast() || report.IP.Inner.HopLimit != 1 {
		t.Errorf("query from %s, hop limit %d; report from %s, hop limit %d",
			query.IP.Inner.Src, query.IP.Inner.HopLimit, report.IP.Inner.Src, report.IP.Inner.HopLimit)
	}
	eventually(t, 5*time.Second, func() string { return w.shows(t, w.ha, globalGroup.String()+" ", "show", "groups") })
}

// Groups of link-local scope never come through the tunnel, those between that and global only
// where the home agent is told so.
//
// Requirements: 6275-10.4.2-4, 6275-10.4.2-4b, 6275-10.4.2-5
func TestKernelMulticastScopes(t *testing.T) {
	w, host := multicastWorld(t, "on")
	groups := []netip.Addr{globalGroup, siteGroup, linkGroup}
	var listeners []*traffic.Listener
	for _, g := range groups {
		source(t, host, g, traffic.Out{Interface: "eth0", HopLimit: 9})
		listeners = append(listeners, listen(t, w.MN, tunnelDevice, g, netip.Addr{}))
	}
	atHost, err := capture.Start(host, "eth0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer atHost.Close()
	flows(t, listeners[0], time.Now(), 15*time.Second)
	dry(t, listeners[1], time.Second, "site-local scope")
	dry(t, listeners[2], time.Second, "link-local scope")
	if n := len(atHost.Select(time.Time{}, received(capture.ICMP(1)))); n > 0 { // Destination Unreachable
		t.Error("not silently")
	}
	cfg := daemon.HomeAgent().Text + "  multicast: {scopes: [site_local], query_interval: 12s}\n"
	if err := w.ha.Configure(cfg); err != nil {
		t.Fatal(err)
	}
	if err := w.ha.Reload(); err != nil {
		t.Fatal(err)
	}
	flows(t, listeners[1], time.Now(), 40*time.Second)
	dry(t, listeners[2], time.Second, "link-local scope")
}

// A binding's end is its memberships' end, and reports in another's name are nobody's.
func TestKernelMulticastEndsWithTheBinding(t *testing.T) {
	w, host := multicastWorld(t, "on")
	coa := w.careOf(t, time.Time{})
	source(t, host, globalGroup, traffic.Out{Interface: "eth0", HopLimit: 9})
	l := listen(t, w.MN, tunnelDevice, globalGroup, netip.Addr{})

	attacker, err := w.AddHost("attacker", topology.Foreign1, hostOnForeign1)
	if err != nil {
		t.Fatal(err)
	}
	other := netip.MustParseAddr("ff0e::bad")
	forge := func(outer, inner netip.Addr, group netip.Addr) {
		t.Helper()
		packet := capture.IPv6Packet(outer, topology.HAAddr, capture.ProtoIPv6, reportPacket(inner, group))
		if err := capture.Inject(attacker, "eth0", capture.EthernetFrame("02:00:00:00:f1:01", packet)); err != nil {
			t.Fatal(err)
		}
	}
	forge(hostOnForeign1, topology.HoA, other)
	forge(hostOnForeign1, netip.MustParseAddr("fe80::100"), other)
	forge(coa, topology.HoA, netip.MustParseAddr("ff0e::900d")) // as the mobile node could
	eventually(t, 5*time.Second, func() string { return w.shows(t, w.ha, "ff0e::900d ", "show", "groups") })
	if w.shows(t, w.ha, other.String(), "show", "groups") == "" {
		t.Error("a report from a care-of address that is not bound was believed")
	}

	flows(t, l, time.Now(), 15*time.Second)
	atHA, err := capture.Start(w.HA, topology.HACoreInterface, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer atHA.Close()
	if _, err := w.Move(topology.Home); err != nil {
		t.Fatal(err)
	}
	eventually(t, 15*time.Second, func() string { return w.shows(t, w.ha, "[]", "show", "bindings", "-o", "json") })
	if wrong := w.shows(t, w.ha, "[]", "show", "groups", "-o", "json"); wrong != "" {
		t.Error(wrong)
	}
	end := time.Now().Add(100 * time.Millisecond)
	time.Sleep(600 * time.Millisecond)
	toGroup := func(p capture.Packet) bool { return capture.Tunnelled(p) && p.IP.Innermost().Dst == globalGroup }
	if n := len(atHA.Select(end, toGroup)); n > 0 {
		t.Errorf("%d packets tunnelled after the binding's end", n)
	}
}

// reportPacket is a Version 2 report that a group is listened to.
func reportPacket(src, group netip.Addr) []byte {
	dst := netip.MustParseAddr("ff02::16")
	body := append([]byte{mldReportV2, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0}, group.AsSlice()...)
	var sum uint32
	add := func(b []byte) {
		for i := 0; i < len(b); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
	}
	add(src.AsSlice())
	add(dst.AsSlice())
	add(body)
	sum += uint32(len(body)) + capture.ProtoICMPv6
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(body[2:], ^uint16(sum))
	p := capture.IPv6Packet(src, dst, 0, append([]byte{capture.ProtoICMPv6, 0, 5, 2, 0, 0, 1, 0}, body...))
	p[7] = 1
	return p
}
