package netns

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/exthdr"
	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// What the kernel makes of headers, made by hand, while a role is at work.

const (
	protoOptions = 60
	protoRouting = 43

	icmpUnreachable      = 1
	icmpTooBig           = 2
	icmpParameterProblem = 4

	routerToCN, cnLinkAddr     = "cn", "02:00:00:00:0c:02" // the router's interface, the correspondent's address
	routerToHA, haCoreLinkAddr = "ha", "02:00:00:00:0a:01"
)

// lab sends packets by hand into a link and hears what comes back.
type lab struct {
	t        *testing.T
	n        *node.Node
	ifname   string
	linkAddr string // of the machine that is looked at
	wire     *capture.Capture
}

func newLab(t *testing.T, n *node.Node, ifname, linkAddr string) *lab {
	t.Helper()
	wire, err := capture.Start(n, ifname, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { wire.Close() })
	return &lab{t, n, ifname, linkAddr, wire}
}

// settled waits until a host that was just plugged in reaches somebody.
func settled(t *testing.T, n *node.Node, from, to netip.Addr) {
	t.Helper()
	since := time.Now()
	p := startPing(t, func() (*traffic.Ping, error) { return traffic.StartPing(n, from, to, 50*time.Millisecond) })
	answered(t, p, since, 5*time.Second)
	p.Stop(0)
}

func (l *lab) inject(packet []byte) {
	l.t.Helper()
	if err := capture.Inject(l.n, l.ifname, capture.EthernetFrame(l.linkAddr, packet)); err != nil {
		l.t.Fatal(err)
	}
}

// answer sends a packet and returns the first that comes back and is wanted.
func (l *lab) answer(what string, packet []byte, want func(capture.Packet) bool) *capture.IPv6 {
	l.t.Helper()
	since := time.Now()
	l.inject(packet)
	p, err := l.wire.Wait(within(l.t, 3*time.Second), since, received(want))
	if err != nil {
		l.t.Fatalf("%s: no answer: %v", what, err)
	}
	return p.IP
}

// nothing sends packets and then one that is answered: none of the others was.
func (l *lab) nothing(packets map[string][]byte, last []byte, want func(capture.Packet) bool) {
	l.t.Helper()
	for what, p := range packets {
		since := time.Now()
		l.inject(p)
		l.answer("a packet like "+what+", but right", last, want)
		time.Sleep(100 * time.Millisecond)
		if got := l.wire.Select(since, received(want)); len(got) != 1 {
			l.t.Errorf("%s: answered, by %+v", what, got[0].IP)
		}
	}
}

// echo is an echo request, or reply, between end points.
func echo(typ byte, src, dst netip.Addr, id uint16) []byte {
	b := []byte{typ, 0, 0, 0, byte(id >> 8), byte(id), 0, 1}
	icmp6.SetChecksum(b, src, dst)
	return b
}

// echoReply wants replies to an address, whatever headers there are.
func echoReply(p capture.Packet) bool {
	typ, ok := p.IP.Innermost().ICMPType()
	return ok && typ == capture.ICMPEchoReply
}

// routing is a type 2 routing header with a number of addresses.
func routing(next, left byte, addrs ...netip.Addr) []byte {
	b := []byte{next, byte(2 * len(addrs)), 2, left, 0, 0, 0, 0}
	for _, a := range addrs {
		b = append(b, a.AsSlice()...)
	}
	return b
}

// datagram is one to a port that nobody listens on.
func datagram(src, dst netip.Addr) []byte {
	b := []byte{0x30, 0x39, 0, 9, 0, 8, 0, 0}
	sum := uint32(0)
	add := func(b []byte) {
		for i := 0; i < len(b); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
	}
	add(src.AsSlice())
	add(dst.AsSlice())
	add(b)
	sum += uint32(len(b)) + capture.ProtoUDP
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(b[6:], ^uint16(sum))
	return b
}

