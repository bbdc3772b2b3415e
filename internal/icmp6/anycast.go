package icmp6

import "net/netip"

// homeAgents is the Mobile IPv6 Home-Agents anycast identifier (RFC 2526 §4).
const homeAgents = 0x7e

// LongestAnycastPrefix is how many bits a prefix may have to leave room for the seven
// of the identifier.
const LongestAnycastPrefix = 121

// HomeAgentsAnycast is the address of all home agents of a home subnet (RFC 6275
// §10.5): all ones behind the prefix but for the last seven bits, which are the
// identifier; with a prefix of 64 bits the universal/local bit is clear (RFC 2526
// §2). Of a subnet with more than LongestAnycastPrefix bits it may be an address of
// another.
func HomeAgentsAnycast(subnet netip.Prefix) netip.Addr {
	a := subnet.Masked().Addr().As16()
	for i := range a {
		keep := min(max(subnet.Bits()-8*i, 0), 8)
		a[i] |= 0xff >> keep
	}
	if subnet.Bits() == 64 {
		a[8] &^= 0x02
	}
	a[15] = a[15]&0x80 | homeAgents
	return netip.AddrFrom16(a)
}
