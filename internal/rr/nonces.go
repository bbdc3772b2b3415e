package rr

import "time"

const (
	// MaxTokenLifetime is MAX_TOKEN_LIFETIME (RFC 6275 §12): a token may be
	// used for as long after it was received.
	MaxTokenLifetime = 210 * time.Second
	// MaxNonceLifetime is MAX_NONCE_LIFETIME (RFC 6275 §12): a nonce is not
	// accepted for longer after its first use.
	MaxNonceLifetime = 240 * time.Second

	// nonceUse is how long a nonce makes tokens after its first use, so that
	// the last of them is good for MaxTokenLifetime, too (§5.2.7).
	nonceUse = MaxNonceLifetime - MaxTokenLifetime
	// ringLen nonces, each in use for nonceUse, cover MaxNonceLifetime.
	ringLen = int(MaxNonceLifetime / nonceUse)
)

// Random is what one new nonce takes from a good source of randomness: Kcn, the
// nonce, and where the indices start.
type Random [30]byte

// Nonces holds a correspondent node's current nonce and the earlier ones that are
// still accepted (RFC 6275 §5.2.2, §5.2.7). The zero value is empty and ready.
// New nonces are made only when tokens are wanted: an idle node makes none.
type Nonces struct {
	ring  [ringLen]generation
	count int // how many there have been since the start
}

type generation struct {
	nonce Nonce
	used  time.Time // first use; zero: not yet
	dead  bool      // forgotten before its time
}

// Due says whether Renew is wanted before Current: there is no nonce yet, or the
// latest has made tokens for 30 s.
func (n *Nonces) Due(now time.Time) bool {
	g := n.latest()
	return g == nil || g.dead || !g.used.IsZero() && now.Sub(g.used) >= nonceUse
}

// Renew makes a new current nonce under the next index. The very first index is
// random, so that those of an earlier run of the program are found unknown and
// answered with an error rather than with silence.
func (n *Nonces) Renew(random Random) {
	next := uint16(random[28])<<8 | uint16(random[29])
	if g := n.latest(); g != nil {
		next = g.nonce.Index + 1
	}
	n.ring[n.count%ringLen] = generation{
		nonce: Nonce{Index: next, kcn: [20]byte(random[:20]), value: [8]byte(random[20:28])},
	}
	n.count++
}

// Current returns the nonce with which to make tokens now, and notes its first
// use. It is false when a Renew is due.
func (n *Nonces) Current(now time.Time) (Nonce, bool) {
	if n.Due(now) {
		return Nonce{}, false
	}
	g := n.latest()
	if g.used.IsZero() {
		g.used = now
	}
	return g.nonce, true
}

// Find returns the nonce of an index that came in a Nonce Indices option. It is
// false for an index that is unknown or older than MaxNonceLifetime (status 136,
// 137 or 138).
func (n *Nonces) Find(now time.Time, index uint16) (Nonce, bool) {
	for i := range min(n.count, ringLen) {
		g := &n.ring[i]
		if g.nonce.Index == index && !g.dead && !g.used.IsZero() && now.Sub(g.used) <= MaxNonceLifetime {
			return g.nonce, true
		}
	}
	return Nonce{}, false
}

// Forget has a nonce and all before it accepted no more (RFC 6275 §5.2.8: as a
// last measure where memory is short).
func (n *Nonces) Forget(index uint16) {
	found := false
	for i := range min(n.count, ringLen) { // the latest first
		g := &n.ring[(n.count-1-i)%ringLen]
		found = found || g.nonce.Index == index
		g.dead = g.dead || found
	}
}

// NonceView is what may be shown of a nonce.
type NonceView struct {
	Index     uint16
	Age       time.Duration // since its first use
	Remaining time.Duration // until it is accepted no more
}

// List returns the nonces that Find knows, the latest first.
func (n *Nonces) List(now time.Time) []NonceView {
	var list []NonceView
	for i := range min(n.count, ringLen) {
		g := &n.ring[(n.count-1-i)%ringLen]
		if _, ok := n.Find(now, g.nonce.Index); ok {
			age := now.Sub(g.used)
			list = append(list, NonceView{Index: g.nonce.Index, Age: age, Remaining: MaxNonceLifetime - age})
		}
	}
	return list
}

func (n *Nonces) latest() *generation {
	if n.count == 0 {
		return nil
	}
	return &n.ring[(n.count-1)%ringLen]
}
