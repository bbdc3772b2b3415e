package bul

import (
	"net/netip"
	"slices"
	"time"
)

// Key names an entry: one per peer and home address.
type Key struct {
	Peer        netip.Addr // home agent or correspondent node
	HomeAddress netip.Addr
}

// List is a Binding Update List. The zero value is empty and ready.
type List struct {
	entries []*Entry // in order of creation, which is the order of printing

	// sequences outlive their entries: a peer may remember the last sequence
	// number longer than we remember the binding (§9.5.1, §10.3.2).
	sequences map[Key]uint16
}

// Seed sets the last sequence number used towards a peer. Without it the first
// one is 1; a node without memory of its past had better start at random and
// let a Binding Acknowledgement 135 correct it (§11.7.1).
func (l *List) Seed(k Key, sequence uint16) {
	if l.sequences == nil {
		l.sequences = make(map[Key]uint16)
	}
	l.sequences[k] = sequence
	if e := l.Get(k); e != nil {
		e.Sequence = sequence
	}
}

// Adopt takes over the sequence number that a peer has accepted last, from an
// acknowledgement with status 135 (§11.7.3), unless we have sent a later one
// meanwhile: no number may be used twice (§11.7.2), and one whose acknowledgement
// was on its way for long is no news.
func (l *List) Adopt(k Key, sequence uint16) {
	if Later(sequence, l.sequences[k]) {
		l.Seed(k, sequence)
	}
}

// Get returns an entry or nil.
func (l *List) Get(k Key) *Entry {
	for _, e := range l.entries {
		if e.Key == k {
			return e
		}
	}
	return nil
}

// Send takes the next sequence number, modulo 2^16 and greater than any before
// it (§11.8), and records a Binding Update in the entry, made if need be. It
// returns the transmission with its number.
func (l *List) Send(k Key, home bool, t Transmission) Transmission {
	e := l.ensure(k, home)
	t.Sequence = l.sequences[k] + 1
	l.Seed(k, t.Sequence)
	e.send(t)
	return t
}

// Presume makes an entry for a binding that an earlier run may have left at a
// home agent, so that it can be de-registered.
func (l *List) Presume(k Key, until time.Time) {
	l.ensure(k, true).presumed = until
}

// Restore makes the entry of a binding that an earlier run has left: acknowledged
// until then where granted says for how long, else one that may be there.
func (l *List) Restore(k Key, home bool, careOf netip.Addr, until time.Time, granted time.Duration) {
	e := l.ensure(k, home)
	e.CareOf = careOf
	if granted > 0 {
		e.Bound, e.BoundUntil, e.Granted, e.Lifetime = careOf, until, granted, granted
	} else {
		e.presumed = until
	}
}

func (l *List) ensure(k Key, home bool) *Entry {
	e := l.Get(k)
	if e == nil {
		e = &Entry{Key: k, HomeRegistration: home, Sequence: l.sequences[k]}
		l.entries = append(l.entries, e)
	}
	return e
}

// Sequence is the last sequence number used towards a peer.
func (l *List) Sequence(k Key) uint16 { return l.sequences[k] }

// Remove deletes an entry; its sequence number stays.
func (l *List) Remove(k Key) {
	l.entries = slices.DeleteFunc(l.entries, func(e *Entry) bool { return e.Key == k })
}

// Numbered says whether a sequence number is remembered.
func (l *List) Numbered(k Key) bool {
	_, ok := l.sequences[k]
	return ok
}

// Forget deletes an entry with its sequence number.
func (l *List) Forget(k Key) {
	l.Remove(k)
	delete(l.sequences, k)
}

// Expire deletes and returns the entries whose remaining lifetime is zero
// (§11.1).
func (l *List) Expire(now time.Time) []*Entry {
	var gone []*Entry
	l.entries = slices.DeleteFunc(l.entries, func(e *Entry) bool {
		if e.Until().After(now) {
			return false
		}
		gone = append(gone, e)
		return true
	})
	return gone
}

// Next is the time at which the first entry expires; zero: never.
func (l *List) Next() time.Time {
	var next time.Time
	for _, e := range l.entries {
		if u := e.Until(); next.IsZero() || u.Before(next) {
			next = u
		}
	}
	return next
}

// All returns the entries, oldest first. They are the list's own.
func (l *List) All() []*Entry { return l.entries }

// Later says whether sequence number a is greater than b, modulo 2^16: one of
// the 32767 numbers after b (§9.5.1).
func Later(a, b uint16) bool { return a != b && a-b < 1<<15 }
