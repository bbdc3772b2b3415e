package mn

import (
	"fmt"
	"net/netip"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

const (
	// maxRRBindingLifetime is MAX_RR_BINDING_LIFETIME (RFC 6275 §12).
	maxRRBindingLifetime = 420 * time.Second

	// maxPeerUpdates is after how many unanswered Binding Updates a peer is
	// left alone for a while.
	maxPeerUpdates = 6
)

// aim begins a new series of Binding Updates when the care-of address changes.
func (m *Machine) aim(p *peer, careOf netip.Addr) {
	if p.target != careOf {
		p.target, p.due, p.backoff, p.resyncs = careOf, time.Time{}, bul.Backoff{}, 0
	}
}

// peerLifetime is what to ask a correspondent for: not more than what is left of
// the home registration and of the care-of address (§11.7.2).
func (m *Machine) peerLifetime(h *home) time.Duration {
	left := min(maxRRBindingLifetime, m.registrationLifetime(h))
	if e := m.entry(h); e != nil {
		left = min(left, e.BoundUntil.Sub(m.now))
	}
	return left.Truncate(lifetimeUnit)
}

// sendPeerUpdate sends one Binding Update to a correspondent, or the next of a
// series when its time has come; lifetime zero deletes.
func (m *Machine) sendPeerUpdate(p *peer, careOf netip.Addr, lifetime time.Duration) {
	deletion := careOf == p.home.addr()
	switch {
	case p.due.After(m.now):
		m.wait(p, p.due)
		return
	case lifetime <= 0 && !deletion:
		return // the home registration is about to end; its refresh comes first
	case p.backoff.Tries >= maxPeerUpdates:
		if deletion {
			m.bul.Remove(p.key()) // it ends by itself
			return
		}
		m.bar(p, role.Notice{CoA: careOf, Text: "no answer to Binding Updates"})
		m.wait(p, p.barred)
		return
	}
	if next := p.rate.Next(m.now); next.After(m.now) {
		p.due = next
		m.wait(p, next)
		return
	}
	if p.backoff.Max == 0 {
		p.backoff = bul.NewBackoff(m.p.InitialBindackTimeout, m.p.MaxBindackTimeout)
	}
	kbm, nonces := p.bindingKey(deletion)
	t := m.bul.Send(p.key(), false, bul.Transmission{CareOf: careOf, Lifetime: lifetime, Sent: m.now, Key: kbm})
	bu := &mh.BindingUpdate{Sequence: t.Sequence, Ack: true, Lifetime: lifetime}
	bu.Options = mh.Options{nonces, mh.BindingAuthorizationData{}}
	raw, err := mh.Marshal(bu)
	if err != nil {
		m.fault(role.Notice{HoA: p.home.addr(), Peer: p.addr}, "build a Binding Update", err)
		p.due = m.now.Add(m.p.MaxBindackTimeout)
		m.wait(p, p.due)
		return
	}
	authorize(raw, kbm, careOf, p.addr)
	mh.SetChecksum(raw, p.home.addr(), p.addr)
	s := role.Send{Ifindex: p.home.link.ifindex, Src: p.home.addr(), Dst: p.addr, Raw: raw}
	if p.home.stage == stageAway {
		s.Src, s.HomeAddress = p.home.careOf.addr, p.home.addr()
	}
	m.emit(s)
	p.rate.Note(m.now)
	text := "binding update sent to a correspondent"
	if p.backoff.Tries > 0 {
		m.count(role.CountRetransmission)
		text = "binding update sent to a correspondent again"
	}
	p.due = m.now.Add(p.backoff.Next())
	m.wait(p, p.due)
	m.notice(role.Notice{Kind: role.NoticeUpdateSent, HoA: p.home.addr(), CoA: s.Src, Peer: p.addr,
		Ifindex: p.home.link.ifindex, Sequence: t.Sequence, Lifetime: lifetime, Text: text})
}

// bindingKey is Kbm and where it comes from (§5.2.5, §11.7.2: the care-of nonce
// index is zero in a deletion).
func (p *peer) bindingKey(deletion bool) (bul.Secret, mh.NonceIndices) {
	if deletion {
		return bul.Secret(rr.KbmDelete(p.homeTest.token.value)), mh.NonceIndices{Home: p.homeTest.token.index}
	}
	return bul.Secret(rr.Kbm(p.homeTest.token.value, p.careOfTest.token.value)),
		mh.NonceIndices{Home: p.homeTest.token.index, CareOf: p.careOfTest.token.index}
}

// authorize fills in the Authenticator of the Binding Authorization Data option
// (§6.2.7). In a deletion the care-of address is the home address.
func authorize(raw []byte, kbm bul.Secret, careOf, peer netip.Addr) {
	mac := rr.Authenticator(kbm[:], careOf, peer, mh.Covered(raw, mh.OptionBindingAuthorizationData, 0))
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionBindingAuthorizationData, 0):], mac[:])
}

