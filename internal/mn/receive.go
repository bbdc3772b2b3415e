package mn

import (
	"net/netip"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// messageIn takes a Mobility Header message (RFC 6275 §9.2, §11.2).
func (m *Machine) messageIn(ev role.MessageIn) {
	src, dst := ev.Src, ev.Dst
	if ev.HomeAddress.IsValid() {
		src = ev.HomeAddress
	}
	if ev.RoutingHome.IsValid() {
		dst = ev.RoutingHome
	}
	if !mh.ChecksumOK(ev.Raw, src, dst) {
		m.count(role.CountBadChecksum) // silence, before any other answer
		return
	}
	msg, err := mh.Parse(ev.Raw)
	if err != nil {
		m.malformed(ev, err)
		return
	}
	switch msg := msg.(type) {
	case *mh.BindingAcknowledgement:
		if p := m.findPeer(dst, src); p != nil {
			m.peerAcknowledgement(ev, p, msg)
			return
		}
		m.acknowledgement(ev, msg)
	case *mh.HomeTest:
		m.homeTest(ev, msg)
	case *mh.CareOfTest:
		m.careOfTest(ev, msg)
	case *mh.BindingError:
		m.bindingError(ev, msg)
	case *mh.BindingRefreshRequest:
		m.refreshRequest(ev)
	default:
		// For a correspondent node, or nobody.
	}
}

// homeFor finds the home address to which a home agent's message is addressed.
func (m *Machine) homeFor(homeAgent, addr netip.Addr) *home {
	for _, h := range m.homes {
		if h.addr() == addr && h.homeAgent() == homeAgent {
			return h
		}
	}
	return nil
}
