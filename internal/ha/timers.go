package ha

import (
	"time"

	"mip6d/internal/role"
)

// expire ends what time has ended.
func (m *Machine) expire() {
	for {
		b, ok := m.cache.PopExpired(m.now)
		if !ok {
			break
		}
		m.expired(b)
	}
	for len(m.forgetting) > 0 {
		f := m.forgetting[0]
		current := f.node.forgetAt.Equal(f.at)
		if current && f.at.After(m.now) {
			break
		}
		m.forgetting = m.forgetting[1:]
		if current && m.forgettable(f.node) {
			delete(m.nodes, f.node.home)
		}
	}
}

// expired ends a binding whose lifetime is over, unless a request that will
// replace it is on its way to the kernel.
func (m *Machine) expired(b role.Binding) {
	n := m.node(b.HomeAddress)
	if n.phase == setting || n.phase == clearing {
		b.Expires = m.now.Add(clearRetry)
		m.cache.Set(b)
		return
	}
	if n.phase == detecting {
		n.was = nil
	}
	m.emit(role.Notice{
		Kind: role.NoticeBindingExpired, HoA: b.HomeAddress, CoA: b.CareOf, HA: b.HomeAgent, Ifindex: b.Ifindex,
		Sequence: b.Sequence, Text: "binding expired",
	})
	m.end(b)
}

// end takes a binding out of force that nobody asked to end.
func (m *Machine) end(b role.Binding) {
	m.cache.Delete(b.HomeAddress)
	n := m.node(b.HomeAddress)
	n.ending = &b
	m.emit(role.ClearBinding{ID: m.ask(n), HomeAddress: b.HomeAddress})
}

// endDone: what the kernel would not end is tried again.
func (m *Machine) endDone(n *node, err error) {
	b := n.ending
	n.ending = nil
	if b == nil {
		return
	}
	n.torn = err != nil
	if _, bound := m.cache.Get(n.home); err != nil && !bound {
		b.Expires = m.now.Add(clearRetry)
		m.cache.Set(*b)
		return
	}
	m.forgetLater(n)
}

// forgettable says whether nothing is to be remembered of a node: where a
// security association protects against replay by timestamp or by the last
// sequence number, that is remembered for ever.
func (m *Machine) forgettable(n *node) bool {
	_, bound := m.cache.Get(n.home)
	if bound || n.phase != idle || n.ending != nil {
		return false
	}
	mn := m.known[n.home]
	return mn == nil || mn.Auth == nil || mn.Auth.Replay == ReplayNone || !n.sequent
}

// forgetLater lets a node go when its replay guard, which begins now, is over
// (MAX_DELETE_BCE_TIMEOUT).
func (m *Machine) forgetLater(n *node) {
	if m.forgettable(n) {
		n.forgetAt = m.now.Add(maxDeleteTimeout)
		m.forgetting = append(m.forgetting, forget{n, n.forgetAt})
	}
}

// forget is a node that nothing but time keeps. It is void when the node has
// another time by now.
type forget struct {
	node *node
	at   time.Time
}
