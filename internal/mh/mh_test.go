package mh

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	hoa = netip.MustParseAddr("2001:db8:1::100")
	coa = netip.MustParseAddr("2001:db8:f1::100")
	ha  = netip.MustParseAddr("2001:db8:1::1")
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var authenticator = []byte{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab}

const (
	hoaHex = "20010db8000100000000000000000100"
	coaHex = "20010db800f100000000000000000100"
)

// vectors are drawn by hand from the figures of RFC 6275 §6.1 and §6.2, RFC
// 3963 §4.3, RFC 4283 §3 and RFC 4285 §5, §6.
var vectors = []struct {
	name string
	wire string
	msg  Message
}{
	{
		"Binding Refresh Request", "3b 00 00 00 0000 0000",
		&BindingRefreshRequest{},
	},
	{
		"Home Test Init", "3b 01 01 00 0000 0000 0102030405060708",
		&HomeTestInit{Cookie: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}},
	},
	{
		"Care-of Test Init", "3b 01 02 00 0000 0000 0102030405060708",
		&CareOfTestInit{Cookie: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}},
	},
	{
		"Home Test", "3b 02 03 00 0000 0007 0102030405060708 1112131415161718",
		&HomeTest{
			NonceIndex: 7, Cookie: [8]byte{1, 2, 3, 4, 5, 6, 7, 8},
			Token: [8]byte{0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18},
		},
	},
	{
		"Care-of Test", "3b 02 04 00 0000 0009 0102030405060708 1112131415161718",
		&CareOfTest{
			NonceIndex: 9, Cookie: [8]byte{1, 2, 3, 4, 5, 6, 7, 8},
			Token: [8]byte{0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18},
		},
	},
	{
		"Binding Update, padded at its end", "3b 01 05 00 0000 8001 c000 0064 01020000",
		&BindingUpdate{Sequence: 0x8001, Ack: true, Home: true, Lifetime: 400 * time.Second},
	},
	{
		"Binding Update with an alternate care-of address at 8n+6",
		"3b 03 05 00 0000 0001 fc00 ffff 0100 0310" + coaHex,
		&BindingUpdate{
			Sequence: 1, Ack: true, Home: true, LinkLocal: true, KeyMgmt: true, MAP: true, Router: true,
			Lifetime: MaxLifetime, Header: Header{Options: Options{AlternateCareOfAddress{coa}}},
		},
	},
	{
		"Binding Update to a correspondent, nothing after the authenticator",
		"3b 03 05 00 0000 0002 8000 0069 0404 0003 0004 050c a0a1a2a3a4a5a6a7a8a9aaab",
		&BindingUpdate{
			Sequence: 2, Ack: true, Lifetime: 420 * time.Second,
			Header: Header{Options: Options{NonceIndices{3, 4}, BindingAuthorizationData{[12]byte(authenticator)}}},
		},
	},
	{
		"Binding Acknowledgement with refresh advice and nonce indices",
		"3b 02 06 00 0000 00 c0 0003 0069" + "0202 0032" + "0404 0005 0006" + "0100",
		&BindingAcknowledgement{
			KeyMgmt: true, Router: true, Sequence: 3, Lifetime: 420 * time.Second,
			Header: Header{Options: Options{BindingRefreshAdvice{200 * time.Second}, NonceIndices{5, 6}}},
		},
	},
	{
		"Binding Error", "3b 02 07 00 0000 01 00" + hoaHex,
		&BindingError{Status: ErrorUnknownBinding, HomeAddress: hoa},
	},
	{
		"Binding Update of a mobile router, prefix at 8n+4",
		"3b 03 05 00 0000 0001 c400 0001 0612 0040 20010db8abcd00000000000000000000",
		&BindingUpdate{
			Sequence: 1, Ack: true, Home: true, Router: true, Lifetime: 4 * time.Second,
			Header: Header{Options: Options{
				MobileNetworkPrefix{Length: 64, Prefix: netip.MustParseAddr("2001:db8:abcd::")},
			}},
		},
	},
	{
		// The identifier ends at 20; Mesg-ID at 8n+2 from 26 to 36; MN-HA at 37,
		// which is 4n+1, so that the message ends with it at 56.
		"Binding Update with RFC 4283 and RFC 4285 options",
		"3b 06 05 00 0000 0001 c000 0001 0806 01 6d6e404578 0104 00000000 0a08 e000000000000001" +
			"00 0911 01 00000100 a0a1a2a3a4a5a6a7a8a9aaab",
		&BindingUpdate{
			Sequence: 1, Ack: true, Home: true, Lifetime: 4 * time.Second,
			Header: Header{Options: Options{
				MobileNodeIdentifier{SubtypeNAI, []byte("mn@Ex")},
				MesgID{0xe000000000000001},
				MobilityMessageAuthentication{SubtypeMNHA, 256, authenticator},
			}},
		},
	},
	{
		// RFC 5555 figure 1: six bits of prefix length, P, nine reserved bits.
		"Binding Update with IPv4 home addresses, one given, one prefix asked for",
		"3b 03 05 00 0000 0001 c000 0001 1d06 8000 c0000264 1d06 6200 00000000 01 02 0000",
		&BindingUpdate{
			Sequence: 1, Ack: true, Home: true, Lifetime: 4 * time.Second,
			Header: Header{Options: Options{
				IPv4HomeAddress{PrefixLen: 32, Addr: netip.MustParseAddr("192.0.2.100")},
				IPv4HomeAddress{PrefixLen: 24, WantPrefix: true, Addr: netip.IPv4Unspecified()},
			}},
		},
	},
	{
		// Figure 4: eight bits of status, six of prefix length, two reserved.
		"Binding Acknowledgement with an IPv4 home address and a refused prefix",
		"3b 03 06 00 0000 00 00 0001 0001 1e06 00 80 c0000264 1e06 85 00 00000000 01 02 0000",
		&BindingAcknowledgement{
			Sequence: 1, Lifetime: 4 * time.Second,
			Header: Header{Options: Options{
				IPv4AddressAcknowledgement{PrefixLen: 32, Addr: netip.MustParseAddr("192.0.2.100")},
				IPv4AddressAcknowledgement{Status: IPv4PrefixUnauthorized, Addr: netip.IPv4Unspecified()},
			}},
		},
	},
}

