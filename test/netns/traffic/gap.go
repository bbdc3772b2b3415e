package traffic

import (
	"slices"
	"time"
)

// Gap describes how a stream fared between two moments.
type Gap struct {
	Sent, Lost int
	Largest    time.Duration // between two consecutive replies
	From, To   time.Time     // the largest gap; To is zero when no reply came after From
	FirstReply time.Time     // first reply received at or after the moment asked for; zero: none
}

// Measure looks at the requests sent in [from, to) and at the gaps between
// consecutive replies around them: the last reply before from counts as a
// gap's start, and the first after to as its end. first is the moment from
// which FirstReply is looked for.
func Measure(probes []Probe, from, to, first time.Time) Gap {
	var g Gap
	var replies []time.Time
	for _, p := range probes {
		if !p.Replied.IsZero() {
			replies = append(replies, p.Replied)
		}
		if p.Sent.Before(from) || !p.Sent.Before(to) {
			continue
		}
		g.Sent++
		if p.Replied.IsZero() {
			g.Lost++
		}
	}
	slices.SortFunc(replies, time.Time.Compare)
	for i, r := range replies {
		if !r.Before(first) && g.FirstReply.IsZero() {
			g.FirstReply = r
		}
		if i == 0 || r.Before(from) || !replies[i-1].Before(to) {
			continue
		}
		if d := r.Sub(replies[i-1]); d > g.Largest {
			g.Largest, g.From, g.To = d, replies[i-1], r
		}
	}
	// A stream that ended without a further reply has a gap as long as the rest.
	if n := len(replies); n > 0 && replies[n-1].Before(to) {
		if d := to.Sub(replies[n-1]); d > g.Largest {
			g.Largest, g.From, g.To = d, replies[n-1], time.Time{}
		}
	}
	if len(replies) == 0 {
		g.Largest, g.From = to.Sub(from), from
	}
	return g
}
