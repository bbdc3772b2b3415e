package mh

import (
	"bytes"
	"testing"
)

// A prefix length of zero is an error, and so is one that no IPv4 prefix has.
func TestRFC5555_3_1_1_PrefixLength(t *testing.T) {
	for length, wrong := range map[byte]bool{0: true, 1: false, 32: false, 33: true, 63: true} {
		wire := unhex(t, "3b 02 05 00 0000 0001 c000 0001 1d06 0000 c0000264 0102 0000")
		wire[14] = length << 2
		m, err := Parse(wire)
		if (err != nil) != wrong {
			t.Errorf("prefix length %d: %v", length, err)
		}
		if err != nil {
			if p := refused(t, wire); p.Reason != ReasonOptionValue || p.Answer != AnswerSilence {
				t.Errorf("prefix length %d: %#v, want silence for %s", length, p, ReasonOptionValue)
			}
			continue
		}
		if o, ok := Find[IPv4HomeAddress](m.Base().Options); !ok || o.PrefixLen != length || o.WantPrefix {
			t.Errorf("prefix length %d: %+v, %v", length, o, ok)
		}
	}
}

// Reserved bits are ignored (RFC 5555 §3.1.1, §3.2.1), and kept.
func TestRFC5555_3_ReservedBitsAreIgnored(t *testing.T) {
	for _, s := range []string{
		"3b 02 05 00 0000 0001 c000 0001 1d06 81ff c0000264 0102 0000",
		"3b 02 06 00 0000 00 00 0001 0001 1e06 00 83 c0000264 0102 0000",
	} {
		wire := unhex(t, s)
		m, err := Parse(wire)
		if err != nil {
			t.Fatal(err)
		}
		if o, ok := Find[IPv4HomeAddress](m.Base().Options); ok && (o.PrefixLen != 32 || o.WantPrefix) {
			t.Errorf("%+v", o)
		}
		if o, ok := Find[IPv4AddressAcknowledgement](m.Base().Options); ok && o.PrefixLen != 32 {
			t.Errorf("%+v", o)
		}
		if got, err := Marshal(m); err != nil || !bytes.Equal(got, wire) {
			t.Errorf("got  %x, %v\nwant %x", got, err, wire)
		}
	}
}
