package bul

import "time"

// Backoff times the retransmissions of one message (RFC 6275 §11.8): the
// timeout is doubled at each retransmission until it reaches Max, and stays
// there. The zero value is a Backoff that has not begun.
type Backoff struct {
	Timeout time.Duration // waited after the last transmission
	Max     time.Duration // MAX_BINDACK_TIMEOUT
	Tries   int           // transmissions so far
}

// NewBackoff returns a Backoff whose first timeout is initial.
func NewBackoff(initial, most time.Duration) Backoff {
	return Backoff{Timeout: initial, Max: most}
}

// Next counts one transmission and says how long to wait for its answer.
func (b *Backoff) Next() time.Duration {
	if b.Tries > 0 {
		b.Timeout = min(2*b.Timeout, b.Max)
	}
	b.Tries++
	return b.Timeout
}
