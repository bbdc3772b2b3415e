package loadgen

import (
	"time"

	"mip6d/internal/heap"
	"mip6d/internal/mh"
)

// How long a mobile node waits for an acknowledgement before it sends again, at
// first; each time twice as long (RFC 6275 §11.8, §12).
const (
	bindackTimeoutFirst = 1500 * time.Millisecond // InitialBindackTimeoutFirstReg
	bindackTimeout      = time.Second             // INITIAL_BINDACK_TIMEOUT
	maxBindackTimeout   = 32 * time.Second        // MAX_BINDACK_TIMEOUT
)

// fleet knows what each mobile node is waiting for.
type fleet struct {
	*Population
	patience time.Duration // a registration not acknowledged for as long is lost
	resend   bool          // retransmit meanwhile
	nodes    []node
	waiting  heap.Heap[*deadline]
	busy     int // how many wait for an acknowledgement
	tally    [kinds]tally
}

// node is one mobile node.
type node struct {
	sequence uint16
	moves    uint32
	try      uint32 // counts transmissions; 0 while it waits for nothing
	last     uint32 // the count at its last transmission ever
	kind     Kind
	timeout  time.Duration // since the last transmission
	due      time.Time     // when the registration was to begin
}

// deadline says when a mobile node has waited long enough for the answer to one
// transmission.
type deadline struct {
	heap.Place
	at   time.Time
	node int
	try  uint32
}

// Before implements heap.Item.
func (d *deadline) Before(other *deadline) bool { return d.at.Before(other.at) }

func newFleet(p *Population, patience time.Duration, resend bool) *fleet {
	return &fleet{Population: p, patience: patience, resend: resend, nodes: make([]node, p.Nodes)}
}

// begin has a mobile node register and returns its packet. due is when that was
// to happen, from which the latency counts: a generator that is late must not
// make a home agent look faster. There is no packet of one whose last registration
// is still under way.
func (f *fleet) begin(now, due time.Time, i int, k Kind) (packet []byte, err error) {
	n := &f.nodes[i]
	if n.try != 0 {
		f.tally[k].skipped++
		return nil, nil
	}
	f.busy++
	f.tally[k].begin(due, now)
	n.kind, n.due, n.timeout = k, due, bindackTimeout
	switch k {
	case First:
		n.timeout = bindackTimeoutFirst
	case CareOfChange:
		n.moves++
	}
	return f.transmit(now, i)
}

// transmit makes a mobile node's next packet, with a sequence number of its own
// (RFC 6275 §11.8).
func (f *fleet) transmit(now time.Time, i int) ([]byte, error) {
	n := &f.nodes[i]
	n.sequence++
	n.last++
	n.try = n.last
	at := now.Add(n.timeout)
	if end := n.due.Add(f.patience); !f.resend || at.After(end) {
		at = end
	}
	f.waiting.Set(&deadline{at: at, node: i, try: n.try})
	u := Update{Node: i, CareOf: f.CareOfAddress(i, n.moves), Sequence: n.sequence, Lifetime: f.Lifetime, At: now}
	if n.kind == Deregister {
		u.Lifetime = 0
	}
	return f.Packet(u)
}

// expired returns the next packet that must be sent again, nil when nobody has
// waited too long any more. Whose patience has ended is counted as lost.
func (f *fleet) expired(now time.Time) (packet []byte, err error) {
	for {
		d, ok := f.waiting.First()
		if !ok || d.at.After(now) {
			return nil, nil
		}
		f.waiting.Remove(d)
		n := &f.nodes[d.node]
		if n.try != d.try {
			continue // answered
		}
		if !now.Before(n.due.Add(f.patience)) {
			f.end(d.node)
			f.tally[n.kind].lost++
			continue
		}
		f.tally[n.kind].retransmitted++
		n.timeout = min(2*n.timeout, maxBindackTimeout)
		return f.transmit(now, d.node)
	}
}

// next is when expired has something to do; zero: nobody waits.
func (f *fleet) next() time.Time {
	if d, ok := f.waiting.First(); ok {
		return d.at
	}
	return time.Time{}
}

func (f *fleet) end(i int) {
	f.nodes[i].try = 0
	f.busy--
}

// answered takes an acknowledgement that came at a time. An answer to anything
// but the last transmission is not for us (RFC 6275 §11.7.3). The packet, if
// there is one, is the next try with the sequence number that the home agent
// wants (status 135).
func (f *fleet) answered(at time.Time, a acknowledgement) (packet []byte, err error) {
	i, ok := f.Index(a.home)
	if !ok {
		return nil, nil
	}
	n := &f.nodes[i]
	t := &f.tally[n.kind]
	if a.status.Accepted() && !a.authenticated {
		t.forged++
		return nil, nil
	}
	behind := int16(n.sequence-a.sequence) <= 0 // modulo 2^16, RFC 6275 §9.5.1
	if n.try != 0 && a.status == mh.StatusSequenceOutOfWindow && behind {
		t.resynchronised++
		n.sequence = a.sequence
		return f.transmit(at, i)
	}
	if n.try == 0 || a.sequence != n.sequence {
		t.stale++
		return nil, nil
	}
	f.end(i)
	t.answer(n.due, at, a.status)
	return nil, nil
}
