package ha

import (
	"net/netip"
	"slices"

	"mip6d/internal/bul"
	"mip6d/internal/role"
)

// node is what is known of one home address. There are as many as mobile nodes, so that its
// fields stand by their size.
type node struct {
	home netip.Addr

	stamp    uint64         // of the last Binding Update that was accepted, RFC 4285 §6; 0: none
	current  *request       // in work
	asked    role.ID        // the Done that current waits for
	next     *request       // accepted while current could not be stopped
	was      *role.Binding  // what current replaces
	probes   map[place]bool // detections for current; true: not ended
	mending  role.ID        // the Done of what sets the kernel right, or the store
	refusals *bul.Rate      // of authentic requests; nil: none yet

	ipv4  [4]byte // lent of the IPv4 pool; all zero: none
	round uint32  // of the reminder by which it is forgotten: what others say is over

	// Of the last Binding Update that was accepted, also of a binding that has ended;
	// next must be later.
	sequence uint16
	sequent  bool

	phase  phase
	making bool // counted in Machine.making

	// What the kernel has may be something else than the cache says: a
	// request failed, or was not answered yet.
	unsure bool

	stored   bool // the store may have something
	unstored bool // and that may be something else than we know

	resting bool // in Machine.resting
}

// phase is what the request in work waits for.
type phase uint8

const (
	idle      phase = iota
	detecting       // duplicate address detection
	setting         // SetBinding
	clearing        // ClearBinding
	storing         // StoreRegistration, after either
)

// node returns what is known of a home address.
func (m *Machine) node(home netip.Addr) *node {
	n := m.nodes[home]
	if n == nil {
		n = &node{home: home}
		m.nodes[home] = n
		m.forgetLater(n)
	}
	return n
}

// lease is the address of the IPv4 pool that a mobile node has, or invalid.
func (n *node) lease() netip.Addr {
	if n.ipv4 == [4]byte{} {
		return netip.Addr{}
	}
	return netip.AddrFrom4(n.ipv4)
}

// refusalRate is that of refusals of authentic requests.
func (n *node) refusalRate() *bul.Rate {
	if n.refusals == nil {
		n.refusals = &bul.Rate{Max: maxRefusals}
	}
	return n.refusals
}

// learn remembers an accepted Binding Update.
func (n *node) learn(sequence uint16, stamp uint64) {
	n.sequence, n.sequent = sequence, true
	if stamp != 0 {
		n.stamp = stamp
	}
}

func (n *node) lastSequence() (uint16, bool) { return n.sequence, n.sequent }

// busyOrBound says whether there is a binding, or one is being made.
func (n *node) busyOrBound(m *Machine) bool {
	return m.cache.Has(n.home) || n.phase == detecting || n.phase == setting || n.phase == storing && !n.current.delete() || n.next != nil && !n.next.delete()
}

// atWork returns the nodes that have a request in work, in the order of their
// home addresses: the same past gives the same effects.
func (m *Machine) atWork() []*node {
	var list []*node
	for _, n := range m.nodes {
		if n.phase != idle {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b *node) int { return a.home.Compare(b.home) })
	return list
}

// accept takes a valid request into work. The latest one wins: one that is still
// being detected for gives way at once, one that is on its way to the kernel
// when that has answered, and so has the store.
func (m *Machine) accept(n *node, r *request) {
	n.learn(r.bu.Sequence, r.stamp)
	if c := n.current; c != nil && !r.delete() && !c.delete() && c.careOf == r.careOf {
		m.count(role.CountRetransmission)
	}
	switch n.phase {
	case setting, clearing, storing:
		n.next = r
	case detecting:
		if r.delete() {
			m.stopDetecting(n)
			m.start(n, r)
			return
		}
		n.current = r
		m.detect(n)
	default:
		m.start(n, r)
	}
}

// start begins with what a request needs first.
func (m *Machine) start(n *node, r *request) {
	n.current, n.was = r, nil
	n.round++
	if old, bound := m.cache.Get(n.home); bound {
		r.before = old
		n.was = &r.before
	}
	m.setMaking(n, !r.delete() && n.was == nil)
	switch {
	case !r.delete():
		n.phase = detecting
		m.detect(n)
	case n.was != nil || n.unsure:
		m.clear(n)
	default:
		m.store(n)
	}
}

// finish goes on with the request that came meanwhile.
func (m *Machine) finish(n *node) {
	n.phase, n.current, n.was, n.asked = idle, nil, nil, 0
	m.setMaking(n, false)
	if r := n.next; r != nil {
		n.next = nil
		m.start(n, r)
		return
	}
	m.forgetLater(n)
}

func (m *Machine) setMaking(n *node, making bool) {
	switch {
	case making && !n.making:
		m.making++
	case !making && n.making:
		m.making--
	}
	n.making = making
}
