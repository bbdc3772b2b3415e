package mh

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzParse: no panic; decode and encode are inverse; what is refused has an
// answer; a new message of the same contents is accepted.
func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add(unhex(f, v.wire))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = ChecksumOK(b, hoa, ha)
		m, err := Parse(b)
		if err != nil {
			var p *ParseError
			if !errors.As(err, &p) || p.Reason == "" || p.Offset < 0 || p.Offset > len(b) {
				t.Fatalf("error %#v", err)
			}
			return
		}
		got, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if want := b[:headerLength(b)]; !bytes.Equal(got, want) {
			t.Fatalf("decoded %x\nencoded %x", want, got)
		}
		for _, k := range []OptionType{OptionMobilityMessageAuthentication, OptionBindingAuthorizationData} {
			if c := Covered(b, k, SubtypeMNHA); len(c) > len(got) {
				t.Fatalf("covers %d of %d octets", len(c), len(got))
			}
		}
		again(t, m)
	})
}

// again makes a new message of the options received, without their padding.
func again(t *testing.T, m Message) {
	h := m.Base()
	var opts Options
	for _, o := range h.Options {
		if o.OptionType() > OptionPadN {
			opts = append(opts, o)
		}
	}
	h.Verbatim, h.Options = false, opts
	b, err := Marshal(m)
	if err != nil {
		return // longer now, by the alignment
	}
	if _, err := Parse(b); err != nil {
		t.Fatalf("a new message is refused: %v\n%x", err, b)
	}
}
