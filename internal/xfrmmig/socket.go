package xfrmmig

import "net/netip"

// SocketPolicy is what the option IPV6_XFRM_POLICY of a socket wants, to have it get
// packets that had a Home Address option or a type 2 routing header, whoever sent
// them: ICMPv6 messages of mobile prefix discovery.
//
// A policy of the network namespace could not tell them from data: of an ICMPv6
// message behind an extension header the kernel takes that header's first two octets
// for type and code. The kernel itself goes on refusing the packets, and the socket's
// owner has to know what to believe.
func SocketPolicy() []byte {
	any6 := netip.IPv6Unspecified()
	p := Policy{Dir: In}
	b := p.info()
	for _, proto := range []uint8{ProtoHomeAddress, ProtoRouting} {
		b = append(b, Template{Proto: proto, Src: any6, Dst: any6, Reqid: Reqid, Optional: true}.encode()...)
	}
	return b
}
