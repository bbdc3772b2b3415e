package proxynd

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/icmp6"
)

var (
	hoa     = netip.MustParseAddr("2001:db8:1::101")
	hoaLL   = netip.MustParseAddr("fe80::101")
	router  = netip.MustParseAddr("2001:db8:1::102")
	ours    = netip.MustParseAddr("2001:db8:1::1")
	host    = netip.MustParseAddr("2001:db8:1::2")
	noAddr  = netip.IPv6Unspecified()
	ourMAC  = linkAddr{2, 0, 0, 0, 0, 1}
	hostMAC = linkAddr{2, 0, 0, 0, 0, 2}
	optMAC  = linkAddr{2, 0, 0, 0, 0, 3}
)

func testResponder() *responder {
	r := newResponder(ourMAC, ours)
	r.addrs[hoa.As16()] = false
	r.addrs[hoaLL.As16()] = false
	r.addrs[router.As16()] = true
	return r
}

// solicitation is a valid NS for hoa from host to the solicited-node group,
// changed by f before its checksum is filled in.
func solicitation(f func(frame []byte)) []byte {
	group := icmp6.SolicitedNode(hoa)
	b := build(hostMAC, multicastLinkAddr(group), host, group, typeNS, 0, hoa, optSourceLinkAddr, hostMAC)
	if f != nil {
		f(b)
		fixChecksum(b)
	}
	return b
}

func fixChecksum(frame []byte) {
	body := frame[bodyAt : bodyAt+int(binary.BigEndian.Uint16(frame[etherLen+4:]))]
	src := netip.AddrFrom16([16]byte(frame[etherLen+8:]))
	dst := netip.AddrFrom16([16]byte(frame[etherLen+24:]))
	icmp6.SetChecksum(body, src, dst)
}

// seen is what a test wants to know of an answer.
type seen struct {
	To, From         linkAddr
	Src, Dst, Target netip.Addr
	Hops, Type, Code byte
	Flags            byte
	Options          []byte
}

func look(t *testing.T, f []byte) seen {
	t.Helper()
	if len(f) < optionAt || !icmp6.ChecksumOK(f[bodyAt:], netip.AddrFrom16([16]byte(f[22:])), netip.AddrFrom16([16]byte(f[38:]))) {
		t.Fatalf("answer is no frame with a good checksum: %x", f)
	}
	if got := int(binary.BigEndian.Uint16(f[18:])); got != len(f)-bodyAt {
		t.Fatalf("payload length %d, want %d", got, len(f)-bodyAt)
	}
	return seen{
		To: linkAddr(f[0:]), From: linkAddr(f[6:]),
		Src: netip.AddrFrom16([16]byte(f[22:])), Dst: netip.AddrFrom16([16]byte(f[38:])),
		Hops: f[21], Type: f[54], Code: f[55], Flags: f[58],
		Target: netip.AddrFrom16([16]byte(f[62:])), Options: f[optionAt:],
	}
}

var ourOption = append([]byte{optTargetLinkAddr, 1}, ourMAC[:]...)

func cmpAddr() cmp.Option { return cmp.Comparer(func(a, b netip.Addr) bool { return a == b }) }

