package proxynd

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"mip6d/internal/icmp6"
)

// Neighbour discovery on Ethernet, RFC 4861 §4.3, §4.4, §4.6.1; RFC 2464.
const (
	etherTypeIPv6 = 0x86dd
	protoICMPv6   = 58
	hopLimit      = 255 // RFC 4861 §7.1: anything less has passed a router

	typeNS = 135
	typeNA = 136

	optSourceLinkAddr = 1
	optTargetLinkAddr = 2

	flagRouter    = 0x80
	flagSolicited = 0x40
	flagOverride  = 0x20
)

const (
	etherLen = 14
	ipv6Len  = 40
	ndLen    = 24 // Type to Target Address
	bodyAt   = etherLen + ipv6Len
	optionAt = bodyAt + ndLen
)

// linkAddr is an Ethernet address.
type linkAddr [6]byte

func (a linkAddr) multicast() bool { return a[0]&1 != 0 }

var (
	allNodes     = netip.MustParseAddr("ff02::1")
	allNodesLink = multicastLinkAddr(allNodes)
)

// multicastLinkAddr maps a multicast group, RFC 2464 §7.
func multicastLinkAddr(group netip.Addr) linkAddr {
	b := group.As16()
	return linkAddr{0x33, 0x33, b[12], b[13], b[14], b[15]}
}

// message is a valid Neighbor Solicitation or Advertisement.
type message struct {
	from       linkAddr // sender of the frame
	src, dst   netip.Addr
	target     netip.Addr
	solicit    bool     // NS; otherwise NA
	sourceLink linkAddr // Source Link-Layer Address option, zero if absent
}

// parse reads a frame and checks what RFC 4861 §7.1.1 and §7.1.2 demand. A
// message behind extension headers is not recognised: no node sends one.
//
// It takes the fields from their places instead of calling icmp6.Parse, because
// it sees every solicitation of the link and most are not for us; a fuzz test
// holds the two to the same verdict.
func parse(frame []byte) (m message, ok bool) {
	if len(frame) < optionAt || binary.BigEndian.Uint16(frame[12:]) != etherTypeIPv6 {
		return m, false
	}
	ip := frame[etherLen:]
	if ip[0]>>4 != 6 || ip[6] != protoICMPv6 || ip[7] != hopLimit {
		return m, false
	}
	// A frame may be padded to Ethernet's minimum, never shorter than it says.
	length := int(binary.BigEndian.Uint16(ip[4:]))
	if length < ndLen || len(frame) < bodyAt+length {
		return m, false
	}
	body := frame[bodyAt : bodyAt+length]
	m = message{
		from:    linkAddr(frame[6:12]),
		src:     netip.AddrFrom16([16]byte(ip[8:24])),
		dst:     netip.AddrFrom16([16]byte(ip[24:40])),
		target:  netip.AddrFrom16([16]byte(body[8:24])),
		solicit: body[0] == typeNS,
	}
	switch {
	case body[0] != typeNS && body[0] != typeNA,
		body[1] != 0, // Code
		m.from.multicast(),
		m.src.IsMulticast(),
		m.target.IsMulticast(),
		m.target.IsUnspecified(),
		!icmp6.ChecksumOK(body, m.src, m.dst):
		return m, false
	}
	hasSource, ok := m.parseOptions(body[ndLen:])
	if !ok {
		return m, false
	}
	if m.solicit {
		if m.src.IsUnspecified() && (hasSource || !icmp6.IsSolicitedNode(m.dst)) {
			return m, false
		}
	} else if m.dst.IsMulticast() && body[4]&flagSolicited != 0 {
		return m, false
	}
	return m, true
}

// parseOptions walks the options. hasSource says that a Source Link-Layer
// Address option is there, usable or not.
func (m *message) parseOptions(b []byte) (hasSource, ok bool) {
	for len(b) > 0 {
		if len(b) < 2 || b[1] == 0 || len(b) < 8*int(b[1]) {
			return hasSource, false
		}
		n := 8 * int(b[1])
		if b[0] == optSourceLinkAddr {
			hasSource = true
			if n == 8 && m.solicit {
				m.sourceLink = linkAddr(b[2:8])
			}
		}
		b = b[n:]
	}
	return hasSource, true
}

// build puts one neighbour discovery message with at most one link-layer
// address option into a frame.
func build(from, to linkAddr, src, dst netip.Addr, typ, flags byte, target netip.Addr, opt byte, addr linkAddr) []byte {
	return buildIn(nil, from, to, src, dst, typ, flags, target, opt, addr)
}

// buildIn is build for those who have room for the frame.
func buildIn(room []byte, from, to linkAddr, src, dst netip.Addr, typ, flags byte, target netip.Addr, opt byte, addr linkAddr) []byte {
	length := ndLen
	if opt != 0 {
		length += 8
	}
	f := slices.Grow(room[:0], bodyAt+length)[:bodyAt+length]
	clear(f)
	copy(f[0:], to[:])
	copy(f[6:], from[:])
	binary.BigEndian.PutUint16(f[12:], etherTypeIPv6)

	ip := f[etherLen:]
	ip[0] = 6 << 4
	binary.BigEndian.PutUint16(ip[4:], uint16(length))
	ip[6], ip[7] = protoICMPv6, hopLimit
	s, d, t := src.As16(), dst.As16(), target.As16()
	copy(ip[8:], s[:])
	copy(ip[24:], d[:])

	body := f[bodyAt:]
	body[0], body[4] = typ, flags
	copy(body[8:], t[:])
	if opt != 0 {
		body[ndLen], body[ndLen+1] = opt, 1
		copy(body[ndLen+2:], addr[:])
	}
	icmp6.SetChecksum(body, src, dst)
	return f
}
