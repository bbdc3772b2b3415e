package exthdr

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var home = netip.MustParseAddr("2001:db8:1::100")

const homeHex = "20010db8000100000000000000000100"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var addrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// The header as drawn from §6.3: three units of eight octets, the option's
// length 16, its address at a multiple of eight.
//
// Requirements: 6275-6.3-1
func TestRFC6275_6_3_HomeAddressAt8nPlus6(t *testing.T) {
	b := HomeAddressHeader(135, home)
	if want := unhex(t, "87 02 0102 0000 c9 10"+homeHex); !bytes.Equal(b, want) {
		t.Errorf("got  %x\nwant %x", b, want)
	}
	got, offset, err := FindHomeAddress(append(b, 0xff))
	if err != nil || got != home || offset != 6 {
		t.Errorf("found %v at %d, %v", got, offset, err)
	}
}

func TestFindHomeAddressAmongOthers(t *testing.T) {
	for _, c := range []struct {
		name, wire string
		offset     int
	}{
		{"Pad1 before", "3a 02 00000000 c9 10" + homeHex, 6},
		{"an unknown option before, unaligned", "3a 02 05 01 aa c910" + homeHex + "00", 5},
		{"an unknown option behind", "3a 03 0102 0000 c910" + homeHex + "3e06 010203040506", 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, offset, err := FindHomeAddress(unhex(t, c.wire))
			if err != nil || got != home || offset != c.offset {
				t.Errorf("found %v at %d, %v; want it at %d", got, offset, err, c.offset)
			}
		})
	}
}

// Requirements: 6275-6.3-1, 6275-6.3-5
func TestDestinationOptionsRefused(t *testing.T) {
	for _, c := range []struct {
		name, wire string
		offset     int
	}{
		{"nothing", "", 0},
		{"too short", "3a 00 01 02 00", 0},
		{"RFC 8200 §4.6: cut off", "3a 02 0102 0000 c910 2001", 1},
		{"RFC 6275 §6.3: length is not 16", "3a 02 0104 00000000 c90e 20010db8000100000000000000000000", 8},
		{"RFC 6275 §6.3: more than one", "3a 05 0102 0000 c910" + homeHex + "01040000 0000 c910" + homeHex, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			home, _, err := FindHomeAddress(unhex(t, c.wire))
			var p *ParseError
			if !errors.As(err, &p) {
				t.Fatalf("found %v, error %v", home, err)
			}
			if p.Offset != c.offset || p.Text == "" || home.IsValid() {
				t.Errorf("found %v, error %v, want it at octet %d", home, err, c.offset)
			}
		})
	}
	for _, c := range []struct {
		name, wire string
		offset     int
	}{
		{"an option without length", "3a 00 0103 000000 05", 7},
		{"an option that ends behind the header", "3a 00 0506 0000 0000", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := FindHomeAddress(unhex(t, c.wire))
			var p *ParseError
			if !errors.As(err, &p) || p.Offset != c.offset {
				t.Errorf("FindHomeAddress: %v, want an error at octet %d", err, c.offset)
			}
			_, _, err = ParseDestinationOptions(unhex(t, c.wire))
			if !errors.As(err, &p) || p.Offset != c.offset {
				t.Errorf("ParseDestinationOptions: %v, want an error at octet %d", err, c.offset)
			}
		})
	}
}

func TestNoHomeAddressIsNotMalformed(t *testing.T) {
	for name, wire := range map[string]string{
		"only padding":              "3a 00 0104 00000000",
		"an option behind the end":  "3a 00 0104 00000000 c910" + homeHex,
		"the end in an odd place":   "3a 00 0104 00000000 ff",
		"another option's contents": "3a 02 0514 c910" + homeHex + "0000",
	} {
		if home, _, err := FindHomeAddress(unhex(t, wire)); !errors.Is(err, ErrNoHomeAddress) {
			t.Errorf("%s: found %v, error %v", name, home, err)
		}
	}
}

