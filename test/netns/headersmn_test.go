package netns

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/topology"
)

// plainSignalling checks all that a mobile node's interface has seen: Home Address
// options are in data and Binding Updates only, type 2 routing headers in data and
// Binding Acknowledgements, whatever is bound (RFC 6275 §6.1, §9.3.2, §11.3.1).
func (w *world) plainSignalling(t *testing.T) {
	t.Helper()
	seen := 0
	for _, p := range w.wire.Packets() {
		for ip := p.IP; ip != nil; ip = ip.Inner {
			typ, message := ip.MHType()
			icmp, ok := ip.ICMPType()
			discovery := ok && icmp >= capture.ICMPRouterSolicitation && icmp <= 137
			if !message && !discovery {
				continue
			}
			seen++
			if ip.HomeAddress.IsValid() && (discovery || typ != capture.MHBindingUpdate) ||
				ip.RoutingHome.IsValid() && (discovery || typ != capture.MHBindingAcknowledgement) {
				t.Errorf("%s → %s, protocol %d, type %d/%d: home address option %s, routing header %s",
					ip.Src, ip.Dst, ip.Proto, typ, icmp, ip.HomeAddress, ip.RoutingHome)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d messages: this test shows nothing", seen)
	}
}

// testsGoTo checks where return routability went: to home addresses, be the peer
// mobile or not (RFC 6275 §5.2.9).
func (w *world) testsGoTo(t *testing.T, peers ...netip.Addr) {
	t.Helper()
	seen := 0
	for _, p := range w.wire.Packets() {
		ip := p.IP.Innermost()
		if typ, ok := ip.MHType(); !p.Out || !ok || typ != capture.MHHomeTestInit && typ != capture.MHCareOfTestInit {
			continue
		}
		seen++
		if !slices.Contains(peers, ip.Dst) {
			t.Errorf("a test is sent to %s", ip.Dst)
		}
	}
	if seen == 0 {
		t.Error("no tests: this shows nothing")
	}
}

// TestKernelHeadersAtAMobileNode: what a mobile node that is away takes for its own.
func TestKernelHeadersAtAMobileNode(t *testing.T) {
	w, _ := newROWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	w.pingCN(t)
	w.direct(t, time.Time{}, 10*time.Second)
	coa := w.careOf(t, time.Time{})
	other := netip.MustParseAddr("2001:db8:1::101")
	attacker, err := w.AddHost("attacker", topology.Foreign1, hostOnForeign1)
	if err != nil {
		t.Fatal(err)
	}
	settled(t, attacker, hostOnForeign1, topology.Foreign1.Router())
	l := newLab(t, attacker, "eth0", mnLinkAddr)
	// The answers go elsewhere; the mobile node's own interface has all of them.
	reaction := func(t *testing.T, what string, packet []byte, id uint16, want bool) {
		t.Helper()
		since := time.Now()
		l.inject(packet)
		mine := sent(func(p capture.Packet) bool {
			ip := p.IP.Innermost()
			return echoReply(p) && ip.Payload[4] == byte(id>>8) && ip.Payload[5] == byte(id)
		})
		if want {
			if _, err := w.wire.Wait(within(t, 3*time.Second), since, mine); err != nil {
				t.Fatalf("%s: no answer: %v", what, err)
			}
			return
		}
		time.Sleep(200 * time.Millisecond)
		if n := len(w.wire.Select(since, mine)); n != 0 {
			t.Errorf("%s: answered", what)
		}
		away := sent(func(p capture.Packet) bool {
			typ, ok := p.IP.Innermost().ICMPType()
			return ok && typ == capture.ICMPEchoRequest && p.IP.Innermost().Src == topology.CNAddr || ok && typ == icmpParameterProblem
		})
		if got := w.wire.Select(since, away); len(got) != 0 {
			t.Errorf("%s: not dropped in silence: %+v", what, got[0].IP)
		}
	}

	// Requirements: 6275-6.4-1, 6275-11.3.3-3, 6275-11.3.3-4, 6275-11.3.3-5, 6275-11.3.3-6
	t.Run("routing headers", func(t *testing.T) {
		by := func(left byte, to netip.Addr, id uint16, addrs ...netip.Addr) []byte {
			return capture.IPv6Packet(topology.CNAddr, coa, protoRouting,
				append(routing(capture.ProtoICMPv6, left, addrs...), echo(capture.ICMPEchoRequest, topology.CNAddr, to, id)...))
		}
		reaction(t, "the home address", by(1, topology.HoA, 11, topology.HoA), 11, true)
		reaction(t, "an address elsewhere", by(1, other, 12, other), 12, false)
		reaction(t, "the care-of address", by(1, coa, 13, coa), 13, false)
		reaction(t, "no segment left", by(0, coa, 14, topology.HoA), 14, false)
		reaction(t, "two segments left", by(2, topology.HoA, 15, topology.HoA), 15, false)
		reaction(t, "two addresses", by(1, topology.HoA, 16, topology.HoA, topology.HoA), 16, false)
		reaction(t, "the home address again", by(1, topology.HoA, 17, topology.HoA), 17, true)
	})

	// Requirements: 6275-11.3.3-1, 6275-11.3.3-2
	t.Run("tunnels", func(t *testing.T) {
		from := func(outer netip.Addr, id uint16) []byte {
			inner := capture.IPv6Packet(topology.CNAddr, topology.HoA, capture.ProtoICMPv6, echo(capture.ICMPEchoRequest, topology.CNAddr, topology.HoA, id))
			return capture.IPv6Packet(outer, coa, capture.ProtoIPv6, inner)
		}
		reaction(t, "the home agent", from(topology.HAAddr, 21), 21, true)
		reaction(t, "anybody", from(hostOnForeign1, 22), 22, false)
		reaction(t, "another address of the home agent", from(topology.HACoreAddr, 23), 23, false)
		reaction(t, "the home agent again", from(topology.HAAddr, 24), 24, true)
	})

	// A host on the visited link asks for the care-of address, in the name of the
	// correspondent: the answer is an ordinary one.
	//
	// Requirements: 6275-11.3.1-6, 6275-6.1-2
	t.Run("signalling", func(t *testing.T) {
		solicitation := append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, coa.AsSlice()...)
		solicitation = append(solicitation, 1, 1, 2, 0, 0, 0, 0xee, 1)
		icmp6.SetChecksum(solicitation, topology.CNAddr, coa)
		packet := capture.IPv6Packet(topology.CNAddr, coa, capture.ProtoICMPv6, solicitation)
		packet[7] = 255
		since := time.Now()
		l.inject(packet)
		na := func(p capture.Packet) bool {
			return capture.ICMP(capture.ICMPNeighborAdvertisement)(p) && p.IP.Dst == topology.CNAddr
		}
		if _, err := w.wire.Wait(within(t, 3*time.Second), since, sent(na)); err != nil {
			t.Error(err)
		}
		w.plainSignalling(t)
	})
}

// Once the de-registration has left, the mobile node answers for its home address:
// by unicast to who asks, without the home agent's having agreed (RFC 6275 §11.5.5).
//
// Requirements: 6275-11.5.5-9, 6275-11.5.5-10
func TestKernelReturningNodeAnswersSolicitations(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	host, err := w.AddHost("neighbour", topology.Home, netip.MustParseAddr("2001:db8:1::50"))
	if err != nil {
		t.Fatal(err)
	}
	settled(t, host, netip.MustParseAddr("2001:db8:1::50"), topology.HAAddr)
	w.ha.Kill() // so that nobody acknowledges
	up, err := w.Move(topology.Home)
	if err != nil {
		t.Fatal(err)
	}
	left := func(p capture.Packet) bool {
		return capture.MH(capture.MHBindingUpdate)(p) && p.IP.Src == topology.HoA
	}
	if _, err := w.wire.Wait(within(t, 5*time.Second), up, sent(left)); err != nil {
		t.Fatalf("no de-registration: %v", err)
	}
	time.Sleep(100 * time.Millisecond)
	from := netip.MustParseAddr("2001:db8:1::50")
	solicitation := append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, topology.HoA.AsSlice()...)
	link, err := host.Link("eth0")
	if err != nil {
		t.Fatal(err)
	}
	own := link.Attrs().HardwareAddr
	solicitation = append(append(solicitation, 1, 1), own...)
	group := icmp6.SolicitedNode(topology.HoA)
	icmp6.SetChecksum(solicitation, from, group)
	packet := capture.IPv6Packet(from, group, capture.ProtoICMPv6, solicitation)
	packet[7] = 255
	l := newLab(t, host, "eth0", "33:33:ff:00:01:00")
	since := time.Now()
	frame := capture.EthernetFrame(l.linkAddr, packet)
	copy(frame[6:], own)
	if err := capture.Inject(host, "eth0", frame); err != nil {
		t.Fatal(err)
	}
	p, err := l.wire.Wait(within(t, 3*time.Second), since, received(capture.ICMP(capture.ICMPNeighborAdvertisement)))
	if err != nil {
		t.Fatal(err)
	}
	if to := p.Frame[:6]; string(to) != string(own) || p.IP.Dst != from || netip.AddrFrom16([16]byte(p.IP.Payload[8:24])) != topology.HoA {
		t.Errorf("to %x: %+v", to, p.IP)
	}
	if acks := w.wire.Select(up, received(capture.MH(capture.MHBindingAcknowledgement))); len(acks) != 0 {
		t.Error("the home agent has agreed: this test shows nothing")
	}
}
