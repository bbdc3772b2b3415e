package icmp6

import (
	"net/netip"

	"mip6d/internal/checksum"
)

// protocol is ICMPv6's Next Header value.
const protocol = 58

// checksumAt is where a message has its Checksum field (RFC 4443 §2.1).
const checksumAt = 2

// Checksum computes the checksum of a message as if its Checksum field were
// zero (RFC 4443 §2.3). The addresses are those after processing of extension
// headers.
func Checksum(b []byte, src, dst netip.Addr) uint16 {
	return checksum.Of(protocol, src, dst, b, checksumAt)
}

// SetChecksum fills in the Checksum field of a marshalled message.
func SetChecksum(b []byte, src, dst netip.Addr) {
	be.PutUint16(b[checksumAt:], Checksum(b, src, dst))
}

// ChecksumOK verifies the Checksum field.
func ChecksumOK(b []byte, src, dst netip.Addr) bool {
	return len(b) >= headerLen && checksum.OK(protocol, src, dst, b)
}
