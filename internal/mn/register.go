package mn

import (
	"net/netip"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// register makes a care-of address the primary one (RFC 6275 §11.7.1). The home
// address is on the tunnel, or blocked, before this returns.
func (m *Machine) register(h *home, l *link, c *careOf) {
	from := m.planned(h)
	h.stage, h.link, h.careOf, h.paused = stageAway, l, c, false
	h.handoff = from
	h.refused, h.resyncs, h.reported = false, 0, false
	h.found.stay() // the home agent is asked first (§11.4.1: MUST)
	if h.barred {
		m.staysBarred(h)
		return
	}
	if !h.homeAgent().IsValid() {
		h.due, h.found = time.Time{}, discovery{} // another link is another chance
		m.setPath(h, role.HomePath{Mode: role.PathBlocked})
		m.search(h)
		m.askForAgents(h)
		return
	}
	if e := m.entry(h); e != nil && e.Acked && e.Bound == c.addr && e.Registered(m.now) {
		// The address went and came back, and the home agent never knew.
		h.backoff, h.due, h.handoff = bul.Backoff{}, m.refreshAt(h, e), nil
		m.setPath(h, role.HomePath{Mode: role.PathTunnelled})
		return
	}
	m.startBackoff(h)
	h.due = m.now
	if from != nil {
		// What is under way by the old care-of address is to be there before the
		// home agent stops to take it.
		h.due = m.now.Add(m.drain(h))
		from.until = h.due.Add(maxHold)
		m.setPath(h, role.HomePath{Mode: role.PathTunnelled})
		return
	}
	m.sendDue(h)
	if h.path.Mode != role.PathTunnelled {
		m.setPath(h, role.HomePath{Mode: role.PathBlocked}) // held back by the rate limit
	}
}

// startBackoff begins a new series of transmissions. The longer first timeout
// leaves the home agent time for duplicate address detection, which it does
// only when it has no binding (§11.8).
func (m *Machine) startBackoff(h *home) {
	initial := m.p.InitialBindackTimeoutFirstReg
	if e := m.entry(h); e != nil && (e.Registered(m.now) || h.stage == stageAnswering) {
		initial = m.p.InitialBindackTimeout
	}
	h.backoff = bul.NewBackoff(initial, m.p.MaxBindackTimeout)
}

// resume goes on at once with what a link's interruption has held up.
func (m *Machine) resume(l *link) {
	for _, h := range m.homes {
		if e := m.entry(h); h.link == l && e != nil && e.Outstanding() && !h.refused {
			m.startBackoff(h)
			h.due = m.now
		}
	}
}

// keysMade goes on at once with what has waited for an IKE daemon: the kernel has
// dropped what there were no keys for.
func (m *Machine) keysMade(ev role.KeysMade) {
	for _, h := range m.homes {
		if e := m.entry(h); h.addr() == ev.HomeAddress && e != nil && e.Outstanding() && !h.refused {
			m.startBackoff(h)
			h.due = m.now
		}
	}
}

// canSend says whether a Binding Update could leave with a source address that
// is right for the link (§6.1.7). While it can't, what is due waits.
func (m *Machine) canSend(h *home) bool {
	if h.link == nil || !h.link.up || h.link.fresh() {
		return false
	}
	switch h.stage {
	case stageAway:
		return !h.barred && h.careOf != nil && h.careOf.ready && !h.careOf.dead && !h.careOf.gone
	case stageAnswering:
		return true
	}
	return false
}

// sendDue sends the Binding Update whose time has come.
func (m *Machine) sendDue(h *home) {
	if !m.due(h.due) || !m.canSend(h) {
		return
	}
	if h.stage == stageAnswering {
		m.sendUpdate(h, 0)
		return
	}
	if m.silentAgent(h) {
		return
	}
	m.sendUpdate(h, m.registrationLifetime(h))
}

// registrationLifetime is what to ask for: not more than what is left of the
// care-of address and of the home address, and never zero (§11.7.1).
func (m *Machine) registrationLifetime(h *home) time.Duration {
	left := min(m.left(h.careOf.validUntil), m.left(h.validUntil()))
	if h.link.knows(h.careOf.net) {
		valid, _ := m.lifetimes(h.link, h.careOf.net)
		left = min(left, m.left(valid))
	}
	return max(min(h.lifetime(), left).Truncate(lifetimeUnit), lifetimeUnit)
}

// sendUpdate sends one Binding Update: a de-registration if lifetime is zero.
// Where MAX_UPDATE_RATE forbids, it is put off (§11.5.3, §11.8: MUST NOT).
func (m *Machine) sendUpdate(h *home, lifetime time.Duration) {
	rate := m.rate(h.homeAgent())
	if next := rate.Next(m.now); next.After(m.now) {
		h.due = next
		return
	}
	src, careOf, hao := h.addr(), h.addr(), netip.Addr{}
	if h.stage == stageAway {
		src, careOf, hao = h.careOf.addr, h.careOf.addr, h.addr()
	}
	if h.backoff.Max == 0 {
		m.startBackoff(h)
	}
	e := m.entry(h)
	again := e != nil && e.Outstanding() && e.CareOf == careOf && (e.Lifetime == 0) == (lifetime == 0)
	t := m.bul.Send(h.key(), true, bul.Transmission{
		CareOf: careOf, Lifetime: lifetime, Sent: m.now, Stamp: h.clock.stamp(m.now, m.random(1)[0]),
	})
	raw, err := m.update(h, t)
	if err != nil {
		m.fault(role.Notice{HoA: h.addr(), HA: h.homeAgent()}, "build a Binding Update", err)
		h.due = m.now.Add(m.p.MaxBindackTimeout)
		return
	}
	if lifetime > 0 {
		// Before the Binding Update, so that what the home agent tunnels in
		// answer to it finds a tunnel.
		m.setPath(h, role.HomePath{Mode: role.PathTunnelled})
	}
	m.emit(role.Send{Ifindex: h.link.ifindex, Src: src, Dst: h.homeAgent(), HomeAddress: hao, Raw: raw})
	rate.Note(m.now)
	h.due = m.now.Add(h.backoff.Next())
	if h.stage == stageAnswering {
		// It has left: from now on solicitations for the home address are
		// answered, and not before (§11.5.5: MUST).
		m.setPath(h, role.HomePath{Mode: role.PathAnswering})
	}
	text := "binding update sent"
	if again {
		m.count(role.CountRetransmission)
		text = "binding update sent again"
	}
	m.notice(role.Notice{Kind: role.NoticeUpdateSent, HoA: h.addr(), CoA: careOf, HA: h.homeAgent(),
		Ifindex: h.link.ifindex, Sequence: t.Sequence, Lifetime: lifetime, Text: text})
}

// update builds the Mobility Header of a Binding Update to the home agent:
// H and A set, L and K as configured, the care-of address also in its option (§11.7.1).
func (m *Machine) update(h *home, t bul.Transmission) ([]byte, error) {
	bu := &mh.BindingUpdate{
		Sequence:  t.Sequence,
		Ack:       true,
		Home:      true,
		LinkLocal: h.LinkLocal,
		KeyMgmt:   h.KeyMgmt,
		Router:    h.Network != nil,
		Lifetime:  t.Lifetime,
	}
	bu.Options = mh.Options{mh.AlternateCareOfAddress{CareOf: t.CareOf}}
	bu.Options = append(bu.Options, h.networkOptions(t)...)
	bu.Options = append(bu.Options, h.ipv4Options(t)...)
	bu.Options = append(bu.Options, h.authOptions(t)...)
	raw, err := mh.Marshal(bu)
	if err != nil {
		return nil, err
	}
	h.sign(raw, t.CareOf)
	// Over the home address: what the Home Address option will say (§6.1.1).
	mh.SetChecksum(raw, h.addr(), h.homeAgent())
	return raw, nil
}

func (m *Machine) rate(homeAgent netip.Addr) *bul.Rate {
	r := m.rates[homeAgent]
	if r == nil {
		r = &bul.Rate{Max: m.p.MaxUpdateRate}
		m.rates[homeAgent] = r
	}
	return r
}

// refreshAt is when to renew a binding: well before it ends (§11.7.1), with a
// fifth of its lifetime, at most two minutes, left for retransmissions.
func (m *Machine) refreshAt(h *home, e *bul.Entry) time.Time {
	at := e.BoundUntil.Add(-min(e.Granted/5, 2*time.Minute))
	if !h.advised.IsZero() && h.advised.Before(at) {
		at = h.advised
	}
	return at
}

// refreshSoon asks for a Binding Update because of something unauthenticated:
// not while one is on its way, and not more often than the first
// retransmission would be.
func (m *Machine) refreshSoon(h *home) {
	e := m.entry(h)
	if h.stage != stageAway || e == nil || e.Outstanding() || h.refused {
		return
	}
	at := e.Sent.Add(minUpdateDelay)
	if at.Before(m.now) {
		at = m.now
	}
	if h.due.IsZero() || at.Before(h.due) {
		h.backoff, h.due = bul.Backoff{}, at
	}
}
