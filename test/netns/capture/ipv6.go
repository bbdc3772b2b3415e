package capture

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// IPv6 is what a test wants to know of a packet. The parser is the test bed's
// own, so that a mistake in the product's codec cannot hide behind itself.
type IPv6 struct {
	Src, Dst    netip.Addr
	HopLimit    uint8
	HomeAddress netip.Addr // of a Home Address option (RFC 6275 §6.3), or invalid
	RoutingHome netip.Addr // of a type 2 routing header (RFC 6275 §6.4), or invalid
	Proto       uint8      // after the extension headers
	Payload     []byte     // from Proto's header on
	Inner       *IPv6      // the packet inside, when Proto is 41
}

// Numbers of the protocols that a test asks for.
const (
	ProtoTCP    = 6
	ProtoUDP    = 17
	ProtoIPv6   = 41
	ProtoESP    = 50
	ProtoICMPv6 = 58
	ProtoMH     = 135

	MHBindingRefreshRequest  = 0
	MHHomeTestInit           = 1
	MHCareOfTestInit         = 2
	MHHomeTest               = 3
	MHCareOfTest             = 4
	MHBindingUpdate          = 5
	MHBindingAcknowledgement = 6
	MHBindingError           = 7

	ICMPEchoRequest           = 128
	ICMPEchoReply             = 129
	ICMPRouterSolicitation    = 133
	ICMPRouterAdvertisement   = 134
	ICMPNeighborSolicitation  = 135
	ICMPNeighborAdvertisement = 136
)

// ParseIPv6 returns nil for what is not a whole IPv6 header.
func ParseIPv6(b []byte) *IPv6 {
	const header = 40
	if len(b) < header || b[0]>>4 != 6 {
		return nil
	}
	p := &IPv6{
		HopLimit: b[7], Proto: b[6],
		Src: netip.AddrFrom16([16]byte(b[8:24])), Dst: netip.AddrFrom16([16]byte(b[24:40])),
	}
	end := min(len(b), header+int(binary.BigEndian.Uint16(b[4:])))
	p.walk(b[header:end])
	return p
}

// walk goes through the extension headers.
func (p *IPv6) walk(b []byte) {
	for {
		p.Payload = b
		switch p.Proto {
		case unix.IPPROTO_HOPOPTS, unix.IPPROTO_DSTOPTS, unix.IPPROTO_ROUTING:
		case ProtoIPv6:
			p.Inner = ParseIPv6(b)
			return
		default:
			return
		}
		if len(b) < 8 || len(b) < 8*(int(b[1])+1) {
			return
		}
		n := 8 * (int(b[1]) + 1)
		switch {
		case p.Proto == unix.IPPROTO_ROUTING && b[2] == 2 && n == 24:
			p.RoutingHome = netip.AddrFrom16([16]byte(b[8:24]))
		case p.Proto == unix.IPPROTO_DSTOPTS:
			p.homeAddress(b[2:n])
		}
		p.Proto, b = b[0], b[n:]
	}
}

func (p *IPv6) homeAddress(options []byte) {
	const pad1, homeAddress = 0, 0xc9
	for len(options) > 0 {
		if options[0] == pad1 {
			options = options[1:]
			continue
		}
		if len(options) < 2 || len(options) < 2+int(options[1]) {
			return
		}
		n := 2 + int(options[1])
		if options[0] == homeAddress && n == 18 {
			p.HomeAddress = netip.AddrFrom16([16]byte(options[2:18]))
		}
		options = options[n:]
	}
}

// MHType returns the type of a Mobility Header message.
func (p *IPv6) MHType() (uint8, bool) {
	if p == nil || p.Proto != ProtoMH || len(p.Payload) < 6 {
		return 0, false
	}
	return p.Payload[2], true
}

// ICMPType returns the type of an ICMPv6 message.
func (p *IPv6) ICMPType() (uint8, bool) {
	if p == nil || p.Proto != ProtoICMPv6 || len(p.Payload) < 4 {
		return 0, false
	}
	return p.Payload[0], true
}

// Innermost is the packet inside all tunnels.
func (p *IPv6) Innermost() *IPv6 {
	for p != nil && p.Inner != nil {
		p = p.Inner
	}
	return p
}

// MH wants Mobility Header messages of a type.
func MH(mhType uint8) func(Packet) bool {
	return func(p Packet) bool { t, ok := p.IP.MHType(); return ok && t == mhType }
}

// ICMP wants ICMPv6 messages of a type, outside of tunnels.
func ICMP(icmpType uint8) func(Packet) bool {
	return func(p Packet) bool { t, ok := p.IP.ICMPType(); return ok && t == icmpType }
}

// Untunnelled wants packets that an address sends or gets outside of every
// tunnel, Mobility Header messages aside.
func Untunnelled(a netip.Addr) func(Packet) bool {
	return func(p Packet) bool {
		return p.IP != nil && p.IP.Proto != ProtoMH && (p.IP.Src == a || p.IP.Dst == a)
	}
}

// Direct wants data on a direct path, outside of every tunnel: sent by a mobile
// node with a Home Address option, or to it with a type 2 routing header. Behind
// these, ESP is signalling with a home agent.
func Direct(home netip.Addr) func(Packet) bool {
	return func(p Packet) bool {
		return p.IP != nil && p.IP.Proto != ProtoMH && p.IP.Proto != ProtoESP && p.IP.Inner == nil && (p.IP.HomeAddress == home || p.IP.RoutingHome == home)
	}
}

// Tunnelled wants packets inside a tunnel.
func Tunnelled(p Packet) bool { return p.IP != nil && p.IP.Inner != nil }