// peerAcknowledgement takes a Binding Acknowledgement of a correspondent
// (§11.7.3). What fails one of the tests is ignored and counted.
func (m *Machine) peerAcknowledgement(ev role.MessageIn, p *peer, ba *mh.BindingAcknowledgement) {
	e := m.peerEntry(p)
	if e == nil || !e.Outstanding() || ev.RoutingHome.IsValid() != (p.home.stage == stageAway) {
		m.count(role.CountUnsolicited)
		return
	}
	t, ok := e.Match(ba.Sequence)
	if ba.Status == mh.StatusSequenceOutOfWindow {
		t, ok = e.Last()
	}
	if !ok || t.CareOf != p.target {
		m.count(role.CountUnsolicited)
		return
	}
	switch ba.Status {
	case mh.StatusExpiredHomeNonce, mh.StatusExpiredCareOfNonce, mh.StatusExpiredNonces:
		m.expiredNonces(p, ba.Status) // these carry no authenticator (§9.5.4)
		return
	}
	if !authorized(ev.Raw, ba, t, p.addr, ev.Dst) {
		m.count(role.CountBadAuth)
		return
	}
	m.notice(role.Notice{Kind: role.NoticeAckReceived, HoA: p.home.addr(), CoA: t.CareOf, Peer: p.addr, Ifindex: ev.Ifindex,
		Sequence: ba.Sequence, Lifetime: ba.Lifetime, Status: ba.Status, HasStatus: true,
		Text: "binding acknowledgement received from a correspondent"})
	p.status, p.hasStatus = ba.Status, true
	switch {
	case ba.Status == mh.StatusSequenceOutOfWindow:
		m.bul.Adopt(p.key(), ba.Sequence) // MUST
		m.again(p)
	case !ba.Status.Accepted():
		m.count(role.CountRefused)
		m.bar(p, role.Notice{CoA: t.CareOf, Status: ba.Status, HasStatus: true,
			Text: fmt.Sprintf("the correspondent refused; next try in %v", m.p.Optimization.RetryAfter)})
	case t.Lifetime == 0:
		m.bul.Remove(p.key())
	case ba.Lifetime == 0:
		m.bar(p, role.Notice{CoA: t.CareOf, Status: ba.Status, HasStatus: true, Text: "the correspondent accepted for no time at all"})
	default:
		m.peerRegistered(p, e, t, ba)
	}
}

// peerRegistered: the peer holds our care-of address. It is renewed while the
// home token lasts, so that a handover never waits for a Home Test; a Refresh
// Advice of a correspondent is not listened to (§11.7.3: MUST).
func (m *Machine) peerRegistered(p *peer, e *bul.Entry, t bul.Transmission, ba *mh.BindingAcknowledgement) {
	e.Accept(t, min(ba.Lifetime, maxRRBindingLifetime))
	p.endEffort()
	p.reverted = false
	p.refresh = e.BoundUntil.Add(-e.Granted / 5)
	if old := p.homeTest.token.oldAt(); old.Before(p.refresh) {
		p.refresh = old
	}
}

// authorized verifies the Binding Authorization Data of an acknowledgement. That
// nothing follows the option is the codec's to check.
func authorized(raw []byte, ba *mh.BindingAcknowledgement, t bul.Transmission, peer, to netip.Addr) bool {
	opt, ok := mh.Find[mh.BindingAuthorizationData](ba.Options)
	if !ok {
		return false
	}
	covered := mh.Covered(raw, mh.OptionBindingAuthorizationData, 0)
	return rr.Equal(opt.Authenticator[:], rr.Authenticator(t.Key[:], t.CareOf, peer, covered)) ||
		// A deletion from away: §6.2.7 and §11.7.2 differ in which it is.
		t.Lifetime == 0 && rr.Equal(opt.Authenticator[:], rr.Authenticator(t.Key[:], to, peer, covered))
}

// expiredNonces takes a status that nothing authenticates: it costs us a new
// test, and no more than some of them in a row.
func (m *Machine) expiredNonces(p *peer, s mh.Status) {
	if p.resyncs >= maxResyncs {
		m.count(role.CountRateLimited)
		return // the Binding Update's own back-off goes on
	}
	if s != mh.StatusExpiredCareOfNonce {
		p.homeTest.token.drop()
	}
	if s != mh.StatusExpiredHomeNonce {
		p.careOfTest.token.drop()
	}
	m.again(p)
}

// again has the next Binding Update leave at once, unless that has not helped
// before.
func (m *Machine) again(p *peer) {
	if p.resyncs++; p.resyncs <= maxResyncs {
		p.due = time.Time{}
	}
}

// releasePeer is for the end of the run: one deletion, if there is what it takes,
// and no path left in the kernel.
func (m *Machine) releasePeer(p *peer) {
	m.clearDirect(p)
	h := p.home
	if m.held(p) && p.homeTest.token.fresh(m.now) && h.stage == stageAway && m.canSend(h) {
		m.aim(p, h.addr())
		m.sendPeerUpdate(p, h.addr(), 0)
	}
}
