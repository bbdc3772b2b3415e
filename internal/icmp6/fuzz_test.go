package icmp6

import (
	"bytes"
	"errors"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add(unhex(f, v.wire))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			var p *ParseError
			if !errors.As(err, &p) || p.Offset < 0 || p.Offset > len(b) {
				t.Fatalf("error %#v", err)
			}
			return
		}
		got, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, b) {
			t.Fatalf("decoded %x\nencoded %x", b, got)
		}
		_ = ValidND(m, router, allNode, hopLimit)
		for _, o := range m.Base().Options {
			if p, ok := o.(PrefixInformation); ok && !p.Masked().IsValid() {
				t.Fatalf("no prefix of %+v", p)
			}
		}
	})
}
