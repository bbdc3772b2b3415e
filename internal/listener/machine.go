package listener

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/heap"
	"mip6d/internal/role"
)

// Machine keeps the groups of mobile nodes that are away. It implements role.Machine.
type Machine struct {
	p      Params
	nodes  map[netip.Addr]*node // by home address
	ends   map[ends][]*node     // by the ends of the tunnel, in the order of home addresses
	groups map[groupKey]int     // how many nodes listen
	due    heap.Heap[*node]

	// Of the Step in progress.
	now time.Time
	out []role.Effect
}

// ends are those of a tunnel.
type ends struct{ homeAgent, careOf netip.Addr }

// groupKey is a group on a home link.
type groupKey struct {
	ifindex int
	group   netip.Addr
}

var _ role.Machine = (*Machine)(nil)

// New returns a machine that knows nobody.
func New(p Params) *Machine {
	return &Machine{
		p: p.withDefaults(), nodes: make(map[netip.Addr]*node), ends: make(map[ends][]*node), groups: make(map[groupKey]int),
	}
}

// Reconfigured changes the parameters of a running machine.
type Reconfigured struct {
	role.External
	Params Params
}

// Heard is a packet that came out of a tunnel and is, by its looks, from a multicast
// listener. Nobody has checked anything.
type Heard struct {
	role.External
	HomeAgent, CareOf netip.Addr // the tunnel's ends: destination and source of the outer header
	Packet            []byte     // the inner packet
}

// Step implements role.Machine.
func (m *Machine) Step(now time.Time, ev role.Event) []role.Effect {
	m.now, m.out = now, nil
	switch ev := ev.(type) {
	case Heard:
		m.heard(ev)
	case Reconfigured:
		m.reconfigured(ev.Params)
	}
	for {
		n, ok := m.due.First()
		if !ok || n.at.After(now) {
			break
		}
		m.turn(n)
	}
	out := m.out
	m.out = nil
	return out
}

// Deadline implements role.Machine.
func (m *Machine) Deadline() time.Time {
	if n, ok := m.due.First(); ok {
		return n.at
	}
	return time.Time{}
}

// reconfigured ends what is not allowed any more. Fewer groups are enforced as reports
// come.
func (m *Machine) reconfigured(p Params) {
	m.p = p.withDefaults()
	for _, home := range sorted(m.nodes) {
		n := m.nodes[home]
		for _, g := range sorted(n.groups) {
			if !m.p.carries(g) {
				m.leave(n, g)
			}
		}
		n.query = earlier(n.query, m.now.Add(m.p.QueryInterval))
		m.reschedule(n)
	}
}

func (m *Machine) emit(e role.Effect) { m.out = append(m.out, e) }

func (m *Machine) count(c role.Counter) { m.emit(role.Count{Counter: c}) }

// sorted are the keys of a map in their order: the same past gives the same effects.
func sorted[T any](m map[netip.Addr]T) []netip.Addr {
	return slices.SortedFunc(maps.Keys(m), netip.Addr.Compare)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// reschedule sets when a node has its turn: for its next query, or the end of a
// membership.
func (m *Machine) reschedule(n *node) {
	n.at = n.query
	for _, x := range n.groups {
		n.at = earlier(n.at, x.until)
	}
	m.due.Set(n)
}
