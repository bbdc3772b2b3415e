package mn

import (
	"slices"
	"time"

	"mip6d/internal/role"
)

// goal is what a peer's binding is to become.
type goal uint8

const (
	goalKeep   goal = iota // as it is
	goalBind               // our current care-of address
	goalDelete             // none
)

// settlePeers draws the conclusions for all peers, after those for the home
// addresses.
func (m *Machine) settlePeers() {
	for _, p := range slices.Clone(m.peers) {
		p.next = time.Time{}
		goal := m.goalOf(p)
		m.keepDirect(p)
		switch goal {
		case goalBind:
			m.bind(p)
		case goalDelete:
			m.unbind(p)
		default:
			p.endEffort()
		}
		m.askTraffic(p)
		m.tidyPeer(p)
	}
	m.forgetDropped()
}

// goalOf decides what is to be done about a peer.
func (m *Machine) goalOf(p *peer) goal {
	h := p.home
	held := m.held(p)
	if h.stage == stageHome {
		if held && !h.paused && m.canReach(h) {
			return goalDelete
		}
		return goalKeep
	}
	if !m.tunnelled(h) {
		return goalKeep
	}
	e := m.peerEntry(p)
	current := e != nil && e.Registered(m.now) && e.Bound == h.careOf.addr
	switch {
	case p.stopped && held:
		return goalDelete
	case p.stopped:
		return goalKeep
	case held && !current && e.CareOf != h.careOf.addr:
		// Its packets go where we were (§11.7.2: SHOULD, for each node in the
		// list), whatever it said before.
		p.barred = time.Time{}
		return goalBind
	case p.barred.After(m.now):
		m.wait(p, p.barred)
		return goalKeep
	case held && (!current || m.outlives(p)):
		return goalBind
	case !m.worthwhile(p):
		return goalKeep
	case !current || m.due(p.refresh):
		return goalBind
	}
	m.wait(p, p.refresh)
	return goalKeep
}

// agreed says whether the home agent holds our care-of address for all we know.
func (m *Machine) agreed(h *home) bool {
	e := m.entry(h)
	return e != nil && e.Registered(m.now) && e.Bound == h.careOf.addr && e.CareOf == e.Bound
}

// tunnelled says whether the home address is away, and its tunnel begins at the
// care-of address from which we speak.
func (m *Machine) tunnelled(h *home) bool {
	return h.stage == stageAway && m.canSend(h) && h.path.Mode == role.PathTunnelled && h.path.CareOf == h.careOf.addr
}

// canReach says whether the home address may be used on the home link.
func (m *Machine) canReach(h *home) bool { return h.link != nil && h.link.up && !h.link.fresh() }

// bind tests what is untested, and registers our care-of address when the tests
// are passed and the home agent has it (RFC 6275 §11.6.1, §11.7.2). The Care-of
// Test Init does not wait for the home agent; the Home Test would not reach us
// before.
func (m *Machine) bind(p *peer) {
	h := p.home
	careOf := h.careOf.addr
	m.aim(p, careOf)
	passed := m.run(p, &p.careOfTest, careOf)
	if !m.agreed(h) || p.barred.After(m.now) {
		return
	}
	if !m.run(p, &p.homeTest, h.addr()) || !passed {
		return
	}
	m.sendPeerUpdate(p, careOf, m.peerLifetime(h))
}

// unbind deletes the binding of a peer: from home with the home address as the
// care-of address, away from our care-of address. The home token is enough
// (§11.6.1).
func (m *Machine) unbind(p *peer) {
	h := p.home
	p.careOfTest.stop()
	m.aim(p, h.addr())
	if h.stage == stageAway && !m.agreed(h) {
		return
	}
	if m.run(p, &p.homeTest, h.addr()) {
		m.sendPeerUpdate(p, h.addr(), 0)
	}
}

// tidyPeer forgets a peer of which nothing is left to remember. One that is
// neither used nor barred is not; one that was stopped by hand stays, so that
// its traffic does not begin again.
func (m *Machine) tidyPeer(p *peer) {
	if m.held(p) || p.stopped {
		return
	}
	if p.home.stage == stageAway {
		if m.worthwhile(p) {
			if !p.byHand {
				m.wait(p, p.used.Add(m.p.Optimization.IdleTimeout))
			}
			return
		}
		if p.barred.After(m.now) {
			m.wait(p, p.barred)
			return
		}
	} else if s := p.home.stage; s != stageHome && s != stageDuplicate && s != stageInvalid {
		return // on the way to somewhere
	}
	m.dropPeer(p)
}

// askTraffic finds out now and then whether a direct path is used, which we
// don't see otherwise.
func (m *Machine) askTraffic(p *peer) {
	if !p.path.careOf.IsValid() {
		return
	}
	at := p.asked.Add(m.p.Optimization.IdleTimeout / 4)
	if at.After(m.now) {
		m.wait(p, at)
		return
	}
	p.asked = m.now
	m.wait(p, m.now.Add(m.p.Optimization.IdleTimeout/4))
	m.emit(role.AskTraffic{Pair: p.pair()})
}

func (m *Machine) trafficSeen(ev role.TrafficSeen) {
	p := m.findPeer(ev.Pair.Local, ev.Pair.Peer)
	if p == nil {
		return
	}
	if ev.Traffic.PacketsIn != p.traffic.PacketsIn || ev.Traffic.PacketsOut != p.traffic.PacketsOut {
		p.used = m.now
	}
	p.traffic = ev.Traffic
}
