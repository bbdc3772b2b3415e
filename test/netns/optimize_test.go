package netns

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/mh"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// direct waits until packets go directly both ways.
func (w *world) direct(t *testing.T, since time.Time, limit time.Duration) {
	t.Helper()
	for _, way := range []func(func(capture.Packet) bool) func(capture.Packet) bool{sent, received} {
		if _, err := w.wire.Wait(within(t, limit), since, way(capture.Direct(topology.HoA))); err != nil {
			t.Fatalf("no packet takes the direct path: %v", err)
		}
	}
}

// tunnelOnly checks that no packet takes the direct path for a while.
func (w *world) tunnelOnly(t *testing.T, d time.Duration) {
	t.Helper()
	since := time.Now()
	time.Sleep(d)
	if n := len(w.wire.Select(since, capture.Direct(topology.HoA))); n > 0 {
		t.Errorf("%d packets took the direct path", n)
	}
}

// counted checks what mip6ctl says of the packets on both ways, which is also how
// the daemons know whether a path is used.
func (w *world) counted(t *testing.T) {
	t.Helper()
	c := w.mn.Client()
	defer c.Close()
	traffic := func() (direct, tunnel ctl.Traffic) {
		list, err := c.BUL(t.Context())
		if err != nil || len(list) != 1 || len(list[0].Correspondents) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		peer := list[0].Correspondents[0]
		if peer.Direct == nil || peer.Tunnel == nil {
			t.Fatalf("nothing is counted: %+v", peer)
		}
		return *peer.Direct, *peer.Tunnel
	}
	before, _ := traffic()
	time.Sleep(300 * time.Millisecond)
	after, tunnel := traffic()
	if after.PacketsOut < before.PacketsOut+10 || after.PacketsIn < before.PacketsIn+10 || after.BytesOut <= before.BytesOut || after.BytesIn <= before.BytesIn {
		t.Errorf("direct path: %+v, and 300 ms later %+v", before, after)
	}
	if tunnel.PacketsOut == 0 || tunnel.PacketsIn == 0 || tunnel.BytesOut == 0 || tunnel.BytesIn == 0 {
		t.Errorf("tunnel: %+v", tunnel)
	}
}

// newROWorld has a correspondent node beside the others.
func newROWorld(t *testing.T, s settings) (*world, *daemon.Daemon) {
	t.Helper()
	var cn *daemon.Daemon
	s.before = func(topo *topology.Topology) { cn = daemon.New(t, topo.CN, daemon.Correspondent()) }
	return newWorld(t, s), cn
}

