package icmp6

import "net/netip"

// protocol is ICMPv6's Next Header value.
const protocol = 58

// Checksum computes the checksum of a message as if its Checksum field were
// zero (RFC 4443 §2.3). The addresses are those after processing of extension
// headers.
func Checksum(b []byte, src, dst netip.Addr) uint16 {
	sum := pseudoHeader(len(b), src, dst)
	if len(b) >= headerLen {
		sum = add(sum, b[:2])
		sum = add(sum, b[headerLen:])
	}
	return ^fold(sum)
}

func pseudoHeader(length int, src, dst netip.Addr) uint64 {
	s, d := src.As16(), dst.As16()
	return add(add(0, s[:]), d[:]) + uint64(length) + protocol
}

// fold brings a sum into 16 bits, carries added (RFC 1071).
func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
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
	// The sum with its own complement is all ones, whichever of the two
	// zeros of one's complement the sender wrote.
	return fold(add(pseudoHeader(len(b), src, dst), b)) == 0xffff
}
