package mn

import (
	"net/netip"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// peerError takes a Binding Error of a correspondent (RFC 6275 §11.3.6).
func (m *Machine) peerError(p *peer, be *mh.BindingError) {
	e := m.peerEntry(p)
	waiting := p.homeTest.running() || p.careOfTest.running() || e != nil && e.Outstanding()
	switch {
	case be.Status == mh.ErrorUnknownBinding && e != nil:
		m.forgotten(p, e)
	case be.Status == mh.ErrorUnknownType && waiting:
		m.bar(p, role.Notice{Text: "the correspondent does not know route optimisation (Binding Error 2)"})
	default:
		m.count(role.CountUnsolicited)
	}
}

// forgotten: the peer has no binding of ours, perhaps since it was started
// again; then our tokens are worth nothing either. Nothing protects the message,
// so it makes us begin again once in a while only.
func (m *Machine) forgotten(p *peer, e *bul.Entry) {
	if !e.Registered(m.now) && !p.path.careOf.IsValid() {
		return // it came from a packet of before
	}
	if !p.errored.IsZero() && m.now.Sub(p.errored) < minUpdateDelay {
		m.count(role.CountRateLimited)
		return
	}
	p.errored = m.now
	m.beginAgain(p)
}

// beginAgain forgets what is known of a peer's binding: packets go by the home agent until
// return routability has been done anew. But one may be there: whoever said otherwise may have
// lied, and if we come home meanwhile, it is to be deleted.
func (m *Machine) beginAgain(p *peer) {
	if e := m.peerEntry(p); e != nil {
		e.Doubt()
	}
	p.endEffort()
	p.homeTest.token.drop()
	p.careOfTest.token.drop()
	m.keepDirect(p)
}

// peerRefresh takes a Binding Refresh Request of a correspondent (§11.7.4).
func (m *Machine) peerRefresh(p *peer) {
	e := m.peerEntry(p)
	if e == nil || e.Outstanding() || !m.worthwhile(p) || m.now.Sub(e.Sent) < minUpdateDelay {
		m.count(role.CountUnsolicited)
		return
	}
	p.refresh = m.now
}

// icmpDestinationUnreachable is RFC 4443 §3.1's type.
const icmpDestinationUnreachable = 1

// peerUnreachable takes an ICMPv6 error about what we sent to a correspondent on
// the direct path, or about a test (§11.3.5): it doesn't know the Mobility
// Header, or can't be reached from here. Errors about what a peer's packets in
// the tunnel met are not among these.
func (m *Machine) peerUnreachable(ev role.ICMPIn) bool {
	text := ""
	switch {
	case ev.Src == ev.Dst:
		// Our own kernel's, about a neighbour that it can't find: that is about
		// the link, which has its own ways to be doubted.
		return false
	case ev.Raw[0] == icmpParameterProblem && ev.Raw[1] == codeNextHeader:
		text = "the correspondent does not know the Mobility Header (ICMPv6 Parameter Problem 1)"
	case ev.Raw[0] == icmpParameterProblem && ev.Raw[1] == codeOption:
		text = "the correspondent does not know the Home Address option (ICMPv6 Parameter Problem 2)"
	case ev.Raw[0] == icmpDestinationUnreachable:
		text = "the correspondent can't be reached directly (ICMPv6 Destination Unreachable)"
	default:
		return false
	}
	src, dst, next, ok := quoted(ev.Raw[8:])
	if !ok {
		return false
	}
	for _, p := range m.peers {
		if p.addr != dst || p.barred.After(m.now) {
			continue
		}
		home := src == p.home.addr() && next == protoMobility && p.homeTest.running() && ev.Raw[0] == icmpParameterProblem
		e := m.peerEntry(p)
		direct := src == m.careOfAddr(p.home) && (p.careOfTest.running() || p.path.careOf.IsValid() || e != nil && e.Outstanding())
		if home || direct {
			m.bar(p, role.Notice{CoA: m.careOfAddr(p.home), Text: text})
			return true
		}
	}
	return false
}

const protoMobility = 135

// quoted reads the packet that an ICMPv6 error quotes: its addresses and what
// follows the IPv6 header.
func quoted(packet []byte) (src, dst netip.Addr, next uint8, ok bool) {
	const ipv6Header = 40
	if len(packet) < ipv6Header || packet[0]>>4 != 6 {
		return src, dst, 0, false
	}
	return netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:])), packet[6], true
}
