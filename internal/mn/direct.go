package mn

import (
	"net/netip"
	"time"

	"mip6d/internal/role"
)

// directRetry is when the kernel is asked again for a direct path that it
// refused. Packets take the tunnel meanwhile.
const directRetry = 5 * time.Second

// directPath is what the kernel was last asked for.
type directPath struct {
	careOf netip.Addr // invalid: no direct path
	until  time.Time
	id     role.ID
	renews bool      // the same path with another end
	retry  time.Time // zero: it was not refused

	// earlier says that an earlier run's path stands, which this one has not asked
	// for.
	earlier bool
}

// keepDirect has packets to a peer take the direct path while, and only while,
// the peer is known to hold the care-of address from which they would leave
// (RFC 6275 §11.3.1).
func (m *Machine) keepDirect(p *peer) {
	careOf, until := m.wantedDirect(p)
	if careOf == p.path.careOf && until.Equal(p.path.until) && p.path.retry.IsZero() && !p.path.earlier {
		return
	}
	if !careOf.IsValid() && p.path.earlier && m.resuming(p) {
		m.wait(p, p.home.resumed)
		return
	}
	if p.path.retry.After(m.now) && careOf.IsValid() {
		m.wait(p, p.path.retry)
		return
	}
	if !careOf.IsValid() {
		m.clearDirect(p)
		return
	}
	p.path = directPath{careOf: careOf, until: until, id: m.id(), renews: p.path.careOf == careOf}
	m.emit(role.SetDirect{ID: p.path.id, Direct: role.Direct{
		Pair: p.pair(), Side: role.Ours, CareOf: careOf, Lifetime: until.Sub(m.now),
	}})
}

// wantedDirect is the care-of address of the direct path and the end of the
// binding; invalid: there shall be none.
func (m *Machine) wantedDirect(p *peer) (netip.Addr, time.Time) {
	h, e := p.home, m.peerEntry(p)
	switch {
	case !m.tunnelled(h):
	case p.stopped || p.reverted || p.barred.After(m.now):
	case e == nil || !e.Registered(m.now) || e.Bound != h.careOf.addr:
	default:
		return e.Bound, e.BoundUntil
	}
	return netip.Addr{}, time.Time{}
}

// resuming says whether the direct path of an earlier run may stay though the tunnel
// is not known to be in force: as long as that may stay, too, and by the same care-of
// address.
func (m *Machine) resuming(p *peer) bool {
	h := p.home
	return h.resumed.After(m.now) && !m.tunnelled(h) &&
		(h.stage == stageNone || h.stage == stageAway && h.careOf != nil && h.careOf.addr == p.path.careOf)
}

// clearDirect has packets go by the tunnel from now on.
func (m *Machine) clearDirect(p *peer) {
	was := p.path.careOf
	if !was.IsValid() && p.path.retry.IsZero() {
		return
	}
	p.path = directPath{}
	m.emit(role.ClearDirect{Pair: p.pair(), Side: role.Ours})
	if was.IsValid() {
		m.notice(role.Notice{Kind: role.NoticeDirectEnded, HoA: p.home.addr(), CoA: was, Peer: p.addr,
			Text: "packets go by the home agent"})
	}
}

// directDone is the kernel's answer. After a refusal nothing of the path is left
// standing: half of one would lead packets astray.
func (m *Machine) directDone(p *peer, err error) {
	if err == nil && p.path.renews {
		return
	}
	if err == nil {
		m.notice(role.Notice{Kind: role.NoticeDirect, HoA: p.home.addr(), CoA: p.path.careOf, Peer: p.addr,
			Lifetime: p.path.until.Sub(m.now), Sequence: m.bul.Sequence(p.key()), Text: "packets go directly"})
		return
	}
	m.fault(role.Notice{HoA: p.home.addr(), CoA: p.path.careOf, Peer: p.addr}, "set the direct path", err)
	p.path = directPath{retry: m.now.Add(directRetry)}
	m.emit(role.ClearDirect{Pair: p.pair(), Side: role.Ours})
}
