package ctl

import (
	"net/netip"
	"time"

	"mip6d/internal/role"
)

// Events is what is kept of the past.
type Events struct {
	// Since: everything that happened after it was kept, but for what is routine.
	Since time.Time `json:"since"`

	// RoutineSince: after it what is routine was kept as well. That is what happens all
	// the time where there are many mobile nodes, such as refreshed bindings; it does
	// not displace the rest.
	RoutineSince time.Time `json:"routine_since"`

	Events []Event `json:"events"` // the oldest first
}

// EventFilter says which of the kept events are wanted. The zero value wants all.
type EventFilter struct {
	Since       time.Time  // that happened then or later
	After       uint64     // with a greater Number
	HomeAddress netip.Addr // of one mobile node
	Last        int        // no more than so many, the newest of them; 0: all
}

func (f EventFilter) wants(e *Event) bool {
	return e.Number > f.After && !e.Time.Before(f.Since) && (!f.HomeAddress.IsValid() || f.HomeAddress == e.HomeAddress)
}

// history is the bounded memory of a Hub.
type history struct {
	notable, routine past
}

// isRoutine: what anybody can cause at will must not displace the rest either.
func isRoutine(kind role.NoticeKind) bool { return kind.Routine() || kind == role.NoticeBindingRefused }

func (h *history) put(e Event) {
	if isRoutine(role.NoticeKind(e.Kind)) {
		h.routine.put(e)
		return
	}
	h.notable.put(e)
}

// events merges both sorts.
func (h *history) events(f EventFilter) Events {
	out := Events{Since: h.notable.since, RoutineSince: h.routine.since, Events: []Event{}}
	for a, b := 0, 0; a < len(h.notable.ring) || b < len(h.routine.ring); {
		var e *Event
		switch {
		case b == len(h.routine.ring), a < len(h.notable.ring) && h.notable.at(a).Number < h.routine.at(b).Number:
			e = h.notable.at(a)
			a++
		default:
			e = h.routine.at(b)
			b++
		}
		if f.wants(e) {
			out.Events = append(out.Events, *e)
		}
	}
	if n := len(out.Events); f.Last > 0 && n > f.Last {
		out.Events = out.Events[n-f.Last:]
	}
	return out
}

// past is a ring of events. It grows to its limit and stays there.
type past struct {
	limit int
	since time.Time // what was dropped happened then or before
	ring  []Event
	first int // the oldest, once the ring is full
}

func (p *past) put(e Event) {
	switch {
	case len(p.ring) < p.limit:
		p.ring = append(p.ring, e)
	case p.limit == 0:
		p.since = e.Time
	default:
		p.since = p.ring[p.first].Time
		p.ring[p.first] = e
		p.first = (p.first + 1) % p.limit
	}
}

// at is the event with i older ones before it.
func (p *past) at(i int) *Event { return &p.ring[(p.first+i)%len(p.ring)] }
