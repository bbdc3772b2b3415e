package icmp6

import (
	"errors"
	"net/netip"
)

// hopLimit is what every neighbour discovery packet arrives with: no router has
// forwarded it (RFC 4861 §6.1, §7.1).
const hopLimit = 255

// Reasons for which ValidND refuses a message.
var (
	ErrHopLimit = errors.New("hop limit is not 255")
	ErrCode     = errors.New("code is not 0")
	ErrSource   = errors.New("source address is not allowed for this message")
	ErrTarget   = errors.New("target address is multicast")
	ErrOption   = errors.New("link-layer address option in a message from the unspecified address")
	ErrFlags    = errors.New("solicited flag in a message to a multicast address")
)

// ValidND checks a neighbour discovery message against the rules for receivers
// of RFC 4861 §6.1.1, §6.1.2, §7.1.1 and §7.1.2, as far as they concern the
// IPv6 header and the relation of fields.
func ValidND(m Message, src, dst netip.Addr, hops int) error {
	if hops != hopLimit {
		return ErrHopLimit
	}
	if m.Base().Code != 0 {
		return ErrCode
	}
	switch m := m.(type) {
	case *RouterAdvertisement:
		if !src.IsLinkLocalUnicast() {
			return ErrSource
		}
	case *RouterSolicitation:
		return withoutSource(src, m.Options)
	case *NeighborSolicitation:
		if m.Target.IsMulticast() {
			return ErrTarget
		}
		if src.IsUnspecified() && !IsSolicitedNode(dst) {
			return ErrSource
		}
		return withoutSource(src, m.Options)
	case *NeighborAdvertisement:
		if m.Target.IsMulticast() {
			return ErrTarget
		}
		if dst.IsMulticast() && m.Solicited {
			return ErrFlags
		}
	}
	return nil
}

func withoutSource(src netip.Addr, opts Options) error {
	if _, ok := Find[SourceLinkLayerAddress](opts); ok && src.IsUnspecified() {
		return ErrOption
	}
	return nil
}

// SolicitedNode is the solicited-node multicast address of an address
// (RFC 4291 §2.7.1).
func SolicitedNode(a netip.Addr) netip.Addr {
	a16 := a.As16()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 11: 1, 12: 0xff, 13: a16[13], 14: a16[14], 15: a16[15]})
}

// IsSolicitedNode says whether an address is a solicited-node multicast address.
func IsSolicitedNode(a netip.Addr) bool { return a == SolicitedNode(a) }