// TestKernelRouteOptimisation follows two streams and a TCP connection through
// return routability, moves and the return home, and looks at what the wire
// carries.
//
// Requirements: 6275-6.1-1, 6275-6.1-2, 6275-6.4.1-4, 6275-8.2-2, 6275-8.2-11, 6275-8.5-2, 6275-8.5-4
// Requirements: 6275-9.3.1-6, 6275-9.3.2-1, 6275-9.3.2-2, 6275-9.3.2-3, 6275-11.3.1-3, 6275-11.3.1-6
// Requirements: 6275-11.3.1-8, 6275-11.3.1-9, 6275-11.3.5-4
func TestKernelRouteOptimisation(t *testing.T) {
	w, cn := newROWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	start := time.Now()
	fromCN, fromMN := w.pingMN(t), w.pingCN(t)
	w.direct(t, start, 10*time.Second)
	coa := w.careOf(t, time.Time{})
	tests := w.wire.Select(start, sent(capture.MH(capture.MHCareOfTestInit)))
	if len(tests) == 0 || tests[0].IP.Src != coa || tests[0].IP.HomeAddress.IsValid() {
		t.Errorf("Care-of Test Inits %+v", tests)
	}
	insideMH := func(typ uint8) func(capture.Packet) bool {
		return func(p capture.Packet) bool {
			if p.IP == nil || p.IP.Inner == nil {
				return false
			}
			got, ok := p.IP.Inner.MHType()
			return ok && got == typ
		}
	}
	if n := len(w.wire.Select(start, sent(insideMH(capture.MHHomeTestInit)))); n == 0 {
		t.Error("no Home Test Init went through the tunnel")
	}
	for typ, what := range map[uint8]string{capture.MHHomeTestInit: "Home Test Init", capture.MHHomeTest: "Home Test"} {
		if n := len(w.wire.Select(start, capture.MH(typ))); n > 0 {
			t.Errorf("%d messages %s outside the tunnel", n, what)
		}
	}
	tcp, err := traffic.StartTransfer(within(t, 5*time.Second), w.MN, topology.HoA, w.CN, topology.CNAddr)
	if err != nil {
		t.Fatal(err)
	}
	quiet := time.Now()
	time.Sleep(time.Second)
	for _, p := range w.wire.Select(quiet, capture.Direct(topology.HoA)) {
		ip := p.IP
		if p.Out && (ip.Src != coa || ip.Dst != topology.CNAddr || ip.HomeAddress != topology.HoA || ip.RoutingHome.IsValid()) ||
			!p.Out && (ip.Src != topology.CNAddr || ip.Dst != coa || ip.RoutingHome != topology.HoA || ip.HomeAddress.IsValid()) {
			t.Fatalf("on the direct path: %+v", ip)
		}
	}
	if n := len(w.wire.Select(quiet, capture.Tunnelled)); n > 0 {
		t.Errorf("%d packets in the tunnel though both ways are direct", n)
	}
	eventually(t, 2*time.Second, func() string { return w.shows(t, cn, "correspondent", "show", "bindings") })
	eventually(t, 2*time.Second, func() string { return w.shows(t, w.mn, "direct", "show", "bul") })
	eventually(t, 2*time.Second, func() string { return w.shows(t, cn, "LEFT", "show", "nonces") })
	w.counted(t)

	for _, to := range []topology.Link{topology.Foreign2, topology.Foreign1} {
		before := tcp.Bytes()
		up, err := w.Move(to)
		if err != nil {
			t.Fatal(err)
		}
		w.direct(t, up, 10*time.Second)
		answered(t, fromCN, up, 5*time.Second)
		answered(t, fromMN, up, 5*time.Second)
		eventually(t, 5*time.Second, func() string {
			if tcp.Bytes() > before {
				return ""
			}
			return "TCP stands still on " + string(to)
		})
		w.noLeak(t, up)
		for _, p := range w.wire.Select(up, sent(capture.Direct(topology.HoA))) {
			if !to.Prefix().Contains(p.IP.Src) {
				t.Fatalf("on %s a packet leaves from %s", to, p.IP.Src)
			}
		}
		for _, p := range []*traffic.Ping{fromCN, fromMN} {
			g := traffic.Measure(p.Probes(), up, time.Now().Add(-100*time.Millisecond), up)
			t.Logf("%s, %s: first reply after %v, largest gap %v, %d of %d lost", to, p.Name, g.FirstReply.Sub(up), g.Largest, g.Lost, g.Sent)
		}
	}
	home, err := w.Move(topology.Home)
	if err != nil {
		t.Fatal(err)
	}
	answered(t, fromCN, home, 10*time.Second)
	answered(t, fromMN, home, 10*time.Second)
	eventually(t, 5*time.Second, func() string { return w.shows(t, cn, "No bindings.", "show", "bindings") })
	for _, n := range []struct {
		name string
		run  func() (string, error)
	}{
		{"the mobile node", func() (string, error) { return w.MN.Run(t.Context(), "ip", "-6", "xfrm", "policy") }},
		{"the correspondent", func() (string, error) { return w.CN.Run(t.Context(), "ip", "-6", "xfrm", "policy") }},
	} {
		if out, err := n.run(); err != nil || strings.Contains(out, topology.HoA.String()) {
			t.Errorf("%s keeps policies: %s %v", n.name, out, err)
		}
	}
	if _, err := tcp.Stop(5 * time.Second); err != nil {
		t.Error(err)
	}
	w.plainSignalling(t)
}

