package icmp6

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	router  = netip.MustParseAddr("fe80::1")
	hoa     = netip.MustParseAddr("2001:db8:1::100")
	agent   = netip.MustParseAddr("2001:db8:1::1")
	agent2  = netip.MustParseAddr("2001:db8:1::2")
	allNode = netip.MustParseAddr("ff02::1")
	any6    = netip.IPv6Unspecified()
)

const (
	hoaHex    = "20010db8000100000000000000000100"
	agentHex  = "20010db8000100000000000000000001"
	agent2Hex = "20010db8000100000000000000000002"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var mac = []byte{2, 0, 0, 0, 0, 1}

// vectors are drawn by hand from the figures of RFC 4861 §4, RFC 6275 §6.5–6.8
// and §7, RFC 3963 §7 and RFC 4443 §3.
var vectors = []struct {
	name string
	wire string
	msg  Message
}{
	{"Router Solicitation", "85 00 0000 00000000", &RouterSolicitation{}},
	{
		"Router Solicitation with a source link-layer address", "85 00 0000 00000000 0101 020000000001",
		&RouterSolicitation{Header: Header{Options: Options{SourceLinkLayerAddress{mac}}}},
	},
	{
		"Router Advertisement of a home agent",
		"86 00 0000 40 28 0708 00007530 000003e8" + // hop limit 64, H and preference high, 1800 s, 30 s, 1 s
			"0101 020000000001" +
			"0501 0000 000005dc" +
			"0304 40 e0 00278d00 00093a80 00000000" + agentHex + // /64, L A R, 30 and 7 days
			"0701 0000 00000046" + // 70 ms
			"0801 8000 000a 0e10", // R, preference 10, 3600 s
		&RouterAdvertisement{
			CurHopLimit: 64, HomeAgent: true, Preference: 1,
			RouterLifetime: 1800 * time.Second, ReachableTime: 30 * time.Second, RetransTimer: time.Second,
			Header: Header{Options: Options{
				SourceLinkLayerAddress{mac}, MTU{MTU: 1500},
				PrefixInformation{
					Length: 64, OnLink: true, Autonomous: true, RouterAddress: true,
					Valid: 30 * 24 * time.Hour, Preferred: 7 * 24 * time.Hour, Prefix: agent,
				},
				AdvertisementInterval{Interval: 70 * time.Millisecond},
				HomeAgentInformation{Router: true, Preference: 10, Lifetime: time.Hour},
			}},
		},
	},
	{
		"Router Advertisement with M and O, a prefix without end and an option unknown",
		"86 00 0000 00 c0 0000 00000000 00000000" +
			"0304 30 00 ffffffff fffffffe 00000000 20010db8000100000000000000000000" +
			"1901 0000 0000003c",
		&RouterAdvertisement{
			Managed: true, Other: true,
			Header: Header{Options: Options{
				PrefixInformation{
					Length: 48, Valid: Infinite, Preferred: 0xfffffffe * time.Second,
					Prefix: netip.MustParseAddr("2001:db8:1::"),
				},
				UnknownOption{Type: 25, Data: []byte{0, 0, 0, 0, 0, 60}},
			}},
		},
	},
	{
		"Neighbor Solicitation", "87 00 0000 00000000" + hoaHex + "0101 020000000001",
		&NeighborSolicitation{Target: hoa, Header: Header{Options: Options{SourceLinkLayerAddress{mac}}}},
	},
	{
		"Neighbor Advertisement, router, solicited, override", "88 00 0000 e0000000" + hoaHex + "0201 020000000001",
		&NeighborAdvertisement{
			Target: hoa, Router: true, Solicited: true, Override: true,
			Header: Header{Options: Options{TargetLinkLayerAddress{mac}}},
		},
	},
	{
		"Neighbor Advertisement, override only", "88 00 0000 20000000" + hoaHex,
		&NeighborAdvertisement{Target: hoa, Override: true},
	},
	{
		"Home Agent Address Discovery Request", "90 00 0000 1234 0000",
		&HomeAgentDiscoveryRequest{Identifier: 0x1234},
	},
	{
		"Home Agent Address Discovery Request of a mobile router", "90 00 0000 1234 8000",
		&HomeAgentDiscoveryRequest{Identifier: 0x1234, Router: true},
	},
	{
		"Home Agent Address Discovery Reply", "91 00 0000 1234 8000" + agentHex + agent2Hex,
		&HomeAgentDiscoveryReply{Identifier: 0x1234, Router: true, HomeAgents: []netip.Addr{agent, agent2}},
	},
	{
		"Mobile Prefix Solicitation", "92 00 0000 5678 0000",
		&MobilePrefixSolicitation{Identifier: 0x5678},
	},
	{
		"Mobile Prefix Advertisement",
		"93 00 0000 5678 c000" + "0304 40 e0 00000e10 00000708 00000000" + agentHex,
		&MobilePrefixAdvertisement{
			Identifier: 0x5678, Managed: true, Other: true,
			Header: Header{Options: Options{PrefixInformation{
				Length: 64, OnLink: true, Autonomous: true, RouterAddress: true,
				Valid: time.Hour, Preferred: 30 * time.Minute, Prefix: agent,
			}}},
		},
	},
	{
		"Parameter Problem", "04 00 0000 00000029 60000000 0000",
		&ParameterProblem{Pointer: 41, Packet: []byte{0x60, 0, 0, 0, 0, 0}},
	},
	{
		"Destination Unreachable, address", "01 03 0000 00000000 60",
		&DestinationUnreachable{Header: Header{Code: 3}, Packet: []byte{0x60}},
	},
	{"Packet Too Big", "02 00 0000 00000500 60", &PacketTooBig{MTU: 1280, Packet: []byte{0x60}}},
	{"Time Exceeded", "03 00 0000 00000000 60", &TimeExceeded{Packet: []byte{0x60}}},
}

// Requirements: 6275-6.5-1, 6275-6.6-1, 6275-6.7-4, 6275-6.8-4, 6275-6.8-6, 6275-7.3-1, 6275-7.4-1
func TestMarshalAndParseAreByteExact(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			wire := unhex(t, v.wire)
			got, err := Marshal(v.msg)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, wire) {
				t.Errorf("marshalled %x\nwant       %x", got, wire)
			}
			m, err := Parse(wire)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v.msg, m, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestReservedAndUnknownSurvive covers the MUST of §6.5–6.8 and §7 that reserved
// bits are ignored and unknown options skipped.
//
// Requirements: 6275-6.5-2, 6275-6.6-1, 6275-6.7-4, 6275-6.7-5, 6275-6.7-6, 6275-6.8-4, 6275-6.8-5, 6275-7.3-1
// Requirements: 6275-7.4-1
func TestReservedAndUnknownSurvive(t *testing.T) {
	for name, wire := range map[string]string{
		"RFC 6275 §6.5 request":              "90 07 abcd 1234 7fff",
		"RFC 6275 §6.6 reply":                "91 07 abcd 1234 7fff" + agentHex,
		"RFC 6275 §6.7 prefix solicitation":  "92 07 abcd 1234 ffff" + "fe01 010203040506",
		"RFC 6275 §6.8 prefix advertisement": "93 07 abcd 1234 3fff" + "fe01 010203040506",
		"RFC 6275 §7.1 flags":                "86 07 abcd 00 07 0000 00000000 00000000",
		"RFC 6275 §7.2 prefix flags":         "86 00 0000 00 07 0000 00000000 00000000 0304 40 1f 00000001 00000002 deadbeef" + agentHex,
		"RFC 6275 §7.3 interval":             "86 00 0000 00 00 0000 00000000 00000000 0701 dead 00000001",
		"RFC 6275 §7.4 information":          "86 00 0000 00 00 0000 00000000 00000000 0801 dead 0001 0002",
		"interval of another length":         "86 00 0000 00 00 0000 00000000 00000000 0702 dead 00000001 0102030405060708",
		"prefix longer than 128":             "86 00 0000 00 00 0000 00000000 00000000 0304 81 1f 00000001 00000002 deadbeef" + agentHex,
		"MTU":                                "86 00 0000 00 00 0000 00000000 00000000 0501 dead 00000500",
		"RFC 4861 §4.1":                      "85 00 0000 deadbeef",
		"RFC 4861 §4.3":                      "87 00 0000 deadbeef" + hoaHex,
		"RFC 4861 §4.4":                      "88 00 0000 1eadbeef" + hoaHex + "0702 000000000000 0102030405060708",
		"long link-layer address":            "88 00 0000 1eadbeef" + hoaHex + "0202 0102030405060708090a0b0c0d0e",
		"RFC 4443 §3.1":                      "01 07 abcd deadbeef 60",
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Parse(unhex(t, wire))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Marshal(m)
			if want := unhex(t, wire); err != nil || !bytes.Equal(got, want) {
				t.Errorf("marshalled %x, %v\nwant       %x", got, err, want)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name, wire string
		offset     int
	}{
		{"nothing", "", 0},
		{"too short for any", "86 00 00", 0},
		{"unknown type", "80 00 0000 00000000", 0},
		{"RFC 4861 §6.1.2: Router Advertisement of less than 16 octets", "86 00 0000 00 00 0000 00000000 000000", 15},
		{"RFC 4861 §6.1.1: Router Solicitation of less than 8 octets", "85 00 0000 000000", 7},
		{"RFC 4861 §7.1.1: Neighbor Solicitation of less than 24 octets", "87 00 0000 00000000 2001", 10},
		{"RFC 4861 §7.1.2: Neighbor Advertisement of less than 24 octets", "88 00 0000 00000000 2001", 10},
		{"RFC 4861 §6.1.2: option of length 0", "86 00 0000 00 00 0000 00000000 00000000 0100 000000000000", 16},
		{"option behind the end", "86 00 0000 00 00 0000 00000000 00000000 0102 000000000000", 16},
		{"option without length", "92 00 0000 1234 0000 01", 8},
		{"request too short", "90 00 0000 1234", 6},
		{"last address cut off", "91 00 0000 1234 0000" + agentHex + "2001", 24},
		{"Parameter Problem too short", "04 00 0000 0000", 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Parse(unhex(t, c.wire))
			var p *ParseError
			if !errors.As(err, &p) {
				t.Fatalf("message %+v, error %v", m, err)
			}
			if p.Offset != c.offset || p.Text == "" {
				t.Errorf("%v, want an error at octet %d", err, c.offset)
			}
		})
	}
}

func TestRFC6275_7_2_PrefixKeepsTheWholeAddress(t *testing.T) {
	p := PrefixInformation{Length: 64, RouterAddress: true, Prefix: agent}
	if got, want := p.Masked(), netip.MustParsePrefix("2001:db8:1::/64"); got != want {
		t.Errorf("prefix %v, want %v", got, want)
	}
	m, err := Parse(unhex(t, vectors[2].wire))
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := Find[PrefixInformation](m.Base().Options); !ok || got.Prefix != agent {
		t.Errorf("prefix %v, want the router's address %v", got.Prefix, agent)
	}
	if _, ok := Find[TargetLinkLayerAddress](m.Base().Options); ok {
		t.Error("found an option that is not there")
	}
}

func TestLifetimesAreClamped(t *testing.T) {
	long := 200 * 365 * 24 * time.Hour
	b, err := Marshal(&RouterAdvertisement{
		RouterLifetime: long, ReachableTime: -1, RetransTimer: long,
		Header: Header{Options: Options{PrefixInformation{Valid: long, Preferred: -1, Prefix: agent}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, "86 00 0000 00 00 ffff 00000000 ffffffff 0304 00 00 fffffffe 00000000 00000000"+agentHex)
	if !bytes.Equal(b, want) {
		t.Errorf("got  %x\nwant %x", b, want)
	}
}

func TestMarshalRefusesWhatDoesNotFit(t *testing.T) {
	for _, o := range []Option{
		SourceLinkLayerAddress{make([]byte, 5)},
		UnknownOption{Type: 200, Data: make([]byte, 255*8)},
	} {
		if b, err := Marshal(&RouterSolicitation{Header: Header{Options: Options{o}}}); err == nil {
			t.Errorf("%T was written: %x", o, b)
		}
	}
}

func TestRFC4443_2_4_ErrorFitsTheMinimumMTU(t *testing.T) {
	long := bytes.Repeat([]byte{0x60}, 3000)
	b, err := Marshal(NewParameterProblem(CodeErroneousHeader, 65, long))
	if err != nil || len(b)+40 != 1280 {
		t.Errorf("%d octets, %v, want 1280 with the IPv6 header", len(b), err)
	}
	if want := unhex(t, "04 00 0000 00000041 6060"); !bytes.HasPrefix(b, want) {
		t.Errorf("begins with %x, want %x", b[:10], want)
	}
	b, err = Marshal(NewParameterProblem(CodeErroneousHeader, 41, long[:50]))
	if err != nil || len(b) != 58 {
		t.Errorf("%d octets, %v, want 58", len(b), err)
	}
}

// TestRFC4443_2_3_Checksum has its figure from adding up by hand: the addresses
// fe80::1 and ff02::1, length 8, next header 58, and the word 8500.
func TestRFC4443_2_3_Checksum(t *testing.T) {
	b := unhex(t, "85 00 ffff 00000000")
	sum := 0xfe80 + 1 + 0xff02 + 1 + 8 + 58 + 0x8500
	want := ^uint16(sum&0xffff + sum>>16)
	if got := Checksum(b, router, allNode); got != want {
		t.Errorf("checksum %04x, want %04x", got, want)
	}
	SetChecksum(b, router, allNode)
	if !ChecksumOK(b, router, allNode) {
		t.Error("our own checksum does not verify")
	}
	for v := range 0x10000 {
		be.PutUint16(b[2:], uint16(v))
		if ok := ChecksumOK(b, router, allNode); ok != (uint16(v) == want) {
			t.Fatalf("checksum %04x: %v, the right one is %04x", v, ok, want)
		}
	}
	if ChecksumOK(b[:3], router, allNode) {
		t.Error("three octets verify")
	}
}

// In one's complement zero has two forms; a sender may write either.
func TestChecksumZeroHasTwoForms(t *testing.T) {
	b := unhex(t, "85 00 0000 00000000")
	be.PutUint16(b[4:], Checksum(b, router, allNode))
	for v, want := range map[uint16]bool{0: true, 0xffff: true, 1: false, 0x8000: false} {
		be.PutUint16(b[2:], v)
		if got := ChecksumOK(b, router, allNode); got != want {
			t.Errorf("checksum %04x: %v, want %v", v, got, want)
		}
	}
}

func TestOddLengthIsPaddedForTheChecksum(t *testing.T) {
	odd, even := unhex(t, "04 00 0000 00000000 60"), unhex(t, "04 00 0000 00000000 6000")
	// One more in the length is all that tells them apart.
	if got, want := Checksum(odd, router, allNode), Checksum(even, router, allNode)+1; got != want {
		t.Errorf("checksum %04x, want %04x", got, want)
	}
}
