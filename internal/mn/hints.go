package mn

import (
	"errors"
	"net/netip"

	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// bindingError takes a Binding Error (RFC 6275 §11.3.6). Nothing protects it,
// so the most it does is to make us send a Binding Update.
func (m *Machine) bindingError(ev role.MessageIn, be *mh.BindingError) {
	for _, p := range m.peers {
		// A test init has no Home Address option, so the error has none either.
		if p.addr == ev.Src && (be.HomeAddress == p.home.addr() || be.HomeAddress.IsUnspecified()) {
			m.peerError(p, be)
			return
		}
	}
	h := m.homeFor(ev.Src, be.HomeAddress)
	if h == nil || m.entry(h) == nil {
		m.count(role.CountUnsolicited) // no entry for its source: MUST be ignored
		return
	}
	switch be.Status {
	case mh.ErrorUnknownBinding:
		m.refreshSoon(h)
	case mh.ErrorUnknownType:
		// The home agent doesn't know Binding Updates. It may be starting;
		// retransmission goes on, and a person is told.
		if e := m.entry(h); e.Outstanding() {
			m.hint(h, "the home agent does not know the message (Binding Error 2)")
		}
	}
}

// refreshRequest takes a Binding Refresh Request from a home agent (§11.7.4).
func (m *Machine) refreshRequest(ev role.MessageIn) {
	to := ev.Dst
	if ev.RoutingHome.IsValid() {
		to = ev.RoutingHome
	}
	if p := m.findPeer(to, ev.Src); p != nil {
		m.peerRefresh(p)
		return
	}
	if h := m.homeFor(ev.Src, to); h != nil && m.entry(h) != nil {
		m.refreshSoon(h)
		return
	}
	m.count(role.CountUnsolicited)
}

// hint tells a person something unauthenticated, once per care-of address.
func (m *Machine) hint(h *home, text string) {
	if h.reported {
		return
	}
	h.reported = true
	m.notice(role.Notice{Kind: role.NoticeUnregistered, HoA: h.addr(), HA: h.homeAgent(), Warn: true, Text: text})
}

// ICMPv6 Parameter Problem (RFC 4443 §3.4).
const (
	icmpParameterProblem = 4
	codeNextHeader       = 1 // unrecognized Next Header type
	codeOption           = 2 // unrecognized IPv6 option
)

// icmpIn takes an ICMPv6 error about a Binding Update (§11.3.5). For a home
// agent the RFC's "should not send again for some time" is the retransmission
// timeout: a home agent whose daemon is being restarted answers like this.
func (m *Machine) icmpIn(ev role.ICMPIn) {
	if len(ev.Raw) > 0 && m.fromHomeAgent(ev) {
		return
	}
	if len(ev.Raw) < 8 || m.peerUnreachable(ev) || ev.Raw[0] != icmpParameterProblem {
		return
	}
	h := m.culprit(ev.Raw[8:])
	if h == nil {
		return
	}
	switch ev.Raw[1] {
	case codeNextHeader:
		m.hint(h, "the home agent does not know the Mobility Header (ICMPv6 Parameter Problem 1)")
	case codeOption:
		m.hint(h, "a node on the way does not know the Home Address option (ICMPv6 Parameter Problem 2)")
	}
}

// fromHomeAgent takes the ICMPv6 messages of a home agent.
func (m *Machine) fromHomeAgent(ev role.ICMPIn) bool {
	switch icmp6.Type(ev.Raw[0]) {
	case icmp6.TypeHomeAgentDiscoveryReply, icmp6.TypeMobilePrefixAdvertisement:
	default:
		return false
	}
	msg, err := icmp6.Parse(ev.Raw)
	switch msg := msg.(type) {
	case *icmp6.HomeAgentDiscoveryReply:
		m.agentsFound(ev, msg)
	case *icmp6.MobilePrefixAdvertisement:
		m.prefixesTold(ev, msg)
	}
	if err != nil {
		m.count(role.CountMalformed)
	}
	return true
}

// culprit finds the home address whose outstanding Binding Update an ICMPv6
// error quotes.
func (m *Machine) culprit(packet []byte) *home {
	src, dst, _, ok := quoted(packet)
	if !ok {
		return nil
	}
	for _, h := range m.homes {
		e := m.entry(h)
		if e != nil && e.Outstanding() && dst == h.homeAgent() && src == e.CareOf {
			return h
		}
	}
	return nil
}

// malformed counts what could not be parsed and answers an unknown type with a
// Binding Error (§9.2, §9.3.3). The Parameter Problems of §9.2 are the kernel's
// business: its Mobility Header filter has checked protocol and length, and sent
// them, before a raw socket sees the message.
func (m *Machine) malformed(ev role.MessageIn, err error) {
	var bad *mh.ParseError
	if !errors.As(err, &bad) || bad.Answer != mh.AnswerBindingError {
		m.count(role.CountMalformed)
		return
	}
	m.count(role.CountUnknownType)
	if m.p.Silent || !unicast(ev.Src) || !unicast(ev.Dst) {
		return
	}
	if m.errors.Next(m.now).After(m.now) {
		m.count(role.CountRateLimited)
		return
	}
	raw, err := mh.Marshal(&mh.BindingError{Status: bad.Status, HomeAddress: ev.HomeAddress})
	if err != nil {
		return
	}
	m.errors.Note(m.now)
	mh.SetChecksum(raw, ev.Dst, ev.Src)
	m.emit(role.Send{Ifindex: ev.Ifindex, Src: ev.Dst, Dst: ev.Src, Raw: raw})
}

func unicast(a netip.Addr) bool {
	return a.Is6() && !a.IsMulticast() && !a.IsUnspecified() && !a.IsLoopback()
}
