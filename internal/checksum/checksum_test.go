package checksum

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

var src, dst = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")

// byHand adds up the words of RFC 8200 §8.1's pseudo-header and of the echo request below, which ends with half a word:
//
//	2001+0db8+1 + 2001+0db8+2 + 000b + 003a + 8000 + 0001 + 0002 + 6162 + 6300 = 1a01f; a01f+1 = a020; its complement
const byHand = 0x5fdf

// echo has identifier 1, sequence number 2, the octets "abc" and a wrong checksum.
func echo() []byte {
	return []byte{128, 0, 0xde, 0xad, 0, 1, 0, 2, 'a', 'b', 'c'}
}

func TestRFC8200_8_1_Checksum(t *testing.T) {
	b := echo()
	sum := Of(58, src, dst, b, 2)
	if sum != byHand {
		t.Errorf("checksum %#04x, want %#04x", sum, byHand)
	}
	if OK(58, src, dst, b) {
		t.Error("a wrong checksum is right")
	}
	binary.BigEndian.PutUint16(b[2:], sum)
	if !OK(58, src, dst, b) {
		t.Error("the right checksum is wrong")
	}
	if OK(135, src, dst, b) || OK(58, src, src, b) || OK(58, src, dst, b[:10]) {
		t.Error("protocol, addresses and length do not count")
	}
}

func TestShorterThanTheField(t *testing.T) {
	if got, want := Of(58, src, dst, []byte{128, 0, 1}, 2), Of(58, src, dst, make([]byte, 3), 8); got != want {
		t.Errorf("%#04x for what has no field, want that of nothing, %#04x", got, want)
	}
}