// TestKernelHeadersAtACorrespondent: what reaches a correspondent node's upper
// layers, what is answered and where the answer goes, while there is a binding.
func TestKernelHeadersAtACorrespondent(t *testing.T) {
	topo := topology.New(t, topology.Config{Unplug: true})
	daemon.New(t, topo.CN, daemon.Correspondent())
	if err := topo.CN.Sysctl("net/ipv6/icmp/ratelimit", "0"); err != nil {
		t.Fatal(err)
	}
	c := newCrafter(t, topo)
	c.test()
	if status, _ := c.update(1); status != 0 {
		t.Fatalf("status %d", status)
	}
	l := newLab(t, topo.Router, routerToCN, cnLinkAddr)

	// Data takes the direct path, signalling doesn't: it has no routing header and
	// goes where the question came from (§6.1, §9.3.2).
	//
	// Requirements: 6275-6.1-1, 6275-6.1-3, 6275-9.3.2-3
	t.Run("signalling", func(t *testing.T) {
		data := l.answer("data", capture.IPv6Packet(c.home, topology.CNAddr, capture.ProtoICMPv6,
			echo(capture.ICMPEchoRequest, c.home, topology.CNAddr, 1)), echoReply)
		if data.Dst != c.careOf || data.RoutingHome != c.home {
			t.Fatalf("data goes to %s by %s: this test shows nothing", data.Dst, data.RoutingHome)
		}
		since := time.Now()
		c.test()
		for _, p := range c.wire.Select(since, received(func(p capture.Packet) bool { _, ok := p.IP.MHType(); return ok })) {
			typ, _ := p.IP.MHType()
			want := map[uint8]netip.Addr{capture.MHHomeTest: c.home, capture.MHCareOfTest: c.careOf}[typ]
			if p.IP.Dst != want || p.IP.RoutingHome.IsValid() || p.IP.HomeAddress.IsValid() {
				t.Errorf("message of type %d: %+v", typ, p.IP)
			}
		}
		solicitation := append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, topology.CNAddr.AsSlice()...)
		solicitation = append(solicitation, 1, 1, 2, 0, 0, 0, 0xee, 1)
		icmp6.SetChecksum(solicitation, c.home, topology.CNAddr)
		packet := capture.IPv6Packet(c.home, topology.CNAddr, capture.ProtoICMPv6, solicitation)
		packet[7] = 255
		na := l.answer("a solicitation", packet, capture.ICMP(capture.ICMPNeighborAdvertisement))
		if na.Dst != c.home || na.RoutingHome.IsValid() {
			t.Errorf("advertisement to %s by %s", na.Dst, na.RoutingHome)
		}
	})

	// §9.2: an ICMPv6 Parameter Problem, to the source on the wire whatever is bound,
	// and its pointer is the field's place in the packet.
	//
	// Requirements: 6275-9.2-3, 6275-9.2-3b, 6275-9.2-3c, 6275-9.2-4, 6275-9.2-4b, 6275-9.2-4c
	t.Run("parameter problems", func(t *testing.T) {
		bu := func(change func([]byte)) []byte {
			raw := c.marshal(&mh.BindingUpdate{Sequence: 5, Ack: true, Lifetime: time.Minute})
			change(raw)
			return raw
		}
		proto := bu(func(b []byte) { b[0] = capture.ProtoUDP })
		length := bu(func(b []byte) { b[1] = 0 })[:8]
		for _, x := range []struct {
			name    string
			raw     []byte
			pointer uint32
		}{{"Payload Proto", proto, 40}, {"Header Len", length, 41}} {
			for _, home := range []netip.Addr{{}, c.home} {
				from, pointer := c.careOf, x.pointer
				if home.IsValid() {
					from, pointer = home, pointer+24
				}
				raw := bytes.Clone(x.raw)
				mh.SetChecksum(raw, from, topology.CNAddr)
				since := time.Now()
				if err := c.sock.Send(role.Send{Src: c.careOf, HomeAddress: home, Dst: topology.CNAddr, Raw: raw}); err != nil {
					t.Fatal(err)
				}
				p, err := c.wire.Wait(within(t, 3*time.Second), since, received(capture.ICMP(icmpParameterProblem)))
				if err != nil {
					t.Errorf("%s, home address %v: no Parameter Problem: %v", x.name, home, err)
					continue
				}
				if got := binary.BigEndian.Uint32(p.IP.Payload[4:]); p.IP.Dst != c.careOf || p.IP.RoutingHome.IsValid() || p.IP.Payload[1] != 0 || got != pointer {
					t.Errorf("%s, home address %v: to %s by %s, code %d, pointer %d; want pointer %d", x.name, home, p.IP.Dst, p.IP.RoutingHome, p.IP.Payload[1], got, pointer)
				}
				time.Sleep(100 * time.Millisecond)
				if n := len(c.wire.Select(since, received(func(p capture.Packet) bool {
					return capture.ICMP(icmpParameterProblem)(p) || p.IP.Proto == capture.ProtoMH
				}))); n != 1 {
					t.Errorf("%s, home address %v: %d answers", x.name, home, n)
				}
			}
		}
	})

	// §9.3.1: data with a Home Address option but no binding reaches nobody.
	//
	// Requirements: 6275-9.3.1-3, 6275-9.3.1-4, 6275-9.3.1-5, 6275-9.3.1-5b
	t.Run("home addresses without a binding", func(t *testing.T) {
		stranger := netip.MustParseAddr("2001:db8:f1::1234")
		with := func(src, home netip.Addr) []byte {
			return capture.IPv6Packet(src, topology.CNAddr, protoOptions,
				append(exthdr.HomeAddressHeader(capture.ProtoUDP, home), datagram(home, topology.CNAddr)...))
		}
		portUnreachable := func(p capture.Packet) bool { return capture.ICMP(icmpUnreachable)(p) }
		l.nothing(map[string][]byte{
			"of nobody":        with(c.careOf, stranger),
			"from elsewhere":   with(stranger, c.home),
			"a group":          with(c.careOf, netip.MustParseAddr("ff0e::1")),
			"the loopback one": with(c.careOf, netip.IPv6Loopback()),
		}, with(c.careOf, c.home), portUnreachable)
		be := l.answer("a home address of nobody", with(c.careOf, stranger.Next()), capture.MH(capture.MHBindingError))
		if be.Dst != c.careOf || be.RoutingHome.IsValid() || be.Payload[6] != 1 || netip.AddrFrom16([16]byte(be.Payload[8:24])) != stranger.Next() {
			t.Errorf("Binding Error %+v", be)
		}
	})

	// §8.2: a node that is not mobile drops packets with a type 2 routing header.
	//
	// Requirements: 6275-8.2-3
	t.Run("routing headers", func(t *testing.T) {
		asked := echo(capture.ICMPEchoRequest, c.careOf, topology.CNAddr, 2)
		packets := make(map[string][]byte)
		for left := range byte(2) {
			packets[fmt.Sprintf("%d segments left", left)] = capture.IPv6Packet(c.careOf, topology.CNAddr, protoRouting,
				append(routing(capture.ProtoICMPv6, left, topology.CNAddr), asked...))
		}
		l.nothing(packets, capture.IPv6Packet(c.careOf, topology.CNAddr, capture.ProtoICMPv6, asked), echoReply)
	})
}
