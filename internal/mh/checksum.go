package mh

import (
	"net/netip"

	"mip6d/internal/checksum"
)

// protocol is the Mobility Header's Next Header value, RFC 6275 §6.1.1.
const protocol = 135

// checksumAt is where a Mobility Header has its Checksum field (§6.1.1).
const checksumAt = 4

// Checksum computes the checksum of a Mobility Header as if its Checksum field
// were zero, with the pseudo-header of RFC 6275 §6.1.1. The addresses are those
// after processing of extension headers: the home address where the packet
// carries a Home Address option or a type 2 routing header.
func Checksum(b []byte, src, dst netip.Addr) uint16 {
	return checksum.Of(protocol, src, dst, b, checksumAt)
}

// SetChecksum fills in the Checksum field of a marshalled message.
func SetChecksum(b []byte, src, dst netip.Addr) {
	be.PutUint16(b[checksumAt:], Checksum(b, src, dst))
}

// ChecksumOK verifies the Checksum field. Octets behind the header's own length
// do not count: §6.1.1 makes the Mobility Header's length the one of the
// pseudo-header. It is false for what is too short to have a checksum.
func ChecksumOK(b []byte, src, dst netip.Addr) bool {
	if len(b) < headerLen {
		return false
	}
	return checksum.OK(protocol, src, dst, b[:min(headerLength(b), len(b))])
}

// headerLength is what the Header Len field says, in octets (§6.1.1).
func headerLength(b []byte) int { return (int(b[1]) + 1) * 8 }
