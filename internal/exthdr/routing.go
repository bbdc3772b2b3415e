package exthdr

import (
	"fmt"
	"net/netip"
)

// RoutingType2 is the Routing Type of RFC 6275 §6.4.
const RoutingType2 = 2

// Routing is a type 2 routing header.
type Routing struct {
	NextHeader   uint8
	SegmentsLeft uint8 // 1 on the wire; 0 once the home address was reached
	Reserved     uint32
	HomeAddress  netip.Addr
}

// Append writes the header.
func (r Routing) Append(b []byte) []byte {
	b = append(b, r.NextHeader, 2, RoutingType2, r.SegmentsLeft,
		byte(r.Reserved>>24), byte(r.Reserved>>16), byte(r.Reserved>>8), byte(r.Reserved))
	a := r.HomeAddress.As16()
	return append(b, a[:]...)
}

// ParseRouting reads a type 2 routing header, which begins at b[0] and may be
// followed by anything.
func ParseRouting(b []byte) (Routing, error) {
	if len(b) < 24 {
		return Routing{}, fmt.Errorf("type 2 routing header of %d octets, less than 24, is cut off", len(b))
	}
	if b[2] != RoutingType2 {
		return Routing{}, fmt.Errorf("routing type is %d, not 2", b[2])
	}
	if b[1] != 2 {
		return Routing{}, fmt.Errorf("type 2 routing header has Hdr Ext Len %d, not 2", b[1])
	}
	if b[3] > 1 {
		return Routing{}, fmt.Errorf("type 2 routing header has %d segments left, more than 1", b[3])
	}
	return Routing{
		NextHeader: b[0], SegmentsLeft: b[3],
		Reserved:    uint32(b[4])<<24 | uint32(b[5])<<16 | uint32(b[6])<<8 | uint32(b[7]),
		HomeAddress: netip.AddrFrom16([16]byte(b[8:])),
	}, nil
}
