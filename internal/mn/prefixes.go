package mn

import (
	"net/netip"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// homePrefix is what the home agent says of a home address's prefix while we are
// away (RFC 6275 §11.4.3), and the search for it (§11.4.2).
type homePrefix struct {
	told           bool
	validUntil     time.Time // zero: without end, for all we know
	preferredUntil time.Time // the same

	id     uint16    // of the latest solicitation
	asking bool      // it may still be answered
	sent   time.Time // when; zero: never
	due    time.Time // of the next; zero: none is wanted
	tries  int       // solicitations in a row without an answer
}

const (
	initialSolicitTimer = 3 * time.Second // INITIAL_SOLICIT_TIMER, RFC 6275 §12
	solicitRetries      = 4

	// minSolicitPause is between solicitations for different reasons: a home
	// agent does not answer more often than once a second (§6.8).
	minSolicitPause = time.Second

	// minPrefixWatch is the least pause before a prefix that is about to end is
	// asked about again.
	minPrefixWatch = 10 * time.Second

	// maxRenumbered bounds the home addresses that are formed from one.
	maxRenumbered = 4

	// twoHours: what nobody has authenticated does not make an address end sooner
	// (RFC 4862 §5.5.3).
	twoHours = 2 * time.Hour
)

// wantPrefixes asks the home agent for its prefixes, soon.
func (m *Machine) wantPrefixes(h *home) {
	p := &h.prefix
	if p.asking {
		return // under way
	}
	p.tries, p.due = 0, m.now
	if next := p.sent.Add(minSolicitPause); !p.sent.IsZero() && next.After(m.now) {
		p.due = next
	}
}

// askForPrefixes sends the Mobile Prefix Solicitation whose time has come: while
// the home agent has our care-of address, since it answers nobody else.
func (m *Machine) askForPrefixes(h *home) {
	p := &h.prefix
	if !m.due(p.due) || h.stage != stageAway || !m.canSend(h) || !m.agreed(h) {
		return
	}
	if p.tries > solicitRetries {
		p.asking, p.tries = false, 0
		m.watchPrefix(h)
		return
	}
	if p.tries == 0 { // a retransmission has the same: either answer will do
		p.id = uint16(m.random(1)[0])<<8 | uint16(m.random(1)[0])
	}
	raw, err := icmp6.Marshal(&icmp6.MobilePrefixSolicitation{Identifier: p.id})
	if err != nil {
		return // it always fits
	}
	p.asking, p.sent = true, m.now
	p.due = m.now.Add(initialSolicitTimer << p.tries)
	p.tries++
	m.emit(role.SendICMP{Ifindex: h.link.ifindex, Src: h.careOf.addr, Dst: h.homeAgent(), HomeAddress: h.addr(), Raw: raw})
}

// watchPrefix has the home agent asked again when half of what is left is over:
// more and more often while the address is about to become invalid (§11.4.2).
func (m *Machine) watchPrefix(h *home) {
	p := &h.prefix
	p.due = time.Time{}
	left := m.left(p.validUntil)
	if preferred := m.left(p.preferredUntil); preferred > 0 {
		left = min(left, preferred)
	}
	if left != role.Infinite && left > 0 {
		p.due = m.now.Add(max(left/2, minPrefixWatch))
	}
}

// prefixesTold takes a Mobile Prefix Advertisement (§11.4.3: MUST be silently
// discarded where a test fails). One that we have not asked for makes us ask.
func (m *Machine) prefixesTold(ev role.ICMPIn, adv *icmp6.MobilePrefixAdvertisement) {
	h := m.homeFor(ev.Src, ev.RoutingHome)
	if h == nil || !h.homeAgent().IsValid() || h.stage != stageAway || m.entry(h) == nil || adv.Code != 0 || ev.HomeAddress.IsValid() {
		m.count(role.CountUnsolicited)
		return
	}
	if h.SA != 0 && ev.SA != h.SA {
		m.count(role.CountUnprotected)
		return
	}
	p := &h.prefix
	if !p.asking || adv.Identifier != p.id {
		m.count(role.CountUnsolicited)
		m.wantPrefixes(h)
		return
	}
	p.asking, p.tries = false, 0
	for _, o := range adv.Options {
		if x, ok := o.(icmp6.PrefixInformation); ok && x.Masked() == h.subnet() {
			m.ownPrefix(h, x)
		}
	}
	for _, o := range adv.Options {
		if x, ok := o.(icmp6.PrefixInformation); ok && x.Masked() != h.subnet() && m.over(p.preferredUntil) {
			m.renumber(h, x)
		}
	}
	m.watchPrefix(h)
}

// over says whether a lifetime has ended; one without end never has.
func (m *Machine) over(until time.Time) bool { return !until.IsZero() && !until.After(m.now) }

// ownPrefix takes the lifetimes of the home address's prefix as a Router
// Advertisement's (RFC 4862 §5.5.3). A home address that is configured is valid
// without end before the first.
func (m *Machine) ownPrefix(h *home, x icmp6.PrefixInformation) {
	p := &h.prefix
	if x.Preferred > x.Valid {
		return
	}
	p.preferredUntil = m.end(x.Preferred)
	switch left := m.left(p.validUntil); {
	case x.Valid > twoHours || x.Valid > left:
		p.validUntil = m.end(x.Valid)
	case left > twoHours:
		p.validUntil = m.end(twoHours)
	}
	p.told = true
	m.notice(role.Notice{Kind: role.NoticeHomePrefix, HoA: h.addr(), HA: h.homeAgent(), Lifetime: m.left(p.validUntil),
		Text: "the home agent has told of the home link's prefixes"})
}

// renumber forms a home address of another prefix of the home link when ours is
// given up, with the same interface identifier and the same credentials. The home
// agent decides whether it may be used.
func (m *Machine) renumber(h *home, x icmp6.PrefixInformation) {
	net := x.Masked()
	if !x.Autonomous || net.Bits() != 64 || h.HomeAddress.Bits() != 64 || x.Preferred == 0 || x.Preferred > x.Valid || h.Fixed ||
		!net.Addr().IsGlobalUnicast() || net.Addr().Is4In6() {
		return
	}
	a := h.addr().As16()
	formed := h.Home
	formed.HomeAddress = netip.PrefixFrom(join(net, [8]byte(a[8:])), 64)
	// A mobile network goes with the home address that it was given to, and so does an
	// IPv4 home address.
	formed.Network, formed.IPv4 = nil, nil
	if m.isHomeAddress(formed.HomeAddress.Addr()) || len(m.homes) >= len(m.p.Homes)*(1+maxRenumbered) {
		return
	}
	if x.RouterAddress && !h.discovers() && net.Contains(x.Prefix) && x.Prefix != net.Addr() {
		formed.HomeAgent = x.Prefix // the home agent's address in the new prefix
	}
	n := newHome(formed)
	n.found.agent = h.found.agent
	m.homes = append(m.homes, n)
	m.bul.Seed(n.key(), uint16(m.random(1)[0])<<8|uint16(m.random(1)[0]))
	m.recall(n)
	m.notice(role.Notice{Kind: role.NoticeHomePrefix, HoA: n.addr(), HA: n.homeAgent(), Text: "a new home address, in place of " + h.addr().String()})
}

// invalidate ends the use of a home address whose prefix (§11.4.2) or lease is no longer
// valid, with a de-registration that nobody waits for.
func (m *Machine) invalidate(h *home, kind role.NoticeKind, text string) {
	if h.stage == stageInvalid {
		return
	}
	if h.stage == stageAway && h.careOf != nil && m.bound(h) && m.canSend(h) {
		m.sendUpdate(h, 0)
	}
	m.bul.Remove(h.key())
	h.stage, h.link, h.careOf, h.paused = stageInvalid, nil, nil, false
	h.due, h.backoff, h.prefix.due, h.prefix.asking = time.Time{}, bul.Backoff{}, time.Time{}, false
	m.setPath(h, role.HomePath{Mode: role.PathNone})
	m.notice(role.Notice{Kind: kind, HoA: h.addr(), Warn: true, Text: text})
}

// outlives says whether a correspondent's binding would last longer than the
// its home address, or may (§11.4.2: MUST be told).
func (m *Machine) outlives(p *peer) bool {
	e := m.peerEntry(p)
	until := p.home.validUntil()
	return e != nil && !until.IsZero() && e.Until().After(until.Add(lifetimeUnit))
}

// prefixAdvised: status 1 wants prefix discovery (§11.7.3).
func (m *Machine) prefixAdvised(h *home, s mh.Status) {
	if s == mh.StatusPrefixDiscoveryNecessary {
		m.wantPrefixes(h)
	}
}