// TestKernelInboundTrafficStartsRouteOptimisation: the mobile node never sends
// (RFC 6275 §11.3.3).
//
// Requirements: 6275-11.7.2-2
func TestKernelInboundTrafficStartsRouteOptimisation(t *testing.T) {
	w, _ := newROWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	const port = 4711
	var sink *net.UDPConn // so that the kernel has nothing to answer
	err := w.MN.Do(func() (err error) {
		sink, err = net.ListenUDP("udp6", &net.UDPAddr{IP: topology.HoA.AsSlice(), Port: port})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	var source *net.UDPConn
	err = w.CN.Do(func() (err error) {
		source, err = net.DialUDP("udp6", &net.UDPAddr{IP: topology.CNAddr.AsSlice()}, &net.UDPAddr{IP: topology.HoA.AsSlice(), Port: port})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	since := time.Now()
	eventually(t, 10*time.Second, func() string {
		if _, err := source.Write([]byte("one way")); err != nil {
			return err.Error()
		}
		if len(w.wire.Select(since, received(capture.Direct(topology.HoA)))) > 0 {
			return ""
		}
		return "the stream still comes by the home agent"
	})
	udp := func(p capture.Packet) bool {
		return p.IP.Innermost() != nil && p.IP.Innermost().Proto == capture.ProtoUDP
	}
	if n := len(w.wire.Select(since, sent(udp))); n > 0 {
		t.Errorf("the mobile node sent %d UDP packets", n)
	}
}

// TestKernelCorrespondentRestarts: the kernel's part goes with the daemon's next
// run, the mobile node is told by a Binding Error, and begins again.
//
// Requirements: 6275-9.3.1-5, 6275-9.3.1-5b
func TestKernelCorrespondentRestarts(t *testing.T) {
	w, cn := newROWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	fromMN := w.pingCN(t)
	w.direct(t, time.Time{}, 10*time.Second)
	cn.Kill()
	if err := cn.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	restarted := time.Now()
	if _, err := w.wire.Wait(within(t, 5*time.Second), restarted.Add(-time.Second), received(capture.MH(capture.MHBindingError))); err != nil {
		t.Fatalf("no Binding Error: %v", err)
	}
	answered(t, fromMN, time.Now(), 5*time.Second)
	w.direct(t, time.Now(), 10*time.Second)

	// Once more, and the mobile node moves meanwhile: the tokens that it still
	// has are those of an earlier run.
	if err := w.Unplug(); err != nil {
		t.Fatal(err)
	}
	cn.Kill()
	if err := cn.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	up, err := w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	w.direct(t, up, 10*time.Second)
	expired := func(p capture.Packet) bool {
		return capture.MH(capture.MHBindingAcknowledgement)(p) && p.IP.Src == topology.CNAddr && baStatus(p.IP) == uint8(mh.StatusExpiredHomeNonce)
	}
	if len(w.wire.Select(up, received(expired))) == 0 {
		t.Error("no acknowledgement with status 136 was seen")
	}
	answered(t, fromMN, time.Now(), 5*time.Second)
}

// TestKernelCorrespondentWithoutMobileIPv6: it has the kernel's answer for the
// Mobility Header, or none. Packets go by the home agent, and the mobile node
// does not go on asking.
func TestKernelCorrespondentWithoutMobileIPv6(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	since := time.Now()
	fromMN := w.pingCN(t)
	answered(t, fromMN, since, 2*time.Second)
	w.tunnelOnly(t, 12*time.Second)
	answered(t, fromMN, time.Now(), 2*time.Second)
	if n := len(w.wire.Select(since, sent(capture.MH(capture.MHCareOfTestInit)))); n == 0 || n > 5 {
		t.Errorf("%d Care-of Test Inits in 12 s", n)
	}
}

// TestKernelForgedUpdatesToACorrespondent: a replay and a wrong authenticator.
func TestKernelForgedUpdatesToACorrespondent(t *testing.T) {
	w, cn := newROWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	fromMN := w.pingCN(t)
	w.direct(t, time.Time{}, 10*time.Second)
	toCN := func(p capture.Packet) bool {
		return capture.MH(capture.MHBindingUpdate)(p) && p.IP.Dst == topology.CNAddr
	}
	recorded := w.wire.Select(time.Time{}, sent(toCN))[0]
	attacker, err := w.AddHost("attacker", topology.Foreign1, hostOnForeign1)
	if err != nil {
		t.Fatal(err)
	}
	up, err := w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	w.direct(t, up, 10*time.Second)
	now := w.careOf(t, up)
	atCN, err := capture.Start(w.CN, topology.CNInterface, func(p capture.Packet) bool { _, ok := p.IP.MHType(); return ok })
	if err != nil {
		t.Fatal(err)
	}
	defer atCN.Close()
	forged := append([]byte(nil), recorded.Frame...)
	const headers = 14 + 40 + 24 // Ethernet, IPv6, Destination Options
	message := forged[headers:]
	message[6], message[7] = message[6]+1, 0 // a later sequence number
	mh.SetChecksum(message, topology.HoA, topology.CNAddr)
	since := time.Now()
	for _, frame := range [][]byte{recorded.Frame, forged} {
		if err := capture.Inject(attacker, "eth0", frame); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 2*time.Second, func() string {
		if n := len(atCN.Select(since, received(toCN))); n < 2 {
			return "the forged messages did not reach the correspondent"
		}
		return ""
	})
	time.Sleep(300 * time.Millisecond)
	for _, p := range atCN.Select(since, sent(capture.MH(capture.MHBindingAcknowledgement))) {
		if baStatus(p.IP) < 128 {
			t.Errorf("answered with status %d", baStatus(p.IP))
		}
	}
	if what := w.shows(t, cn, now.String(), "show", "bindings"); what != "" {
		t.Error(what)
	}
	answered(t, fromMN, time.Now(), 2*time.Second)
}

// Requirements: 6275-8.5-15
func TestKernelRouteOptimisationByPolicyAndByHand(t *testing.T) {
	mobile := daemon.MobileNode()
	mobile.Text += "  route_optimization: {default: off}\n"
	w, _ := newROWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, mnConfig: &mobile})
	w.registered(t, time.Time{}, 10*time.Second)
	fromMN := w.pingCN(t)
	answered(t, fromMN, time.Time{}, 2*time.Second)
	w.tunnelOnly(t, time.Second)
	if n := len(w.wire.Select(time.Time{}, capture.MH(capture.MHCareOfTestInit))); n > 0 {
		t.Errorf("%d Care-of Test Inits though it is off", n)
	}
	ctl := func(args ...string) {
		t.Helper()
		if out, err := w.mn.Ctl(t.Context(), args...); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	since := time.Now()
	ctl("ro", "start", topology.CNAddr.String())
	w.direct(t, since, 10*time.Second)
	ctl("ro", "stop", topology.CNAddr.String())
	time.Sleep(500 * time.Millisecond)
	w.tunnelOnly(t, time.Second)
	answered(t, fromMN, time.Now(), 2*time.Second)
	since = time.Now()
	ctl("ro", "start", topology.CNAddr.String())
	ctl("flush", "bul", topology.CNAddr.String())
	w.direct(t, since, 10*time.Second)
	if _, err := w.mn.Ctl(t.Context(), "flush", "bul", "2001:db8::77"); err == nil {
		t.Error("an unknown peer is flushed")
	}
}

func TestKernelLossyLinksStillOptimise(t *testing.T) {
	lossy := topology.Impairment{Loss: 20}
	mobile := daemon.MobileNode()
	mobile.Text += "  route_optimization: {retry_after: 10s}\n"
	w, _ := newROWorld(t, settings{mnConfig: &mobile, Config: topology.Config{
		Start: topology.Foreign1, Impair: map[topology.Link]topology.Impairment{topology.Foreign1: lossy, topology.Home: lossy},
	}})
	if err := w.ImpairCorrespondent(lossy); err != nil {
		t.Fatal(err)
	}
	w.registered(t, time.Time{}, 2*time.Minute)
	w.pingCN(t)
	w.direct(t, time.Time{}, 3*time.Minute)
}

// TestKernelHomeAddressOptionIsVerified: data with a Home Address option from
// elsewhere than the binding's care-of address reaches nobody, and is answered
// with a Binding Error (RFC 6275 §9.3.1).
//
// Requirements: 6275-8.2-1, 6275-8.2-5, 6275-9.3.1-4, 6275-9.3.1-5, 6275-9.3.1-5b, 6275-9.3.3-1, 6275-9.3.3-3
func TestKernelHomeAddressOptionIsVerified(t *testing.T) {
	w, _ := newROWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	fromMN := w.pingCN(t)
	w.direct(t, time.Time{}, 10*time.Second)
	attacker, err := w.AddHost("attacker", topology.Foreign1, hostOnForeign1)
	if err != nil {
		t.Fatal(err)
	}
	atCN, err := capture.Start(w.CN, topology.CNInterface, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer atCN.Close()
	forged := append([]byte(nil), w.wire.Select(time.Time{}, sent(capture.Direct(topology.HoA)))[0].Frame...)
	copy(forged[14+8:], hostOnForeign1.AsSlice()) // its checksum is over the home address, and right
	since := time.Now()
	if err := capture.Inject(attacker, "eth0", forged); err != nil {
		t.Fatal(err)
	}
	be := func(p capture.Packet) bool {
		return capture.MH(capture.MHBindingError)(p) && p.IP.Dst == hostOnForeign1
	}
	p, err := atCN.Wait(within(t, 3*time.Second), since, sent(be))
	if err != nil {
		t.Fatalf("no Binding Error: %v", err)
	}
	if status := p.IP.Payload[6]; status != 1 || netip.AddrFrom16([16]byte(p.IP.Payload[8:24])) != topology.HoA {
		t.Errorf("Binding Error %x", p.IP.Payload)
	}
	answered(t, fromMN, time.Now(), 2*time.Second)
}

// TestKernelBothEndsMobile: packets carry both headers, and each moves while the
// other is its correspondent. The home agent is a correspondent node as well.
//
// Requirements: 6275-5.2.9-1, 6275-6.1-1, 6275-6.1-2, 6275-6.1-3, 6275-6.2.7-3
func TestKernelBothEndsMobile(t *testing.T) {
	homeAgent, mobile := daemon.HomeAgentOfTwo(), daemon.MobileNode()
	mobile.Text += "correspondent_node: {}\n"
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, haConfig: &homeAgent, mnConfig: &mobile})
	w.registered(t, time.Time{}, 10*time.Second)
	other, err := w.AddHost("mn2", topology.Foreign2, netip.MustParseAddr("2001:db8:f2::77"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"accept_ra": "1", "autoconf": "0", "forwarding": "0"} {
		if err := other.Sysctl("net/ipv6/conf/eth0/"+name, value); err != nil {
			t.Fatal(err)
		}
	}
	mn2 := daemon.New(t, other, daemon.SecondMobileNode())
	eventually(t, 10*time.Second, func() string { return w.shows(t, mn2, "registered", "show", "bul") })
	ping, err := traffic.StartPing(w.MN, topology.HoA, daemon.SecondHoA, 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ping.Stop(0) })
	both := func(p capture.Packet) bool {
		return capture.Direct(topology.HoA)(p) && p.IP.HomeAddress.IsValid() && p.IP.RoutingHome.IsValid()
	}
	optimised := func(since time.Time) {
		t.Helper()
		if _, err := w.wire.Wait(within(t, 15*time.Second), since, sent(both)); err != nil {
			t.Fatalf("no packet leaves with both headers: %v", err)
		}
		if _, err := w.wire.Wait(within(t, 15*time.Second), since, received(both)); err != nil {
			t.Fatalf("no packet comes with both headers: %v", err)
		}
		answered(t, ping, time.Now(), 5*time.Second)
	}
	optimised(time.Time{})
	up, err := w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	optimised(up)
	// The other one moves.
	moved := time.Now()
	if err := w.MoveHost(other, topology.Foreign1); err != nil {
		t.Fatal(err)
	}
	optimised(moved)
	w.testsGoTo(t, daemon.SecondHoA)

	// The home agent's other address is a correspondent.
	toHA, err := traffic.StartPing(w.MN, topology.HoA, topology.HACoreAddr, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { toHA.Stop(0) })
	eventually(t, 10*time.Second, func() string {
		if len(w.wire.Select(moved, func(p capture.Packet) bool {
			return capture.Direct(topology.HoA)(p) && p.IP.Src == topology.HACoreAddr
		})) > 0 {
			return ""
		}
		return "the home agent does not answer directly"
	})
	w.plainSignalling(t)
}
