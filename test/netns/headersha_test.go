package netns

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
)

// TestKernelHeadersAtAHomeAgent: what a home agent does with what it intercepts,
// and with errors about it.
func TestKernelHeadersAtAHomeAgent(t *testing.T) {
	mn := daemon.MobileNode()
	mn.Text = strings.Replace(mn.Text, "home_agent: ", "link_local: true\n      home_agent: ", 1)
	linkLocal := netip.MustParseAddr("fe80::100") // the home address's interface identifier
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, mnConfig: &mn})
	w.registered(t, time.Time{}, 10*time.Second)
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 5*time.Second)
	coa := w.careOf(t, time.Time{})
	if err := w.HA.Sysctl("net/ipv6/icmp/ratelimit", "0"); err != nil {
		t.Fatal(err)
	}
	hostAddr := netip.MustParseAddr("2001:db8:1::50")
	host, err := w.AddHost("neighbour", topology.Home, hostAddr)
	if err != nil {
		t.Fatal(err)
	}
	settled(t, host, hostAddr, topology.HAAddr)

	// Requirements: 6275-8.4-3, 6275-10.4.2-1
	t.Run("tunnelled packets", func(t *testing.T) {
		got := w.wire.Select(time.Time{}, received(capture.Tunnelled))
		if len(got) == 0 {
			t.Fatal("none")
		}
		for _, p := range got {
			if p.IP.Src != topology.HAAddr || p.IP.Dst != coa || p.IP.Inner.Dst != topology.HoA {
				t.Fatalf("%s → %s with %s → %s inside", p.IP.Src, p.IP.Dst, p.IP.Inner.Src, p.IP.Inner.Dst)
			}
		}
	})

	// The mobile node's link-local address is defended, and nothing that is sent to it
	// leaves the link (§10.4.2).
	//
	// Requirements: 6275-10.4.2-2, 6275-10.4.2-3
	t.Run("packets to the link-local address", func(t *testing.T) {
		l := newLab(t, host, "eth0", haLinkAddr)
		since := time.Now()
		for _, src := range []netip.Addr{hostAddr, netip.MustParseAddr("fe80::50")} {
			l.inject(capture.IPv6Packet(src, linkLocal, capture.ProtoICMPv6, echo(capture.ICMPEchoRequest, src, linkLocal, 9)))
		}
		// After the home agent's kernel has looked for it in vain.
		p, err := l.wire.Wait(within(t, 8*time.Second), since, received(capture.ICMP(icmpUnreachable)))
		if err != nil {
			t.Fatalf("no Destination Unreachable: %v", err)
		}
		if p.IP.Dst != hostAddr || p.IP.Payload[1] != 3 {
			t.Errorf("Destination Unreachable to %s, code %d, want %s and 3", p.IP.Dst, p.IP.Payload[1], hostAddr)
		}
		time.Sleep(200 * time.Millisecond)
		inside := func(p capture.Packet) bool { return p.IP.Innermost().Dst == linkLocal }
		if n := len(w.wire.Select(since, received(inside))); n != 0 {
			t.Errorf("%d packets reached the mobile node", n)
		}
	})

	// Errors about tunnelled packets are told to who has sent what is inside (RFC
	// 2473 §8, RFC 6275 §9.3.4).
	//
	// Requirements: 6275-9.3.4-1
	t.Run("errors from the tunnel", func(t *testing.T) {
		atCN, err := capture.Start(w.CN, topology.CNInterface, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer atCN.Close()
		l := newLab(t, w.Router, routerToHA, haCoreLinkAddr)
		inner := capture.IPv6Packet(topology.CNAddr, topology.HoA, capture.ProtoUDP, datagram(topology.CNAddr, topology.HoA))
		outer := capture.IPv6Packet(topology.HAAddr, coa, capture.ProtoIPv6, inner)
		const size = 1500 // of a packet whose beginning the error has
		binary.BigEndian.PutUint16(outer[4:], size-40)
		binary.BigEndian.PutUint16(outer[40+4:], size-80)
		from := topology.Foreign1.Router()
		for _, x := range []struct {
			typ, code byte
			value     uint32
		}{{icmpTooBig, 0, 1400}, {icmpUnreachable, 3, 0}} {
			body := binary.BigEndian.AppendUint32([]byte{x.typ, x.code, 0, 0}, x.value)
			body = append(body, outer...)
			icmp6.SetChecksum(body, from, topology.HAAddr)
			since := time.Now()
			l.inject(capture.IPv6Packet(from, topology.HAAddr, capture.ProtoICMPv6, body))
			p, err := atCN.Wait(within(t, 3*time.Second), since, received(capture.ICMP(x.typ)))
			if err != nil {
				t.Errorf("type %d: the correspondent hears nothing: %v", x.typ, err)
				continue
			}
			if got := binary.BigEndian.Uint32(p.IP.Payload[4:]); x.typ == icmpTooBig && got != x.value-40 || !bytes.HasPrefix(p.IP.Payload[8+8:], inner[8:]) {
				t.Errorf("type %d: the correspondent hears %x", x.typ, p.IP.Payload)
			}
		}
	})

	// A de-registration from the home link that is refused (§10.3.2): the answer goes
	// to the mobile node on that link, not to where it was.
	//
	// Requirements: 6275-10.3.2-10
	t.Run("a refused return", func(t *testing.T) {
		if out, err := host.Run(t.Context(), "ip", "-6", "addr", "add", topology.HoA.String()+"/64", "dev", "eth0", "nodad"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		l := newLab(t, host, "eth0", haLinkAddr)
		raw, err := mh.Marshal(&mh.BindingUpdate{Sequence: 1, Ack: true, Home: true, Header: mh.Header{Options: mh.Options{
			mh.MobilityMessageAuthentication{Subtype: mh.SubtypeMNHA, SPI: 256, Authenticator: make([]byte, 12)}, // of nobody
		}}})
		if err != nil {
			t.Fatal(err)
		}
		mh.SetChecksum(raw, topology.HoA, topology.HAAddr)
		since := time.Now()
		l.inject(capture.IPv6Packet(topology.HoA, topology.HAAddr, capture.ProtoMH, raw))
		p, err := l.wire.Wait(within(t, 3*time.Second), since, received(capture.MH(capture.MHBindingAcknowledgement)))
		if err != nil {
			t.Fatalf("no acknowledgement on the home link: %v", err)
		}
		own, err := host.Link("eth0")
		if err != nil {
			t.Fatal(err)
		}
		if string(p.Frame[:6]) != string(own.Attrs().HardwareAddr) || p.IP.Src != topology.HAAddr || p.IP.Dst != topology.HoA ||
			p.IP.RoutingHome.IsValid() || baStatus(p.IP) != statusAuthFail || !mh.ChecksumOK(p.IP.Payload, topology.HAAddr, topology.HoA) {
			t.Errorf("to %x: %+v", p.Frame[:6], p.IP)
		}
		tunnelled := func(p capture.Packet) bool {
			typ, ok := p.IP.Innermost().MHType()
			return ok && typ == capture.MHBindingAcknowledgement
		}
		time.Sleep(100 * time.Millisecond)
		if n := len(w.wire.Select(since, received(tunnelled))); n != 0 {
			t.Errorf("%d acknowledgements went where it was", n)
		}
		answered(t, fromCN, time.Now(), 2*time.Second)
	})
}
