package exthdr

import (
	"bytes"
	"errors"
	"testing"
)

func FuzzDestinationOptions(f *testing.F) {
	f.Add(HomeAddressHeader(135, home))
	f.Add(unhex(f, "3a 03 00 0101 aa c9 10"+homeHex+"00 3e05 0102030405"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := ParseDestinationOptions(b)
		found, offset, ferr := FindHomeAddress(b)
		if err != nil {
			var p *ParseError
			if !errors.As(err, &p) || !errors.As(ferr, &p) {
				t.Fatalf("errors %v and %v", err, ferr)
			}
			return
		}
		got, err := h.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, b[:n]) {
			t.Fatalf("decoded %x\nencoded %x", b[:n], got)
		}
		if ferr == nil {
			if a := found.As16(); b[offset] != OptionHomeAddress || !bytes.Equal(a[:], b[offset+2:offset+18]) {
				t.Fatalf("found %v at %d of %x", found, offset, b)
			}
		}
	})
}

func FuzzRouting(f *testing.F) {
	f.Add(Routing{NextHeader: 135, SegmentsLeft: 1, HomeAddress: home}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRouting(b)
		if err != nil {
			return
		}
		if got := r.Append(nil); !bytes.Equal(got, b[:RoutingLen]) {
			t.Fatalf("decoded %x\nencoded %x", b[:RoutingLen], got)
		}
	})
}