func TestDestinationOptionsRoundTrip(t *testing.T) {
	wire := unhex(t, "3a 03 00 0101 aa c9 10"+homeHex+"00 3e05 0102030405")
	got, n, err := ParseDestinationOptions(append(wire, 1, 2, 3))
	if err != nil || n != len(wire) {
		t.Fatalf("%d octets, %v", n, err)
	}
	want := DestinationOptions{NextHeader: 58, Options: []Option{
		{}, {Type: OptionPadN, Data: []byte{0xaa}},
		{Type: OptionHomeAddress, Data: unhex(t, homeHex)},
		{}, {Type: 0x3e, Data: []byte{1, 2, 3, 4, 5}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if b, err := got.Append([]byte{0xee}); err != nil || !bytes.Equal(b[1:], wire) {
		t.Errorf("got %x, %v\nwant %x", b, err, wire)
	}
}

func TestDestinationOptionsThatDoNotFit(t *testing.T) {
	for name, opts := range map[string][]Option{
		"no multiple of 8": {{Type: 5, Data: make([]byte, 3)}},
		"a long option":    {{Type: 5, Data: make([]byte, 260)}},
		"a long header": {
			{Type: 5, Data: make([]byte, 255)}, {Type: 5, Data: make([]byte, 255)}, {Type: 5, Data: make([]byte, 255)},
			{Type: 5, Data: make([]byte, 255)}, {Type: 5, Data: make([]byte, 255)}, {Type: 5, Data: make([]byte, 255)},
			{Type: 5, Data: make([]byte, 255)}, {Type: 5, Data: make([]byte, 255)}, {},
		},
	} {
		if b, err := (DestinationOptions{Options: opts}).Append(nil); err == nil {
			t.Errorf("%s: %d octets written", name, len(b))
		}
	}
}

// The header as drawn from §6.4.1.
//
// Requirements: 6275-6.4.1-1, 6275-6.4.1-2, 6275-6.4.1-3
func TestRFC6275_6_4_1_Type2RoutingHeader(t *testing.T) {
	r := Routing{NextHeader: 135, SegmentsLeft: 1, HomeAddress: home}
	wire := unhex(t, "87 02 02 01 00000000"+homeHex)
	if b := r.Append(nil); !bytes.Equal(b, wire) {
		t.Errorf("got  %x\nwant %x", b, wire)
	}
	got, err := ParseRouting(append(wire, 0xff))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got, addrs); diff != "" {
		t.Error(diff)
	}
}

// Requirements: 6275-6.4.1-3
func TestRFC6275_6_4_1_ReservedIsIgnoredAndKept(t *testing.T) {
	wire := unhex(t, "87 02 02 00 deadbeef"+homeHex)
	r, err := ParseRouting(wire)
	if err != nil || r.Reserved != 0xdeadbeef || r.HomeAddress != home {
		t.Fatalf("%+v, %v", r, err)
	}
	if b := r.Append(nil); !bytes.Equal(b, wire) {
		t.Errorf("got  %x\nwant %x", b, wire)
	}
}

// Requirements: 6275-11.3.3-4, 6275-11.3.3-5
func TestRFC6275_11_3_3_RoutingHeaderRefused(t *testing.T) {
	for _, c := range []struct {
		name, wire string
		offset     int
	}{
		{"too short", "87 02 02 01 00000000 20010db8", 0},
		{"another type", "87 02 00 01 00000000" + homeHex, 2},
		{"length field is not 2", "87 04 02 01 00000000" + homeHex + homeHex, 1},
		{"more segments left", "87 02 02 02 00000000" + homeHex, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := ParseRouting(unhex(t, c.wire))
			var p *ParseError
			if !errors.As(err, &p) || p.Offset != c.offset {
				t.Errorf("read %+v, error %v, want one at octet %d", r, err, c.offset)
			}
		})
	}
}
