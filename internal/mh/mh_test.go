package mh

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
}

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

func TestMalformedKnowsTheAnswer(t *testing.T) {
	problem := func(pointer int) ParseError { return ParseError{Answer: AnswerParameterProblem, Pointer: pointer} }
	for _, c := range []struct {
		name, wire string
		want       ParseError
	}{
		{"RFC 6275 §9.2: Payload Proto is not 59", "3a 00 00 00 0000 0000", problem(0)},
		{"RFC 6275 §9.2: Header Len too small for the type", "3b 00 05 00 0000 0000", problem(1)},
		{"RFC 6275 §9.2: unknown MH Type", "3b 00 63 00 0000 0000", ParseError{Answer: AnswerBindingError, Status: ErrorUnknownType}},
		{"too short", "3b 00 00 00 0000", ParseError{}},
		{"cut off", "3b 01 05 00 0000 0001", ParseError{}},
		{"option behind the end", "3b 01 05 00 0000 8001 c000 0064 0110 0000", ParseError{}},
		{"option without length", "3b 01 05 00 0000 8001 c000 0064 000000 02", ParseError{}},
		{"alternate care-of of a wrong length", "3b 01 05 00 0000 8001 c000 0064 0302 0000", ParseError{}},
		{"repeated option", "3b 02 06 00 0000 0000 0000 0000" + "0202 0001 0202 0001 0102 0000", ParseError{}},
		{
			"RFC 6275 §6.2.7: something after the authenticator",
			"3b 04 05 00 0000 0002 8000 0069 0404 0003 0004 050c a0a1a2a3a4a5a6a7a8a9aaab 0106000000000000", ParseError{},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(unhex(t, c.wire))
			var p *ParseError
			if !errors.As(err, &p) {
				t.Fatalf("error is %v", err)
			}
			if p.Text == "" {
				t.Error("the error has no text")
			}
			got := ParseError{Answer: p.Answer, Pointer: p.Pointer, Status: p.Status}
			if got != c.want {
				t.Errorf("got %+v, want %+v (%v)", got, c.want, err)
			}
		})
	}
}

func TestRFC4285_5_OrderOfAuthenticationOptions(t *testing.T) {
	build := func(subtypes ...byte) []byte {
		b := unhex(t, "3b 00 05 00 0000 0002 8000 0069")
		for _, s := range subtypes {
			b = append(b, 9, 5, s, 0, 0, 1, 0)
		}
		for len(b)%8 != 0 {
			b = append(b, 0)
		}
		b[1] = byte(len(b)/8 - 1)
		return b
	}
	for _, c := range []struct {
		subtypes []byte
		ok       bool
	}{
		{[]byte{1}, true}, {[]byte{1, 2}, true}, {[]byte{2, 1}, false}, {[]byte{1, 1}, false},
	} {
		if _, err := Parse(build(c.subtypes...)); (err == nil) != c.ok {
			t.Errorf("subtypes %v: %v", c.subtypes, err)
		}
	}
}

func TestRFC6275_6_1_7_LifetimeUnit(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want uint16
	}{
		{-1, 0}, {0, 0}, {time.Second, 0}, {7 * time.Second, 1}, {8 * time.Second, 2},
		{MaxLifetime, 0xffff}, {MaxLifetime + time.Hour, 0xffff},
	} {
		if got := units(c.d); got != c.want {
			t.Errorf("units(%v) = %d, want %d", c.d, got, c.want)
		}
	}
}

// TestRFC6275_6_1_1_Checksum has its figure from adding up by hand: the
// addresses 2001:db8:1::100 and 2001:db8:1::1, length 8, protocol 135, and the
// words 3b00 and 0.
func TestRFC6275_6_1_1_Checksum(t *testing.T) {
	b := unhex(t, "3b 00 00 00 ffff 0000")
	sum := 2*(0x2001+0x0db8+1) + 0x100 + 1 + 8 + 135 + 0x3b00
	want := ^uint16(sum)
	if got := Checksum(b, hoa, ha); got != want {
		t.Errorf("checksum %04x, want %04x", got, want)
	}
	SetChecksum(b, hoa, ha)
	if !ChecksumOK(b, hoa, ha) {
		t.Error("our own checksum does not verify")
	}
	if ChecksumOK(b, coa, ha) {
		t.Error("verifies with the care-of address, too")
	}
	b[3] ^= 1
	if ChecksumOK(b, hoa, ha) {
		t.Error("verifies after a change")
	}
	if ChecksumOK(nil, hoa, ha) {
		t.Error("nothing verifies")
	}
}

func TestCoveredEndsBehindTheSPIWithZeroChecksum(t *testing.T) {
	m := &BindingUpdate{Header: Header{Checksum: 0xabcd, Options: Options{
		MobilityMessageAuthentication{SubtypeMNHA, 256, make([]byte, 12)},
	}}}
	b, err := Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	c := Covered(b, OptionMobilityMessageAuthentication, SubtypeMNHA)
	if want := len(b) - 12; len(c) != want {
		t.Fatalf("covers %d octets, want %d", len(c), want)
	}
	if c[4] != 0 || c[5] != 0 || b[4] != 0xab {
		t.Error("the checksum is not zero in the copy only")
	}
	if !bytes.Equal(c[len(c)-4:], []byte{0, 0, 1, 0}) {
		t.Errorf("ends with %x, not the SPI", c[len(c)-4:])
	}
	if Covered(b, OptionMobilityMessageAuthentication, SubtypeMNAAA) != nil {
		t.Error("found an option that is not there")
	}
}

func TestMarshalRefusesWhatDoesNotFit(t *testing.T) {
	long := UnknownOption{Type: 200, Data: make([]byte, 256)}
	if _, err := Marshal(&BindingUpdate{Header: Header{Options: Options{long}}}); err == nil {
		t.Error("an option of 256 octets was written")
	}
	many := make(Options, 12)
	for i := range many {
		many[i] = UnknownOption{Type: 200, Data: make([]byte, 250)}
	}
	if _, err := Marshal(&BindingUpdate{Header: Header{Options: many}}); err == nil {
		t.Error("a message of 3,000 octets was written")
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add(unhex(f, v.wire))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			var p *ParseError
			if !errors.As(err, &p) {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		got, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if want := b[:(int(b[1])+1)*8]; !bytes.Equal(got, want) {
			t.Fatalf("decoded %x\nencoded %x", want, got)
		}
		for _, k := range []OptionType{OptionMobilityMessageAuthentication, OptionBindingAuthorizationData} {
			if c := Covered(b, k, SubtypeMNHA); len(c) > len(b) {
				t.Fatalf("covers %d of %d octets", len(c), len(b))
			}
		}
	})
}
