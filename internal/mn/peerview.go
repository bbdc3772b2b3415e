package mn

import (
	"net/netip"
	"time"

	"mip6d/internal/mh"
)

// PeerView is what `mip6ctl show bul` shows of one correspondent. Times are
// those of the snapshot.
type PeerView struct {
	HomeAddress netip.Addr
	Peer        netip.Addr

	// State is "tunnel" (nothing under way), "testing" (return routability),
	// "registering" (a Binding Update is unanswered), "direct" (packets take
	// the direct path), "deleting" (back home, the peer's binding is to go) or
	// "barred" (the peer can't or won't).
	State string

	CareOf netip.Addr // that the peer has acknowledged; invalid: none

	// Ages of the keygen tokens; negative: there is none.
	HomeToken, CareOfToken time.Duration

	Sequence  uint16        // last sent
	Lifetime  time.Duration // granted
	Remaining time.Duration // of what the peer may hold
	Next      time.Duration // until the next message of ours; 0: none is planned
	Barred    time.Duration // left of it
	Idle      time.Duration // since the last traffic
	Retries   int           // transmissions since the last answer, but the first
	Status    mh.Status     // of the last acknowledgement, where HasStatus
	HasStatus bool
}

// Peers returns a copy of the state of all correspondents, oldest first.
func (m *Machine) Peers(now time.Time) []PeerView {
	views := make([]PeerView, 0, len(m.peers))
	for _, p := range m.peers {
		v := PeerView{
			HomeAddress: p.home.addr(), Peer: p.addr, State: m.peerState(p, now),
			HomeToken: p.homeTest.token.age(now), CareOfToken: p.careOfTest.token.age(now),
			Sequence: m.bul.Sequence(p.key()), Barred: max(p.barred.Sub(now), 0), Idle: now.Sub(p.used),
			Retries: max(p.backoff.Tries-1, p.homeTest.backoff.Tries-1, p.careOfTest.backoff.Tries-1, 0),
			Status:  p.status, HasStatus: p.hasStatus,
		}
		if !p.next.IsZero() {
			v.Next = max(p.next.Sub(now), 0)
		}
		if e := m.peerEntry(p); e != nil {
			v.Lifetime, v.Remaining = e.Granted, e.Remaining(now)
			if e.Registered(now) {
				v.CareOf = e.Bound
			}
		}
		views = append(views, v)
	}
	return views
}

// PeerStates are the values of PeerView.State.
func PeerStates() []string {
	return []string{"tunnel", "testing", "registering", "direct", "deleting", "barred"}
}

func (m *Machine) peerState(p *peer, now time.Time) string {
	switch {
	case p.path.careOf.IsValid():
		return "direct"
	case p.barred.After(now):
		return "barred"
	case p.target.IsValid() && p.target == p.home.addr():
		return "deleting"
	case p.homeTest.running() || p.careOfTest.running():
		return "testing"
	case !p.due.IsZero():
		return "registering"
	}
	return "tunnel"
}

// age is how long ago a token came; negative: there is none.
func (t *token) age(now time.Time) time.Duration {
	if t.got.IsZero() {
		return -1
	}
	return now.Sub(t.got)
}
