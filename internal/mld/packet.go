package mld

import (
	"net/netip"

	"mip6d/internal/icmp6"
)

const (
	ipv6Len      = 40
	protoHop     = 0 // Hop-by-Hop Options
	protoICMPv6  = 58
	optPad1      = 0
	optAlert     = 5 // Router Alert (RFC 2711); of MLD with the value 0
	hopLimit     = 1
	alertOptions = 8 // the extension header that we write
)

var allNodes = netip.MustParseAddr("ff02::1")

// ParsePacket reads a packet with what a listener says, from its IPv6 header on, and
// checks what RFC 3810 §5.2 and §6.2 demand of it: the hop limit, the Router Alert, the
// checksum. Whose the source address is remains to be seen.
func ParsePacket(b []byte) (src netip.Addr, r Report, err error) {
	if len(b) < ipv6Len || b[0]>>4 != 6 {
		return src, r, malformed(0, "no IPv6 packet")
	}
	end := ipv6Len + int(be.Uint16(b[4:]))
	switch {
	case len(b) < end:
		return src, r, malformed(4, "the packet is cut off")
	case b[6] != protoHop || end < ipv6Len+8:
		return src, r, malformed(6, "no Router Alert")
	case b[7] != hopLimit:
		return src, r, malformed(7, "hop limit %d", b[7])
	}
	options := b[ipv6Len:end]
	size := 8 * (1 + int(options[1]))
	if len(options) < size || options[0] != protoICMPv6 {
		return src, r, malformed(ipv6Len, "no ICMPv6 behind the Hop-by-Hop Options")
	}
	if !hasAlert(options[2:size]) {
		return src, r, malformed(ipv6Len, "no Router Alert")
	}
	src, dst, body := addr(b[8:]), addr(b[24:]), options[size:]
	if !icmp6.ChecksumOK(body, src, dst) {
		return src, r, malformed(ipv6Len+size, "wrong checksum")
	}
	r, err = Parse(body)
	return src, r, err
}

func hasAlert(options []byte) bool {
	for len(options) > 0 {
		if options[0] == optPad1 {
			options = options[1:]
			continue
		}
		if len(options) < 2 || len(options) < 2+int(options[1]) {
			return false
		}
		if options[0] == optAlert && options[1] == 2 && be.Uint16(options[2:]) == 0 {
			return true
		}
		options = options[2+int(options[1]):]
	}
	return false
}

// Packet is the query in an IPv6 packet from src, which is to be link-local (RFC 3810
// §5.1.14), to the group or to all nodes.
func (q Query) Packet(src netip.Addr) []byte {
	dst := q.Group
	if !dst.IsValid() {
		dst = allNodes
	}
	body := q.Marshal()
	icmp6.SetChecksum(body, src, dst)
	b := make([]byte, ipv6Len, ipv6Len+alertOptions+len(body))
	b[0], b[6], b[7] = 6<<4, protoHop, hopLimit
	be.PutUint16(b[4:], uint16(alertOptions+len(body)))
	s, d := src.As16(), dst.As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])
	b = append(b, protoICMPv6, 0, optAlert, 2, 0, 0, 1, 0) // padded with PadN
	return append(b, body...)
}
