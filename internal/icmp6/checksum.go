package icmp6

import "net/netip"

// protocol is ICMPv6's Next Header value.
const protocol = 58

// Checksum computes the checksum of a message as if its Checksum field were
// zero (RFC 4443 §2.3). The addresses are those after processing of extension
// headers.
func Checksum(b []byte, src, dst netip.Addr) uint16 {
	var sum uint64
	for _, a := range []netip.Addr{src, dst} {
		a16 := a.As16()
		sum = add(sum, a16[:])
	}
	sum += uint64(len(b)) + protocol
	if len(b) >= headerLen {
		sum = add(sum, b[:2])
		sum = add(sum, b[headerLen:])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func add(sum uint64, b []byte) uint64 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint64(b[0])<<8 | uint64(b[1])
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

// SetChecksum fills in the Checksum field of a marshalled message.
func SetChecksum(b []byte, src, dst netip.Addr) {
	be.PutUint16(b[2:], Checksum(b, src, dst))
}

// ChecksumOK verifies the Checksum field.
func ChecksumOK(b []byte, src, dst netip.Addr) bool {
	if len(b) < headerLen {
		return false
	}
	got, want := be.Uint16(b[2:]), Checksum(b, src, dst)
	// In one's complement 0 and 0xffff are the same number.
	return got == want || got|want == 0xffff && got&want == 0
}
