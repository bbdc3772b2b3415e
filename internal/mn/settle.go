package mn

import "mip6d/internal/role"

// settle draws the conclusions from what is known. The order matters: a home
// address is taken off a link that may be foreign before anything else is done,
// and Binding Updates leave before addresses are tidied up.
func (m *Machine) settle() {
	for _, l := range m.links {
		m.expirePrefixes(l)
		m.endDoubt(l)
		if m.due(m.patience(l)) {
			m.startDoubt(l, m.probeTimeout(l), false)
		}
	}
	m.expireBindings()
	m.settleStateful()
	for _, h := range m.homes {
		m.settleHome(h)
	}
	for _, l := range m.links {
		m.keepLinkLocal(l)
		m.formCareOf(l)
		m.runSolicit(l)
	}
	// A care-of address may have gone in formCareOf.
	for _, h := range m.homes {
		m.dropGone(h)
	}
	m.settlePeers()
	for _, l := range m.links {
		m.cleanup(l)
	}
	for _, h := range m.homes {
		m.dropGone(h)
	}
	for _, p := range m.peers {
		m.keepDirect(p) // what was dropped may have been its care-of address
	}
	for _, l := range m.links {
		m.keepRouters(l)
	}
	m.shareLoad()
}

// keepRouters has the kernel forget the routers of an earlier link.
func (m *Machine) keepRouters(l *link) {
	if !l.changed {
		return
	}
	l.changed = false
	e := role.KeepRouters{Ifindex: l.ifindex}
	for _, r := range l.routers {
		e.Routers = append(e.Routers, r.addr)
	}
	m.emit(e)
}

// settleHome decides where one home address is and what follows.
func (m *Machine) settleHome(h *home) {
	m.retryPath(h)
	m.watchHandoff(h)
	if h.stage == stageDuplicate || h.stateful != nil && h.stage == stageInvalid {
		return
	}
	if l := m.homeLink(h); l != nil {
		h.prefix = homePrefix{} // the link's own routers tell
		m.arrive(h, l)
		m.sendDue(h)
		return
	}
	if m.over(h.prefix.validUntil) {
		m.invalidate(h, role.NoticeHomePrefix, "the home address is not used any more: its prefix is no longer valid on the home link")
		return
	}
	l, c := m.chooseAway(h)
	switch {
	case c == nil && h.stage == stageAway:
		m.leave(h) // the care-of address is gone and there is no other
	case c == nil && h.pathID == 0 && h.resumed.After(m.now):
		// The beginning, and an earlier run's tunnel stands, if anything does.
	case c == nil && h.pathID == 0:
		m.leave(h) // the beginning: blocked until we know where we are
	case c == nil && h.stage.atHome():
		m.leave(h)
	case c == nil:
	case h.stage != stageAway || h.careOf != c:
		m.register(h, l, c)
	default:
		m.askForAgents(h)
		m.sendDue(h)
		m.askForPrefixes(h)
		m.keepTunnel(h)
	}
}

// chooseAway is choose for a home address that isn't at home: what it knew as
// its home link counts for nothing.
func (m *Machine) chooseAway(h *home) (*link, *careOf) {
	if h.stage.atHome() {
		h.careOf = nil
	}
	return m.choose(h)
}

// dropGone blocks a home address whose care-of address is no more.
func (m *Machine) dropGone(h *home) {
	if h.stage == stageAway && h.careOf != nil && h.careOf.gone {
		m.leave(h)
	}
}

// expireBindings deletes what has ended from the Binding Update List (RFC 6275
// §11.1).
func (m *Machine) expireBindings() {
	for _, e := range m.bul.Expire(m.now) {
		for _, h := range m.homes {
			if h.key() != e.Key {
				continue
			}
			m.notice(role.Notice{Kind: role.NoticeUnregistered, HoA: h.addr(), CoA: e.CareOf, HA: e.Peer,
				Sequence: e.Sequence, Warn: true, Text: "the binding ended without an answer"})
			if h.stage == stageReturning || h.stage == stageAnswering {
				// Nobody defends the home address any more.
				m.atHome(h, h.link, true, "at home, the binding has expired")
			}
		}
	}
}
