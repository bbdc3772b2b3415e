package listener

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/heap"
	"mip6d/internal/mld"
	"mip6d/internal/role"
)

// Counters.
const (
	CountQueries role.Counter = "mld_queries"
)

// node is a mobile node that is away, by one of its home addresses.
type node struct {
	heap.Place
	home    netip.Addr
	ends    ends
	ifindex int // its home link
	groups  map[netip.Addr]*membership

	query   time.Time // the next
	queries int       // since the binding began
	at      time.Time // its turn
}

// Before implements heap.Item. Those whose turn is at one time have it in the order of their
// home addresses: the same past gives the same effects.
func (n *node) Before(other *node) bool {
	if !n.at.Equal(other.at) {
		return n.at.Before(other.at)
	}
	return n.home.Less(other.home)
}

// membership is a group that a node listens to.
type membership struct {
	include bool         // only to sources
	sources []netip.Addr // sorted; more than maxSources are none, and include is false
	until   time.Time
	since   time.Time
	version int // of MLD
}

// Registered tells the machine that a home registration has come into force, moved or was
// renewed. What is due comes with the next Step. One of a virtual home link, where no
// packets to groups arrive, is not asked for its groups.
func (m *Machine) Registered(now time.Time, b role.Binding) {
	n, is := m.nodes[b.HomeAddress], ends{b.HomeAgent, b.CareOf}
	if n != nil && n.ifindex != b.Ifindex {
		m.Ended(b.HomeAddress)
		n = nil
	}
	switch {
	case b.Ifindex == 0:
	case n == nil:
		n = &node{home: b.HomeAddress, ends: is, ifindex: b.Ifindex, query: now, at: now}
		m.nodes[n.home] = n
		m.enter(n)
		m.due.Set(n)
	case n.ends != is:
		m.withdraw(n)
		n.ends = is
		m.enter(n)
	}
}

// Ended tells the machine that a binding has ended, however. What was tunnelled to the
// mobile node has ended with it.
func (m *Machine) Ended(home netip.Addr) {
	n := m.nodes[home]
	if n == nil {
		return
	}
	for g := range n.groups {
		m.unlist(n, g)
	}
	m.withdraw(n)
	m.due.Remove(n)
	delete(m.nodes, home)
}

// enter and withdraw keep the index by tunnel ends.
func (m *Machine) enter(n *node) {
	list := append(m.ends[n.ends], n)
	slices.SortFunc(list, func(a, b *node) int { return a.home.Compare(b.home) })
	m.ends[n.ends] = list
}

func (m *Machine) withdraw(n *node) {
	list := slices.DeleteFunc(m.ends[n.ends], func(x *node) bool { return x == n })
	if m.ends[n.ends] = list; len(list) == 0 {
		delete(m.ends, n.ends)
	}
}

// turn does what is due for a node.
func (m *Machine) turn(n *node) {
	if b, bound := m.p.Binding(n.home); !bound || b.CareOf != n.ends.careOf || b.HomeAgent != n.ends.homeAgent {
		// A binding that is being replaced has ended by its time, but for the kernel.
		m.postpone(n)
		return
	}
	for _, g := range sorted(n.groups) {
		if !n.groups[g].until.After(m.now) {
			m.leave(n, g)
		}
	}
	if !n.query.After(m.now) {
		m.ask(n)
	}
	m.reschedule(n)
}

// postpone comes back to a node without a binding a moment later, when Ended or Registered
// have told what became of it. Its memberships last until it could answer a query then.
func (m *Machine) postpone(n *node) {
	n.query = later(n.query, m.now.Add(time.Second))
	for _, x := range n.groups {
		x.until = later(x.until, n.query.Add(queryResponse))
	}
	m.reschedule(n)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ask sends a general query (§10.4.3: periodically, through the tunnel).
func (m *Machine) ask(n *node) {
	q := mld.Query{MaxResponse: queryResponse, Robustness: robustness, Interval: m.p.QueryInterval}
	wait := m.p.QueryInterval
	if n.queries++; n.queries <= startupQueries {
		q.MaxResponse = startupResponse
		if n.queries < startupQueries {
			wait = min(wait/4, startupMost)
		}
	}
	m.emit(role.SendTunnelled{HomeAgent: n.ends.homeAgent, CareOf: n.ends.careOf, Packet: q.Packet(linkLocal(n.ends.homeAgent))})
	m.count(CountQueries)
	n.query = m.now.Add(wait)
}

// linkLocal is the address on the tunnel, seen as a link, that a node of ours has: MLD
// wants such a source, and nothing depends on its being unique (§10.4.3).
func linkLocal(a netip.Addr) netip.Addr {
	b := a.As16()
	copy(b[:8], []byte{0xfe, 0x80, 0, 0, 0, 0, 0, 0})
	return netip.AddrFrom16(b)
}
