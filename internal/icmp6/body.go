package icmp6

import (
	"encoding/binary"
	"net/netip"
	"time"
)

var be = binary.BigEndian

// Flags of a Router Advertisement (RFC 4861 §4.2, RFC 6275 §7.1, RFC 4191 §2.2).
const (
	raManaged   = 0x80
	raOther     = 0x40
	raHomeAgent = 0x20
	raPrefMask  = 0x18
	raKnown     = raManaged | raOther | raHomeAgent | raPrefMask
)

// Flags of a Neighbor Advertisement (RFC 4861 §4.4).
const (
	naRouter    = 1 << 31
	naSolicited = 1 << 30
	naOverride  = 1 << 29
	naKnown     = naRouter | naSolicited | naOverride
)

const (
	discoveryRouter = 0x8000 // R, RFC 3963 §7
	prefixManaged   = 0x8000 // M, RFC 6275 §6.8
	prefixOther     = 0x4000 // O, RFC 6275 §6.8
)

func bit[T uint8 | uint16 | uint32](set bool, b T) T {
	if set {
		return b
	}
	return 0
}

// clamp converts a duration to a count of units that fits into most.
func clamp(d, unit time.Duration, most uint32) uint32 {
	switch n := d / unit; {
	case n <= 0:
		return 0
	case n > time.Duration(most):
		return most
	default:
		return uint32(n)
	}
}

func (*RouterSolicitation) bodyLen() int         { return 4 }
func (m *RouterSolicitation) parseBody(b []byte) { m.Reserved = be.Uint32(b) }
func (m *RouterSolicitation) putBody(b []byte)   { be.PutUint32(b, m.Reserved) }

func (*RouterAdvertisement) bodyLen() int { return 12 }

func (m *RouterAdvertisement) parseBody(b []byte) {
	m.CurHopLimit = b[0]
	m.Managed, m.Other, m.HomeAgent = b[1]&raManaged != 0, b[1]&raOther != 0, b[1]&raHomeAgent != 0
	m.Preference = Preference(b[1] & raPrefMask >> 3)
	m.Flags = b[1] &^ raKnown
	m.RouterLifetime = time.Duration(be.Uint16(b[2:])) * time.Second
	m.ReachableTime = time.Duration(be.Uint32(b[4:])) * time.Millisecond
	m.RetransTimer = time.Duration(be.Uint32(b[8:])) * time.Millisecond
}

func (m *RouterAdvertisement) putBody(b []byte) {
	b[0] = m.CurHopLimit
	b[1] = m.Flags&^raKnown | bit[uint8](m.Managed, raManaged) | bit[uint8](m.Other, raOther) |
		bit[uint8](m.HomeAgent, raHomeAgent) | uint8(m.Preference)<<3&raPrefMask
	be.PutUint16(b[2:], uint16(clamp(m.RouterLifetime, time.Second, 0xffff)))
	be.PutUint32(b[4:], clamp(m.ReachableTime, time.Millisecond, 0xffffffff))
	be.PutUint32(b[8:], clamp(m.RetransTimer, time.Millisecond, 0xffffffff))
}

func (*NeighborSolicitation) bodyLen() int { return 20 }

func (m *NeighborSolicitation) parseBody(b []byte) {
	m.Reserved, m.Target = be.Uint32(b), addr(b[4:])
}

func (m *NeighborSolicitation) putBody(b []byte) {
	be.PutUint32(b, m.Reserved)
	putAddr(b[4:], m.Target)
}

func (*NeighborAdvertisement) bodyLen() int { return 20 }

func (m *NeighborAdvertisement) parseBody(b []byte) {
	flags := be.Uint32(b)
	m.Router, m.Solicited, m.Override = flags&naRouter != 0, flags&naSolicited != 0, flags&naOverride != 0
	m.Reserved, m.Target = flags&^naKnown, addr(b[4:])
}

func (m *NeighborAdvertisement) putBody(b []byte) {
	be.PutUint32(b, m.Reserved&^naKnown|bit[uint32](m.Router, naRouter)|
		bit[uint32](m.Solicited, naSolicited)|bit[uint32](m.Override, naOverride))
	putAddr(b[4:], m.Target)
}

func (*HomeAgentDiscoveryRequest) bodyLen() int { return 4 }

func (m *HomeAgentDiscoveryRequest) parseBody(b []byte) {
	flags := be.Uint16(b[2:])
	m.Identifier, m.Router, m.Flags = be.Uint16(b), flags&discoveryRouter != 0, flags&^discoveryRouter
}

func (m *HomeAgentDiscoveryRequest) putBody(b []byte) {
	be.PutUint16(b, m.Identifier)
	be.PutUint16(b[2:], m.Flags&^discoveryRouter|bit[uint16](m.Router, discoveryRouter))
}

// The home agents' addresses stand where other messages have options: see
// parse.go.
func (*HomeAgentDiscoveryReply) bodyLen() int { return 4 }

func (m *HomeAgentDiscoveryReply) parseBody(b []byte) {
	flags := be.Uint16(b[2:])
	m.Identifier, m.Router, m.Flags = be.Uint16(b), flags&discoveryRouter != 0, flags&^discoveryRouter
}

func (m *HomeAgentDiscoveryReply) putBody(b []byte) {
	be.PutUint16(b, m.Identifier)
	be.PutUint16(b[2:], m.Flags&^discoveryRouter|bit[uint16](m.Router, discoveryRouter))
}

func (*MobilePrefixSolicitation) bodyLen() int { return 4 }

func (m *MobilePrefixSolicitation) parseBody(b []byte) {
	m.Identifier, m.Reserved = be.Uint16(b), be.Uint16(b[2:])
}

func (m *MobilePrefixSolicitation) putBody(b []byte) {
	be.PutUint16(b, m.Identifier)
	be.PutUint16(b[2:], m.Reserved)
}

func (*MobilePrefixAdvertisement) bodyLen() int { return 4 }

func (m *MobilePrefixAdvertisement) parseBody(b []byte) {
	flags := be.Uint16(b[2:])
	m.Identifier, m.Managed, m.Other = be.Uint16(b), flags&prefixManaged != 0, flags&prefixOther != 0
	m.Flags = flags &^ (prefixManaged | prefixOther)
}

func (m *MobilePrefixAdvertisement) putBody(b []byte) {
	be.PutUint16(b, m.Identifier)
	be.PutUint16(b[2:], m.Flags&^(prefixManaged|prefixOther)|
		bit[uint16](m.Managed, prefixManaged)|bit[uint16](m.Other, prefixOther))
}

func addr(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b[:16])) }

func putAddr(b []byte, a netip.Addr) {
	if a.IsValid() {
		a16 := a.As16()
		copy(b, a16[:])
	}
}
