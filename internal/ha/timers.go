package ha

import (
	"time"

	"mip6d/internal/role"
)

// reminder is something to do for a node at a time. Each list of them has one
// delay, so that it is in order by itself.
type reminder struct {
	node  *node
	at    time.Time
	round uint32 // of the node, where it is to be forgotten
}

// behindFirst is what is left of a list. An empty one keeps none of its memory, which
// that of all mobile nodes after a restart would be.
func behindFirst(list []reminder) []reminder {
	if len(list) == 1 {
		return nil
	}
	return list[1:]
}

// expire ends what time has ended.
func (m *Machine) expire() {
	for {
		b, ok := m.cache.PopExpired(m.now)
		if !ok {
			break
		}
		m.expired(b)
	}
	for len(m.mending) > 0 && !m.mending[0].at.After(m.now) {
		n := m.mending[0].node
		m.mending = behindFirst(m.mending)
		// While a request is on its way to the kernel, its end decides.
		if n.mending != 0 || n.phase != idle && n.phase != detecting {
			continue
		}
		switch {
		case n.unsure:
			m.mendKernel(n)
		case n.unstored:
			m.mendStore(n)
		}
	}
	for len(m.forgetting) > 0 {
		f := m.forgetting[0]
		current := f.node.round == f.round // it may have another time by now
		if current && f.at.After(m.now) {
			break
		}
		m.forgetting = behindFirst(m.forgetting)
		if current && m.atRest(f.node) {
			m.forget(f.node)
		}
	}
}

// expired ends a binding whose lifetime is over. A request that will replace it
// and is on its way to the kernel may yet do so.
func (m *Machine) expired(b role.Binding) {
	n := m.node(b.HomeAddress)
	switch n.phase {
	case setting, clearing, storing:
		return
	case detecting:
		// For the link-local address; now nobody defends the home address
		// any more either.
		n.was = nil
		m.setMaking(n, true)
		m.tellExpired(b)
		m.end(b.HomeAddress)
		m.detect(n)
	default:
		m.tellExpired(b)
		m.end(b.HomeAddress)
	}
}

// atRest says whether nothing of a node is in force or in work.
func (m *Machine) atRest(n *node) bool {
	return n.phase == idle && !n.unsure && !n.unstored && !m.cache.Has(n.home)
}

// forgetLater lets a node go when its replay guard, which begins now, is over
// (MAX_DELETE_BCE_TIMEOUT).
func (m *Machine) forgetLater(n *node) {
	if m.atRest(n) {
		m.rest(n)
		n.round++
		m.forgetting = append(m.forgetting, reminder{n, m.now.Add(maxDeleteTimeout), n.round})
	}
}

// forget drops what need not be remembered of a node without a binding. Any
// sequence number is right then (RFC 6275 §9.5.1), unless it is the protection
// against replay of its security association; the last timestamp stays where
// that is (RFC 4285 §6: later than all before).
func (m *Machine) forget(n *node) {
	n.round++
	replay := ReplayNone
	if mn := m.known.Find(n.home); mn != nil && mn.Auth != nil {
		replay = mn.Auth.Replay
	} else if mn != nil && mn.SA != 0 {
		replay = ReplaySequence // static keys have no other (RFC 3776 §4.4)
	}
	switch {
	case replay == ReplaySequence && n.sequent:
	case replay == ReplayTimestamp && n.stamp != 0:
		n.sequent = false // the store may keep it: at worst the next run corrects a mobile node
	default:
		m.release(n)
		delete(m.nodes, n.home)
		if n.stored {
			m.emit(role.StoreRegistration{Registration: role.Registration{HomeAddress: n.home}})
		}
	}
}
