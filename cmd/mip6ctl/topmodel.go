package main

import (
	"maps"
	"slices"
	"time"

	"mip6d/internal/ctl"
)

// sample is what mip6d answered at one moment.
type sample struct {
	at       time.Time
	took     time.Duration // to answer
	status   ctl.Status
	bindings []ctl.Binding
	updates  []ctl.BindingUpdate
	counters map[string]uint64
	err      error
}

// rate is how fast a counter grows.
type rate struct {
	name      string
	perSecond float64
	total     uint64
}

const (
	topEvents = 200             // that are remembered
	topWindow = 5 * time.Minute // over which handovers are counted
)

// top is what the terminal view shows. It is changed by samples, events and keys, and
// reads no clock.
type top struct {
	now    sample
	before sample
	events []ctl.Event // the latest last
	moves  []time.Time // handovers of late

	width, height int
	sort          int  // index of a key of topKeys
	down          bool // the largest first
	paused        bool
	scroll        int
}

// topKeys are what bindings can be sorted by, with s.
var topKeys = bindingLister.keys

// take accepts an answer. One that failed is shown, beside what was known.
func (t *top) take(s sample) {
	if s.err != nil {
		t.now.err = s.err
		return
	}
	if t.paused {
		return
	}
	t.before, t.now = t.now, s
}

// happened accepts an event.
func (t *top) happened(e ctl.Event) {
	if t.events = append(t.events, e); len(t.events) > topEvents {
		t.events = slices.Delete(t.events, 0, len(t.events)-topEvents)
	}
	if isHandover(e) {
		t.moves = append(t.moves, e.Time)
	}
}

// isHandover: at a home agent or a correspondent node, and at a mobile node.
func isHandover(e ctl.Event) bool { return e.Kind == "binding_moved" || e.Kind == "care_of_ready" }

// handovers counts those of the last minutes.
func (t *top) handovers() int {
	from := t.now.at.Add(-topWindow)
	t.moves = slices.DeleteFunc(t.moves, func(at time.Time) bool { return at.Before(from) })
	return len(t.moves)
}

// rates are those of the counters that grow, the fastest first.
func (t *top) rates() []rate {
	seconds := t.now.at.Sub(t.before.at).Seconds()
	if t.before.at.IsZero() || seconds <= 0 || t.now.status.Since != t.before.status.Since {
		return nil // the first sample, or the first of another run
	}
	var list []rate
	for _, name := range slices.Sorted(maps.Keys(t.now.counters)) {
		n, was := t.now.counters[name], t.before.counters[name]
		if n > was {
			list = append(list, rate{name, float64(n-was) / seconds, n})
		}
	}
	slices.SortStableFunc(list, func(a, b rate) int {
		switch {
		case a.perSecond > b.perSecond:
			return -1
		case a.perSecond < b.perSecond:
			return 1
		}
		return 0
	})
	return list
}

// press does what a key means, and says whether it is the end.
func (t *top) press(key string) (quit bool) {
	switch key {
	case "q", "esc", "ctrl+c":
		return true
	case "s":
		t.sort = (t.sort + 1) % len(topKeys)
	case "r":
		t.down = !t.down
	case "p", "space", " ":
		t.paused = !t.paused
	case "down", "j":
		t.scroll++
	case "up", "k":
		t.scroll--
	case "pgdown":
		t.scroll += t.room()
	case "pgup":
		t.scroll -= t.room()
	case "home", "g":
		t.scroll = 0
	}
	t.scroll = max(0, min(t.scroll, t.rows()-1))
	return false
}

// rows is how many lines the list has.
func (t *top) rows() int { return len(t.now.bindings) + len(t.now.updates) }

// sorted are the bindings in the order that is wanted.
func (t *top) sorted() []ctl.Binding {
	list := slices.Clone(t.now.bindings)
	slices.SortStableFunc(list, func(a, b ctl.Binding) int {
		if t.down {
			a, b = b, a
		}
		return topKeys[t.sort].compare(a, b)
	})
	return list
}
