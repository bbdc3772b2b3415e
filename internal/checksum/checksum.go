// Package checksum is the checksum of what IPv6 carries, with a pseudo-header
// (RFC 8200 §8.1): of ICMPv6 messages and Mobility Headers.
package checksum

import "net/netip"

// Of computes the checksum of a message of an upper-layer protocol as if its
// two octets from at on, the Checksum field, were zero. A message that is too
// short for the field counts as empty. The addresses are those after
// processing of extension headers.
func Of(protocol uint8, src, dst netip.Addr, message []byte, at int) uint16 {
	sum := pseudoHeader(protocol, src, dst, len(message))
	if len(message) >= at+2 {
		sum = add(sum, message[:at])
		sum = add(sum, message[at+2:])
	}
	return ^fold(sum)
}

// OK verifies a message with its Checksum field.
func OK(protocol uint8, src, dst netip.Addr, message []byte) bool {
	// The sum with its own complement is all ones, whichever of the two
	// zeros of one's complement the sender wrote.
	return fold(add(pseudoHeader(protocol, src, dst, len(message)), message)) == 0xffff
}

func pseudoHeader(protocol uint8, src, dst netip.Addr, length int) uint64 {
	s, d := src.As16(), dst.As16()
	return add(add(0, s[:]), d[:]) + uint64(length) + uint64(protocol)
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
