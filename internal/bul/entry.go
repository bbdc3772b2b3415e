package bul

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"
)

// maxPending is how many unanswered transmissions an entry remembers. An answer
// to an older one is no longer recognised; with the back-off of §11.8 that is
// an answer minutes late.
const maxPending = 8

// Transmission is one Binding Update as it left.
type Transmission struct {
	Sequence uint16
	CareOf   netip.Addr
	Lifetime time.Duration // the Lifetime field; 0 asks for deletion
	Sent     time.Time
	Stamp    uint64 // RFC 4285 timestamp sent with it; 0: none
	Key      Secret // Kbm of a correspondent's, by which its answer is known (RFC 6275 §5.2.6)
}

// Secret is a key; it is not printed.
type Secret [20]byte

// Format implements fmt.Formatter.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "secret") }

// Entry is what the Binding Update List knows of one peer and home address
// (RFC 6275 §11.1).
type Entry struct {
	Key
	HomeRegistration bool

	// Of the Binding Update last sent.
	CareOf   netip.Addr
	Lifetime time.Duration
	Sequence uint16
	Sent     time.Time

	// Acked says that the Binding Update last sent was accepted.
	Acked bool

	// Bound and BoundUntil are the binding that the peer last acknowledged.
	// It stays in force there when later Binding Updates are lost or refused.
	Bound      netip.Addr
	BoundUntil time.Time
	Granted    time.Duration

	pending []Transmission // unanswered, of the same care-of address, oldest first
	mayHold time.Time      // the last moment at which a pending one can be a binding

	// presumed is until when a binding may be there that we know no more of, such as one of an
	// earlier run.
	presumed time.Time
}

// send records a transmission. A Binding Update with another care-of address
// supersedes the ones before it, whose answers no longer count (§11.1: only the
// most recent Binding Update is in the list).
func (e *Entry) send(t Transmission) {
	if n := len(e.pending); n > 0 {
		if last := e.pending[n-1]; last.CareOf != t.CareOf || (last.Lifetime == 0) != (t.Lifetime == 0) {
			e.pending = e.pending[:0]
		}
	}
	if len(e.pending) == maxPending {
		e.pending = slices.Delete(e.pending, 0, 1)
	}
	e.pending = append(e.pending, t)
	e.CareOf, e.Lifetime, e.Sequence, e.Sent, e.Acked = t.CareOf, t.Lifetime, t.Sequence, t.Sent, false
	until := t.Sent.Add(t.Lifetime)
	if t.Lifetime > 0 && until.After(e.mayHold) {
		e.mayHold = until
	}
	if until.Before(e.BoundUntil) { // if it is accepted, of which we may never hear
		e.suppose(e.BoundUntil)
		e.BoundUntil = until
	}
}

// suppose says that a binding may be there until then, at least.
func (e *Entry) suppose(until time.Time) {
	if until.After(e.presumed) {
		e.presumed = until
	}
}

// Outstanding says whether a Binding Update waits for its answer.
func (e *Entry) Outstanding() bool { return len(e.pending) > 0 }

// Match returns the outstanding Binding Update with a sequence number (§11.7.3).
func (e *Entry) Match(sequence uint16) (Transmission, bool) {
	for _, t := range e.pending {
		if t.Sequence == sequence {
			return t, true
		}
	}
	return Transmission{}, false
}

// Last returns the outstanding Binding Update sent last.
func (e *Entry) Last() (Transmission, bool) {
	if len(e.pending) == 0 {
		return Transmission{}, false
	}
	return e.pending[len(e.pending)-1], true
}

// Accept records an acknowledgement with a status below 128. The binding's
// lifetime counts from the time the Binding Update was sent, and is never more
// than what was asked for: max(L_remain − (L_update − L_ack), 0), §11.7.3. One sent
// after it, whose answer may never come, may have shortened that.
func (e *Entry) Accept(t Transmission, granted time.Duration) {
	granted = min(granted, t.Lifetime)
	e.Acked = true
	e.Bound, e.BoundUntil, e.Granted = t.CareOf, t.Sent.Add(granted), granted
	e.mayHold, e.presumed = time.Time{}, time.Time{}
	for _, later := range e.pending {
		if until := later.Sent.Add(later.Lifetime); Later(later.Sequence, t.Sequence) && until.Before(e.BoundUntil) {
			e.suppose(e.BoundUntil)
			e.BoundUntil = until
		}
	}
	e.pending = e.pending[:0]
}

// Refuse records an acknowledgement with a status of 128 or more: what was
// acknowledged before stays in force at the peer.
func (e *Entry) Refuse() {
	e.pending = e.pending[:0]
	e.mayHold = time.Time{}
}

// Doubt forgets what the peer acknowledged and what it was asked for, but not that it may hold
// a binding of ours.
func (e *Entry) Doubt() {
	e.suppose(e.Until())
	e.pending, e.mayHold = e.pending[:0], time.Time{}
	e.Bound, e.BoundUntil, e.Granted, e.Acked = netip.Addr{}, time.Time{}, 0, false
}

// Until is the last moment at which the peer may hold a binding of ours: the
// acknowledged one, one that is on its way or a presumed one. This is the remaining lifetime of
// §11.1, at whose end the entry is deleted.
func (e *Entry) Until() time.Time {
	until := e.BoundUntil
	for _, t := range []time.Time{e.mayHold, e.presumed} {
		if t.After(until) {
			until = t
		}
	}
	return until
}

// Remaining is the time left until Until, not negative.
func (e *Entry) Remaining(now time.Time) time.Duration {
	return max(e.Until().Sub(now), 0)
}

// Registered says whether the peer acknowledged a binding that has not expired.
func (e *Entry) Registered(now time.Time) bool { return e.BoundUntil.After(now) }
