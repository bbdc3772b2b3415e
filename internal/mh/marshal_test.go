package mh

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// offsetOf finds an option in a marshalled Binding Update.
func offsetOf(t *testing.T, b []byte, want OptionType) int {
	t.Helper()
	for at := 12; at < len(b); {
		switch {
		case b[at] == byte(want):
			return at
		case b[at] == 0:
			at++
		default:
			at += 2 + int(b[at+1])
		}
	}
	t.Fatalf("no %s option in %x", want, b)
	return 0
}

// Whatever stands before an option, it begins where its RFC asks: the first
// option here leaves each of the eight places.
//
// Requirements: 3963-4.3-1, 4285-5-4, 6275-6.1.1-2
func TestOptionsAreAligned(t *testing.T) {
	for _, c := range []struct {
		rule      string
		opt       Option
		n, offset int
	}{
		{"RFC 6275 §6.2.4", BindingRefreshAdvice{time.Minute}, 2, 0},
		{"RFC 6275 §6.2.5", altCoA, 8, 6},
		{"RFC 6275 §6.2.6", NonceIndices{1, 2}, 2, 0},
		{"RFC 6275 §6.2.7", bad, 8, 2},
		{"RFC 3963 §4.3", prefix, 8, 4},
		{"RFC 4285 §5", mnha, 4, 1},
		{"RFC 4285 §5, odd length", MobilityMessageAuthentication{7, 1, make([]byte, 13)}, 4, 1},
		{"RFC 4285 §6", MesgID{1}, 8, 2},
		{"RFC 5555 §3.1.1", IPv4HomeAddress{PrefixLen: 32}, 4, 0},
		{"RFC 5555 §3.2.1", IPv4AddressAcknowledgement{PrefixLen: 32}, 4, 0},
	} {
		for n := range 8 {
			t.Run(fmt.Sprintf("%s behind %d octets", c.rule, n+2), func(t *testing.T) {
				before := UnknownOption{Type: 200, Data: make([]byte, n)}
				b, err := Marshal(&BindingUpdate{Header: Header{Options: Options{before, c.opt}}})
				if err != nil {
					t.Fatal(err)
				}
				at := offsetOf(t, b, c.opt.OptionType())
				if at%c.n != c.offset {
					t.Errorf("begins at %d, want %dn+%d", at, c.n, c.offset)
				}
				if gap := at - (12 + 2 + n); gap < 0 || gap >= 8 {
					t.Errorf("%d octets of padding before", gap)
				}
				if len(b)%8 != 0 || int(b[1]) != len(b)/8-1 {
					t.Errorf("%d octets, Header Len %d", len(b), b[1])
				}
				if _, err := Parse(b); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Authenticators of any usual length end the message, wherever they begin.
//
// Requirements: 4285-5.1-1, 4285-5.2-3, 6275-6.2-1, 6275-6.2-2
func TestNothingFollowsAnAuthenticator(t *testing.T) {
	for _, opt := range []Option{bad, mnha, mnaaa, MobilityMessageAuthentication{7, 1, make([]byte, 32)}} {
		for n := range 8 {
			before := UnknownOption{Type: 200, Data: make([]byte, n)}
			b, err := Marshal(&BindingUpdate{Header: Header{Options: Options{before, opt}}})
			if err != nil {
				t.Fatal(err)
			}
			at := offsetOf(t, b, opt.OptionType())
			if end := at + 2 + int(b[at+1]); end != len(b) {
				t.Errorf("%T behind %d octets: %d octets follow", opt, n+2, len(b)-end)
			}
		}
	}
}

// Requirements: 6275-6.2.2-1
func TestRFC6275_6_2_2_MorePaddingIsOnePadN(t *testing.T) {
	for n, want := range map[int]string{0: "", 1: "00", 2: "0100", 3: "010100", 7: "01050000000000"} {
		if got := pad(nil, n); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%d octets: %x, want %s", n, got, want)
		}
	}
}

func TestMarshalRefusesWhatDoesNotFit(t *testing.T) {
	many := make(Options, 12)
	for i := range many {
		many[i] = UnknownOption{Type: 200, Data: make([]byte, 250)}
	}
	for name, h := range map[string]Header{
		"an option of 256 octets":       {Options: Options{UnknownOption{Type: 200, Data: make([]byte, 256)}}},
		"a message of 3,000 octets":     {Options: many},
		"an empty identifier":           {Options: Options{MobileNodeIdentifier{Subtype: 1}}},
		"a prefix of 129 bits":          {Options: Options{MobileNetworkPrefix{Length: 129}}},
		"a known option as unknown":     {Options: Options{UnknownOption{Type: OptionNonceIndices}}},
		"verbatim options out of place": {Verbatim: true, Options: Options{Pad1{}}},
	} {
		if b, err := Marshal(&BindingUpdate{Header: h}); err == nil {
			t.Errorf("%s: written as %x", name, b)
		}
	}
}

func TestLongestMessage(t *testing.T) {
	opts := make(Options, 8)
	for i := range opts {
		opts[i] = UnknownOption{Type: 200, Data: make([]byte, 252)} // 12 + 8 × 254 = 2044
	}
	b, err := Marshal(&BindingUpdate{Header: Header{Options: opts}})
	if err != nil || len(b) != 2048 || b[1] != 255 {
		t.Fatalf("%d octets, %v", len(b), err)
	}
	if _, err := Parse(b); err != nil {
		t.Error(err)
	}
}

// The lifetime field is the last of both messages' fixed parts.
func TestRFC6275_6_1_LifetimesAreInUnitsOfFourSeconds(t *testing.T) {
	for _, c := range []struct {
		d            time.Duration
		asked, given uint16
	}{
		{-1, 0, 0},
		{0, 0, 0},
		{1, 1, 0}, // asking for little is no deletion; granting little is nothing
		{3999 * time.Millisecond, 1, 0},
		{4 * time.Second, 1, 1},
		{7 * time.Second, 1, 1},
		{8 * time.Second, 2, 2},
		{420 * time.Second, 105, 105},
		{MaxLifetime - 1, 0xfffe, 0xfffe},
		{MaxLifetime, 0xffff, 0xffff},
		{1<<63 - 1, 0xffff, 0xffff},
	} {
		bu, err := Marshal(&BindingUpdate{Lifetime: c.d})
		if err != nil || be.Uint16(bu[10:]) != c.asked {
			t.Errorf("%v in a Binding Update: %d, %v, want %d", c.d, be.Uint16(bu[10:]), err, c.asked)
		}
		ba, err := Marshal(&BindingAcknowledgement{Lifetime: c.d})
		if err != nil || be.Uint16(ba[10:]) != c.given {
			t.Errorf("%v in a Binding Acknowledgement: %d, %v, want %d", c.d, be.Uint16(ba[10:]), err, c.given)
		}
	}
	// All ones is no infinity.
	m, err := Parse(unhex(t, "3b 01 05 00 0000 0001 c000 ffff 01020000"))
	if err != nil || m.(*BindingUpdate).Lifetime != 262140*time.Second {
		t.Errorf("%+v, %v", m, err)
	}
}

// Each flag has its own bit, in the order of the figures of §6.1.7, §6.1.8, RFC
// 5380 §4.1 and RFC 3963 §4.1, §4.2; nothing else is set.
//
// Requirements: 6275-6.1.7-6, 6275-6.1.8-2
func TestFlags(t *testing.T) {
	for want, m := range map[uint16]*BindingUpdate{
		0x8000: {Ack: true}, 0x4000: {Home: true}, 0x2000: {LinkLocal: true}, 0x1000: {KeyMgmt: true},
		0x0800: {MAP: true}, 0x0400: {Router: true}, 0x0001: {Flags: 0xfc01},
	} {
		b, err := Marshal(m)
		if err != nil || be.Uint16(b[8:]) != want {
			t.Errorf("%+v: %04x, %v, want %04x", m, be.Uint16(b[8:]), err, want)
		}
	}
	for want, m := range map[byte]*BindingAcknowledgement{
		0x80: {KeyMgmt: true}, 0x40: {Router: true}, 0x01: {Flags: 0xc1},
	} {
		b, err := Marshal(m)
		if err != nil || b[7] != want {
			t.Errorf("%+v: %02x, %v, want %02x", m, b[7], err, want)
		}
	}
}

// Requirements: 6275-6.1.1-1, 6275-6.1.1-3
func TestRFC6275_6_1_1_NewMessagesHaveNothingReserved(t *testing.T) {
	for _, v := range vectors {
		b, err := Marshal(v.msg)
		if err != nil || b[0] != 59 || b[3] != 0 {
			t.Errorf("%s: %x, %v", v.name, b, err)
		}
	}
}