// Requirements: 6275-10.4.1-10, 6275-10.4.1-11, 6275-10.4.1-11c, 6275-10.4.1-12
func TestRFC6275_10_4_1_AnswersSolicitations(t *testing.T) {
	group := icmp6.SolicitedNode(hoa)
	tests := []struct {
		name  string
		frame []byte
		want  seen
	}{
		{
			"multicast", solicitation(nil),
			seen{To: hostMAC, Dst: host, Flags: flagSolicited},
		},
		{
			"link-layer address from the option", solicitation(func(f []byte) { copy(f[optionAt+2:], optMAC[:]) }),
			seen{To: optMAC, Dst: host, Flags: flagSolicited},
		},
		{
			"unicast, without option",
			build(hostMAC, ourMAC, host, hoa, typeNS, 0, hoa, 0, linkAddr{}),
			seen{To: hostMAC, Dst: host, Flags: flagSolicited},
		},
		{
			"mobile router",
			build(hostMAC, multicastLinkAddr(icmp6.SolicitedNode(router)), host, icmp6.SolicitedNode(router), typeNS, 0, router, optSourceLinkAddr, hostMAC),
			seen{To: hostMAC, Dst: host, Target: router, Flags: flagSolicited | flagRouter},
		},
		{
			"link-local address",
			build(hostMAC, multicastLinkAddr(icmp6.SolicitedNode(hoaLL)), host, icmp6.SolicitedNode(hoaLL), typeNS, 0, hoaLL, optSourceLinkAddr, hostMAC),
			seen{To: hostMAC, Dst: host, Target: hoaLL, Flags: flagSolicited},
		},
		{
			"probe of duplicate address detection",
			build(hostMAC, multicastLinkAddr(group), noAddr, group, typeNS, 0, hoa, 0, linkAddr{}),
			seen{To: allNodesLink, Dst: allNodes, Flags: flagOverride},
		},
		{
			"probe for a mobile router",
			build(hostMAC, multicastLinkAddr(icmp6.SolicitedNode(router)), noAddr, icmp6.SolicitedNode(router), typeNS, 0, router, 0, linkAddr{}),
			seen{To: allNodesLink, Dst: allNodes, Target: router, Flags: flagOverride | flagRouter},
		},
		{
			"with an unknown option and Ethernet padding",
			append(build(hostMAC, ourMAC, host, hoa, typeNS, 0, hoa, 77, linkAddr{}), make([]byte, 9)...),
			seen{To: hostMAC, Dst: host, Flags: flagSolicited},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, ok := parse(tt.frame)
			if !ok {
				t.Fatal("the solicitation was found invalid")
			}
			tt.want.From, tt.want.Src, tt.want.Hops, tt.want.Type, tt.want.Options = ourMAC, ours, 255, typeNA, ourOption
			if !tt.want.Target.IsValid() {
				tt.want.Target = hoa
			}
			if diff := cmp.Diff(tt.want, look(t, testResponder().respond(m)), cmpAddr()); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	other := netip.MustParseAddr("2001:db8:1::999")
	tests := []struct {
		name  string
		frame []byte
	}{
		{"address that is not defended", build(hostMAC, ourMAC, host, other, typeNS, 0, other, 0, linkAddr{})},
		{"advertisement", build(hostMAC, ourMAC, host, hoa, typeNA, flagSolicited, hoa, 0, linkAddr{})},
		{"our own probe, looped back", testResponder().probe(hoa)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, ok := parse(tt.frame)
			if !ok {
				t.Fatal("the message was found invalid")
			}
			if a := testResponder().respond(m); a != nil {
				t.Errorf("answered %x", a)
			}
		})
	}
}

func TestRFC4861_7_1_1_InvalidSolicitations(t *testing.T) {
	if _, ok := parse(solicitation(nil)); !ok {
		t.Fatal("the valid solicitation was found invalid")
	}
	badSum := solicitation(nil)
	badSum[bodyAt+2] ^= 1
	unspecified := func(f []byte) { copy(f[etherLen+8:], make([]byte, 16)) }
	tests := []struct {
		name  string
		frame []byte
	}{
		{"hop limit 254", solicitation(func(f []byte) { f[etherLen+7] = 254 })},
		{"bad checksum", badSum},
		{"code 1", solicitation(func(f []byte) { f[bodyAt+1] = 1 })},
		{"other type", solicitation(func(f []byte) { f[bodyAt] = 133 })},
		{"multicast target", solicitation(func(f []byte) { f[bodyAt+8] = 0xff })},
		{"unspecified target", solicitation(func(f []byte) { copy(f[bodyAt+8:], make([]byte, 16)) })},
		{"multicast source", solicitation(func(f []byte) { f[etherLen+8] = 0xff })},
		{"option of length 0", solicitation(func(f []byte) { f[optionAt+1] = 0 })},
		{"option longer than the message", solicitation(func(f []byte) { f[optionAt+1] = 2 })},
		{"shorter than 24 octets", solicitation(func(f []byte) { f[etherLen+5] = 23 })},
		{"longer than the frame", solicitation(nil)[:optionAt+7]},
		{"from :: with a Source Link-Layer Address option", solicitation(unspecified)},
		{"from :: to a unicast address", func() []byte {
			return build(hostMAC, ourMAC, noAddr, hoa, typeNS, 0, hoa, 0, linkAddr{})
		}()},
		{"from :: to all nodes", build(hostMAC, allNodesLink, noAddr, allNodes, typeNS, 0, hoa, 0, linkAddr{})},
		{"multicast advertisement with S", build(hostMAC, allNodesLink, host, allNodes, typeNA, flagSolicited, hoa, 0, linkAddr{})},
		{"from a multicast link-layer address", solicitation(func(f []byte) { f[6] |= 1 })},
		{"IPv4", solicitation(func(f []byte) { f[12], f[13] = 8, 0 })},
		{"version 4", solicitation(func(f []byte) { f[etherLen] = 0x40 })},
		{"behind extension headers", solicitation(func(f []byte) { f[etherLen+6] = 0 })},
		{"empty", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if m, ok := parse(tt.frame); ok {
				t.Errorf("found valid: %+v", m)
			}
		})
	}
}

