package loadgen

import (
	"slices"
	"time"

	"mip6d/internal/mh"
)

// Result tells how one kind of registration fared. Latencies are from the moment
// at which a registration was to begin to the arrival of its acknowledgement,
// retransmissions included. Durations ending in _ms are milliseconds.
type Result struct {
	Kind            Kind              `json:"kind"`
	WantedPerSecond float64           `json:"wanted_per_second,omitempty"` // 0: as fast as they are answered
	PerSecond       float64           `json:"per_second"`                  // accepted
	Begun           int               `json:"begun"`
	Accepted        int               `json:"accepted"`
	Refused         map[mh.Status]int `json:"refused,omitempty"` // by status
	Lost            int               `json:"lost"`              // without any answer, after all retransmissions
	Retransmitted   int               `json:"retransmitted"`
	Resynchronised  int               `json:"resynchronised,omitempty"` // status 135, answered with the right number
	Stale           int               `json:"stale,omitempty"`          // answers to nothing that was under way
	Forged          int               `json:"forged,omitempty"`         // answers without the right authenticator
	Skipped         int               `json:"skipped,omitempty"`        // not begun: the last one was under way
	P50             float64           `json:"p50_ms"`
	P90             float64           `json:"p90_ms"`
	P99             float64           `json:"p99_ms"`
	Max             float64           `json:"max_ms"`
	LateP99         float64           `json:"late_p99_ms"` // how late the generator itself was
}

// Failed is how many did not end with a binding as wanted.
func (r Result) Failed() int { return r.Begun - r.Accepted }

// tally gathers what a Result is made of.
type tally struct {
	begun, lost, retransmitted, resynchronised int
	stale, forged, skipped                     int
	refused                                    map[mh.Status]int
	latencies, late                            []time.Duration
	from, to                                   time.Time // the first to begin, the last acceptance
}

func (t *tally) begin(due, now time.Time) {
	if t.begun == 0 {
		t.from = due
	}
	t.begun++
	t.late = append(t.late, now.Sub(due))
}

func (t *tally) answer(due, at time.Time, s mh.Status) {
	if !s.Accepted() {
		if t.refused == nil {
			t.refused = make(map[mh.Status]int)
		}
		t.refused[s]++
		return
	}
	t.latencies = append(t.latencies, at.Sub(due))
	if at.After(t.to) {
		t.to = at
	}
}

// result computes the figures; false when there was nothing of this kind.
func (t *tally) result(k Kind, rate float64) (Result, bool) {
	if t.begun+t.skipped+t.stale+t.forged == 0 {
		return Result{}, false
	}
	slices.Sort(t.latencies)
	slices.Sort(t.late)
	r := Result{
		Kind: k, WantedPerSecond: rate, Begun: t.begun, Accepted: len(t.latencies), Refused: t.refused, Lost: t.lost,
		Retransmitted: t.retransmitted, Resynchronised: t.resynchronised, Stale: t.stale, Forged: t.forged, Skipped: t.skipped,
		P50: milliseconds(t.latencies, 0.5), P90: milliseconds(t.latencies, 0.9), P99: milliseconds(t.latencies, 0.99),
		Max: milliseconds(t.latencies, 1), LateP99: milliseconds(t.late, 0.99),
	}
	if took := t.to.Sub(t.from); took > 0 {
		r.PerSecond = float64(r.Accepted) / took.Seconds()
	}
	return r, true
}

// milliseconds is a quantile of sorted durations: the smallest that is not
// exceeded by as large a part of them.
func milliseconds(sorted []time.Duration, quantile float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(quantile*float64(len(sorted))+0.9999999) - 1
	d := sorted[min(max(i, 0), len(sorted)-1)]
	return float64(d.Microseconds()) / 1000
}
