package mh

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Whatever the reserved bits are, and with options between that nobody knows, a
// message says what it says (§6.1.1–6.1.9, §6.2.1).
//
// Requirements: 6275-6.1.1-4, 6275-6.1.2-2, 6275-6.1.2-3, 6275-6.1.3-2, 6275-6.1.3-3, 6275-6.1.4-2, 6275-6.1.4-3
// Requirements: 6275-6.1.5-1, 6275-6.1.6-1, 6275-6.1.7-7, 6275-6.1.7-10, 6275-6.1.8-3, 6275-6.1.8-5, 6275-6.1.9-1
// Requirements: 6275-6.1.9-2, 6275-6.2.1-1, 3963-4.3-1
func TestRFC6275_6_1_ReservedBitsAndUnknownOptionsMeanNothing(t *testing.T) {
	cookie, token := [8]byte{1, 2, 3}, [8]byte{9, 8, 7}
	for _, c := range []struct {
		msg      Message
		reserved map[int]byte // octet and its reserved bits
	}{
		{&BindingRefreshRequest{}, map[int]byte{6: 0xff, 7: 0xff}},
		{&HomeTestInit{Cookie: cookie}, map[int]byte{6: 0xff, 7: 0xff}},
		{&CareOfTestInit{Cookie: cookie}, map[int]byte{6: 0xff, 7: 0xff}},
		{&HomeTest{NonceIndex: 7, Cookie: cookie, Token: token}, nil},
		{&CareOfTest{NonceIndex: 7, Cookie: cookie, Token: token}, nil},
		{&BindingUpdate{Sequence: 9, Ack: true, Home: true, Lifetime: 40 * time.Second}, map[int]byte{8: 0x03, 9: 0xff}},
		{&BindingAcknowledgement{Status: 3, Sequence: 9, Lifetime: 40 * time.Second}, map[int]byte{7: 0x3f}},
		{&BindingError{Status: 1, HomeAddress: hoa}, map[int]byte{7: 0xff}},
	} {
		t.Run(c.msg.Type().String(), func(t *testing.T) {
			c.msg.Base().Options = Options{UnknownOption{Type: 200, Data: []byte{1, 2, 3}}, prefix, UnknownOption{Type: 250}}
			b, err := Marshal(c.msg)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			b[3] = 0xff
			for at, bits := range c.reserved {
				if b[at]&bits != 0 {
					t.Fatalf("octet %d is %02x: a new message has reserved bits set", at, b[at])
				}
				b[at] |= bits
			}
			b[bytes.LastIndex(b, []byte{byte(OptionMobileNetworkPrefix), 18})+2] = 0xff // Reserved of RFC 3963 §4.3
			got, err := Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plain, got, meaning); diff != "" {
				t.Error(diff)
			}
			if n, ok := Find[MobileNetworkPrefix](got.Base().Options); !ok || n.Length != 64 || n.Prefix != prefix.Prefix {
				t.Errorf("the option between: %+v, %v", n, ok)
			}
		})
	}
}

// meaning leaves out what is kept of a message but means nothing.
var meaning = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.FilterPath(func(p cmp.Path) bool {
		switch p.Last().String() {
		case ".Header", ".Reserved2", ".Flags":
			return true
		}
		return false
	}, cmp.Ignore()),
}