// Requirements: 6275-10.4.1-4, 6275-10.4.1-5, 6275-10.4.1-6, 6275-10.4.1-7, 6275-10.4.1-8, 6275-10.4.1-9
// Requirements: 6275-11.5.5-12, 6275-11.5.5-13, 6275-11.5.5-14
func TestRFC6275_10_4_1_UnsolicitedAdvertisement(t *testing.T) {
	r := testResponder()
	want := seen{
		To: linkAddr{0x33, 0x33, 0, 0, 0, 1}, From: ourMAC, Src: ours, Dst: allNodes, Target: hoa,
		Hops: 255, Type: typeNA, Flags: flagOverride, Options: ourOption,
	}
	if diff := cmp.Diff(want, look(t, r.advertisement(hoa, false)), cmpAddr()); diff != "" {
		t.Errorf("host (-want +got):\n%s", diff)
	}
	want.Flags |= flagRouter // RFC 3963: the mobile node is a router
	if diff := cmp.Diff(want, look(t, r.advertisement(hoa, true)), cmpAddr()); diff != "" {
		t.Errorf("router (-want +got):\n%s", diff)
	}
}

func TestRFC4862_5_4_2_Probe(t *testing.T) {
	want := seen{
		To: linkAddr{0x33, 0x33, 0xff, 0, 1, 1}, From: ourMAC, Src: noAddr,
		Dst: netip.MustParseAddr("ff02::1:ff00:101"), Target: hoa, Hops: 255, Type: typeNS, Options: []byte{},
	}
	if diff := cmp.Diff(want, look(t, testResponder().probe(hoa)), cmpAddr()); diff != "" {
		t.Errorf("probe (-want +got):\n%s", diff)
	}
}

func TestRFC4862_5_4_3_WhatContestsAProbe(t *testing.T) {
	r := testResponder()
	group := icmp6.SolicitedNode(hoa)
	tests := []struct {
		name  string
		frame []byte
		want  bool
	}{
		{"another's probe", build(hostMAC, multicastLinkAddr(group), noAddr, group, typeNS, 0, hoa, 0, linkAddr{}), true},
		{"an advertisement", build(hostMAC, allNodesLink, hoa, allNodes, typeNA, flagOverride, hoa, optTargetLinkAddr, hostMAC), true},
		{"our own probe", r.probe(hoa), false},
		{"address resolution", solicitation(nil), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, ok := parse(tt.frame)
			if !ok {
				t.Fatal("found invalid")
			}
			if got := r.contests(m); got != tt.want {
				t.Errorf("contests: %v, want %v", got, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(solicitation(nil))
	f.Add(testResponder().probe(hoa))
	f.Add(testResponder().advertisement(hoa, true))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) >= optionAt && len(frame) >= bodyAt+int(binary.BigEndian.Uint16(frame[18:])) && frame[18] == 0 && frame[19] >= ndLen {
			fixChecksum(frame) // or chance would have to find it
		}
		m, ok := parse(frame)
		if want := codecAccepts(frame); ok != want {
			t.Fatalf("accepted: %v, by internal/icmp6: %v", ok, want)
		}
		if !ok {
			return
		}
		r := newResponder(ourMAC, ours)
		r.addrs[m.target.As16()] = true
		if a := r.respond(m); a != nil {
			if _, ok := parse(a); !ok {
				t.Errorf("our answer %x to %x is invalid", a, frame)
			}
		}
	})
}

// codecAccepts is parse's verdict by way of internal/icmp6.
func codecAccepts(f []byte) bool {
	if len(f) < bodyAt || f[12] != 0x86 || f[13] != 0xdd || f[14]>>4 != 6 || f[20] != protoICMPv6 || f[6]&1 != 0 {
		return false
	}
	length := int(binary.BigEndian.Uint16(f[18:]))
	if len(f) < bodyAt+length {
		return false
	}
	body := f[bodyAt : bodyAt+length]
	src, dst := netip.AddrFrom16([16]byte(f[22:])), netip.AddrFrom16([16]byte(f[38:]))
	m, err := icmp6.Parse(body)
	if err != nil || src.IsMulticast() || !icmp6.ChecksumOK(body, src, dst) || icmp6.ValidND(m, src, dst, int(f[21])) != nil {
		return false
	}
	switch m := m.(type) {
	case *icmp6.NeighborSolicitation:
		return !m.Target.IsUnspecified()
	case *icmp6.NeighborAdvertisement:
		return !m.Target.IsUnspecified()
	}
	return false
}

func TestRespondAllocatesNothing(t *testing.T) {
	r := testResponder()
	frame := solicitation(nil)
	if n := testing.AllocsPerRun(100, func() {
		if m, ok := parse(frame); !ok || r.respond(m) == nil {
			t.Fatal("no answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRespondAmong100000(b *testing.B) {
	r := newResponder(ourMAC, ours)
	for i := range 100_000 {
		a := hoa.As16()
		binary.BigEndian.PutUint32(a[8:], uint32(i))
		r.addrs[a] = false
	}
	r.addrs[hoa.As16()] = false
	frame := solicitation(nil)
	for b.Loop() {
		m, _ := parse(frame)
		if r.respond(m) == nil {
			b.Fatal("no answer")
		}
	}
}
