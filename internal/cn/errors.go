package cn

import (
	"net/netip"
	"time"

	"mip6d/internal/role"
)

// An ICMPv6 Destination Unreachable about the direct path ends a binding only
// when it goes on (§9.3.4): so many of them, over so long a time, without a
// Binding Update in between.
const (
	destinationUnreachable = 1
	manyErrors             = 3
	persistent             = 3 * time.Second
	errorsForgotten        = time.Minute
)

// icmpIn takes an ICMPv6 error that quotes a packet with a type 2 routing header.
func (m *Machine) icmpIn(ev role.ICMPIn) {
	const icmpHeader, ipv6Header, routingHeader = 8, 40, 24
	if len(ev.Raw) < icmpHeader+ipv6Header+routingHeader || ev.Raw[0] != destinationUnreachable {
		return
	}
	packet := ev.Raw[icmpHeader:]
	const routing, type2 = 43, 2
	if packet[0]>>4 != 6 || packet[6] != routing || packet[ipv6Header+2] != type2 {
		return
	}
	local, careOf := netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:]))
	home := netip.AddrFrom16([16]byte(packet[ipv6Header+8:]))
	e := m.cache.get(role.Pair{Local: local, Peer: home})
	if e == nil || !e.bound || e.careOf != careOf {
		return
	}
	if e.unreachable == 0 || m.now.Sub(e.firstError) > errorsForgotten {
		e.unreachable, e.firstError = 0, m.now
	}
	if e.unreachable < manyErrors {
		e.unreachable++
	}
	if e.unreachable == manyErrors && m.now.Sub(e.firstError) >= persistent {
		m.end(e, role.NoticeBindingDeleted, "the care-of address can't be reached")
	}
}
