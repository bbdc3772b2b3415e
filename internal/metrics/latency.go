package metrics

import (
	"net/netip"
	"time"

	"mip6d/internal/role"
)

// maxWaits bounds what is remembered of Binding Updates without an answer, whoever
// sends them: the oldest are forgotten.
const maxWaits = 8192

// exchange is a Binding Update and its answer.
type exchange struct {
	home, other netip.Addr // the home address, and who binds it
	sequence    uint16
}

func exchangeOf(n role.Notice) exchange {
	e := exchange{home: n.HoA, other: n.HA, sequence: n.Sequence}
	if n.Peer.IsValid() {
		e.other = n.Peer
	}
	return e
}

// waits holds the exchanges under way. The zero value is empty.
type waits struct {
	since map[exchange]begun
	ring  []exchange
	next  int
}

type begun struct {
	at   time.Time
	slot int // in the ring
}

// begin notes an exchange; one with the same numbers begins anew.
func (w *waits) begin(e exchange, now time.Time) {
	if w.since == nil {
		w.since = make(map[exchange]begun)
	}
	if b, ok := w.since[e]; ok {
		w.since[e] = begun{now, b.slot}
		return
	}
	if len(w.ring) < maxWaits {
		w.ring = append(w.ring, e)
		w.since[e] = begun{now, len(w.ring) - 1}
		return
	}
	old := w.ring[w.next]
	if b, ok := w.since[old]; ok && b.slot == w.next {
		delete(w.since, old)
	}
	w.ring[w.next] = e
	w.since[e] = begun{now, w.next}
	w.next = (w.next + 1) % maxWaits
}

// end says how long an exchange took, if its begin was seen.
func (w *waits) end(e exchange, now time.Time) (time.Duration, bool) {
	b, ok := w.since[e]
	delete(w.since, e)
	return now.Sub(b.at), ok
}

// maxHandover is the longest time that is still one handover: what began before had
// nothing to do with its end.
const maxHandover = 5 * time.Minute

// moves follows a mobile node from link to link. The zero value has seen none.
type moves struct {
	links map[int]*arrival
	on    map[netip.Addr]int       // the interface that a home address uses
	lost  map[netip.Addr]time.Time // since when it has none
}

// arrival is what began a handover to an interface.
type arrival struct {
	up, router time.Time
	done       map[netip.Addr]bool // home addresses that have arrived
}

// told follows the notices of links and registrations. end is told each handover that
// has ended, once for each of its beginnings.
func (m *moves) told(n role.Notice, now time.Time, end func(since, to string, took time.Duration)) {
	if m.links == nil {
		m.links, m.on, m.lost = make(map[int]*arrival), make(map[netip.Addr]int), make(map[netip.Addr]time.Time)
	}
	switch n.Kind {
	case role.NoticeLinkUp:
		m.links[n.Ifindex] = &arrival{up: now}
	case role.NoticeRouter:
		if a := m.links[n.Ifindex]; a == nil || !a.router.IsZero() {
			m.links[n.Ifindex] = &arrival{router: now} // another link, without the carrier's being lost
		} else {
			a.router = now
		}
	case role.NoticeLinkDown:
		delete(m.links, n.Ifindex)
		for home, ifindex := range m.on {
			if ifindex == n.Ifindex {
				m.lost[home] = now
				delete(m.on, home)
			}
		}
	case role.NoticeRegistered:
		m.arrived(n, "foreign", now, end)
	case role.NoticeAtHome:
		m.arrived(n, "home", now, end)
	}
}

func (m *moves) arrived(n role.Notice, to string, now time.Time, end func(since, to string, took time.Duration)) {
	a := m.links[n.Ifindex]
	if a == nil || a.done[n.HoA] {
		return // a binding was refreshed
	}
	if a.done == nil {
		a.done = make(map[netip.Addr]bool)
	}
	a.done[n.HoA] = true
	lost := m.lost[n.HoA]
	for _, b := range []struct {
		since string
		at    time.Time
	}{{"link_down", lost}, {"link_up", a.up}, {"router_advertisement", a.router}} {
		// An interface that was there before the one in use was lost did not keep
		// anybody waiting.
		if !b.at.IsZero() && !b.at.Before(lost) && now.Sub(b.at) <= maxHandover {
			end(b.since, to, now.Sub(b.at))
		}
	}
	delete(m.lost, n.HoA)
	m.on[n.HoA] = n.Ifindex
}
