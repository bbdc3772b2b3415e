package radv

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Numbers of RFC 4861 §4.2 and §4.6, RFC 6275 §7.1 to 7.4.
const (
	typeRouterSolicitation  = 133
	typeRouterAdvertisement = 134

	flagHomeAgent = 0x20

	optSourceLinkAddr = 1
	optPrefix         = 3
	optInterval       = 7
	optHomeAgentInfo  = 8

	prefixOnLink     = 0x80
	prefixAutonomous = 0x40
	prefixRouterAddr = 0x20
)

// encode writes the message without its checksum, which the kernel fills in.
// It is the test bed's own, so that a mistake in the product's codec cannot
// hide behind itself.
func (c Config) encode(linkAddr []byte) []byte {
	b := make([]byte, 16)
	b[0] = typeRouterAdvertisement
	b[4] = 64 // Cur Hop Limit
	if c.HomeAgent {
		b[5] |= flagHomeAgent
	}
	binary.BigEndian.PutUint16(b[6:], uint16(c.RouterLifetime/time.Second))
	if !c.NoLinkAddr {
		b = append(b, optSourceLinkAddr, 1)
		b = append(b, linkAddr...)
	}
	for _, p := range c.Prefixes {
		b = p.append(b)
	}
	if c.AdvertiseInterval {
		b = append(b, optInterval, 1, 0, 0)
		b = binary.BigEndian.AppendUint32(b, uint32(c.Interval.Max/time.Millisecond))
	}
	if c.HomeAgentLifetime > 0 {
		b = append(b, optHomeAgentInfo, 1, 0, 0)
		b = binary.BigEndian.AppendUint16(b, c.HomeAgentPreference)
		b = binary.BigEndian.AppendUint16(b, uint16(c.HomeAgentLifetime/time.Second))
	}
	return b
}

func (p Prefix) append(b []byte) []byte {
	var flags byte
	if p.OnLink {
		flags |= prefixOnLink
	}
	if p.Autonomous {
		flags |= prefixAutonomous
	}
	addr := p.Prefix.Masked().Addr()
	if p.RouterAddress != (netip.Addr{}) {
		flags |= prefixRouterAddr
		addr = p.RouterAddress
	}
	b = append(b, optPrefix, 4, byte(p.Prefix.Bits()), flags)
	b = binary.BigEndian.AppendUint32(b, p.Valid)
	b = binary.BigEndian.AppendUint32(b, p.Preferred)
	b = append(b, 0, 0, 0, 0)
	a16 := addr.As16()
	return append(b, a16[:]...)
}
