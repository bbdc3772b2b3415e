package bul

import (
	"slices"
	"time"
)

// Rate holds the messages of one type to one peer to Max within any second
// (RFC 6275 §11.8 and §11.5.3: MAX_UPDATE_RATE).
type Rate struct {
	Max  int
	sent []time.Time // of the last second, oldest first, at most Max
}

// Next returns the earliest time, not before now, at which one more message may
// leave.
func (r *Rate) Next(now time.Time) time.Time {
	if len(r.sent) < r.Max {
		return now
	}
	// Within a second of the oldest there would be Max+1, so just after.
	if free := r.sent[len(r.sent)-r.Max].Add(time.Second + 1); free.After(now) {
		return free
	}
	return now
}

// Note records that a message left.
func (r *Rate) Note(now time.Time) {
	r.sent = append(r.sent, now)
	if extra := len(r.sent) - r.Max; extra > 0 {
		r.sent = slices.Delete(r.sent, 0, extra)
	}
}
