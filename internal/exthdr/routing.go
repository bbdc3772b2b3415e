package exthdr

import (
	"encoding/binary"
	"net/netip"
)

// RoutingType2 is the Routing Type of RFC 6275 §6.4.
const RoutingType2 = 2

// RoutingLen is the length of a type 2 routing header.
const RoutingLen = 24

// Routing is a type 2 routing header.
type Routing struct {
	NextHeader   uint8
	SegmentsLeft uint8  // 1 on the wire; 0 once the home address was reached
	Reserved     uint32 // kept as received; ignored
	HomeAddress  netip.Addr
}

// Append writes the header.
func (r Routing) Append(b []byte) []byte {
	b = append(b, r.NextHeader, 2, RoutingType2, r.SegmentsLeft)
	b = binary.BigEndian.AppendUint32(b, r.Reserved)
	a := r.HomeAddress.As16()
	return append(b, a[:]...)
}

// ParseRouting reads a type 2 routing header, which begins at b[0] and may be
// followed by anything. It applies the checks of §11.3.3 that need no knowledge
// of the node's addresses; no segments left is what remains after the kernel has
// processed the header. The error is a *ParseError.
func ParseRouting(b []byte) (Routing, error) {
	switch {
	case len(b) < RoutingLen:
		return Routing{}, malformed(0, "a type 2 routing header is cut off: %d octets of 24", len(b))
	case b[2] != RoutingType2:
		return Routing{}, malformed(2, "Routing Type is %d, not 2", b[2])
	case b[1] != 2:
		return Routing{}, malformed(1, "Hdr Ext Len of a type 2 routing header is %d, not 2", b[1])
	case b[3] > 1:
		return Routing{}, malformed(3, "a type 2 routing header has %d segments left, not 1", b[3])
	}
	return Routing{
		NextHeader: b[0], SegmentsLeft: b[3], Reserved: binary.BigEndian.Uint32(b[4:]),
		HomeAddress: netip.AddrFrom16([16]byte(b[8:RoutingLen])),
	}, nil
}