// Requirements: 3963-4.3-1, 6275-6.1.1-6, 6275-6.1.2-1, 6275-6.1.3-1, 6275-6.1.4-1, 6275-6.1.7-6, 6275-6.1.8-2
// Requirements: 6275-6.1.9-1
func TestMarshalIsByteExact(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			got, err := Marshal(v.msg)
			if err != nil {
				t.Fatal(err)
			}
			if want := unhex(t, v.wire); !bytes.Equal(got, want) {
				t.Errorf("got  %x\nwant %x", got, want)
			}
		})
	}
}

func TestParseReadsWhatMarshalWrites(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			got, err := Parse(unhex(t, v.wire))
			if err != nil {
				t.Fatal(err)
			}
			h := got.Base()
			if !h.Verbatim {
				t.Error("Verbatim is not set")
			}
			h.Verbatim = false
			var kept Options
			for _, o := range h.Options {
				if o.OptionType() > OptionPadN {
					kept = append(kept, o)
				}
			}
			h.Options = kept
			if diff := cmp.Diff(v.msg, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRFC6275_6_2_UnknownOptionsSurvive also covers reserved bits, odd padding
// and the checksum.
//
// Requirements: 6275-6.1.1-4, 6275-6.1.7-7, 6275-6.2.3-1
func TestRFC6275_6_2_UnknownOptionsSurvive(t *testing.T) {
	wire := unhex(t, "3b 03 05 aa 1234 8001 c3ff 0064"+"7f03 010203"+"0000"+"0104 deadbeef"+"fe05 0102030405")
	m, err := Parse(wire)
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := Find[UnknownOption](m.Base().Options); !ok || o.Type != 0x7f {
		t.Errorf("unknown option: %+v, %v", o, ok)
	}
	got, err := Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, wire) {
		t.Errorf("got  %x\nwant %x", got, wire)
	}
}
