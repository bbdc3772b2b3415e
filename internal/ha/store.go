package ha

import (
	"net/netip"

	"mip6d/internal/role"
)

// store has the end of a request remembered beyond this run, after the kernel has
// its part and before the mobile node hears of it: a promise outlives us.
func (m *Machine) store(n *node) {
	n.phase = storing
	n.asked = m.ask(n)
	m.emitRegistration(n, n.asked, m.outcome(n))
}

// outcome is what will be known of a node when the request that is being stored has its way.
func (m *Machine) outcome(n *node) role.Registration {
	r := m.registration(n)
	r.Bound, r.Binding = false, role.Binding{}
	if !n.current.delete() {
		r.Bound, r.Binding = true, n.current.granted
	}
	return r
}

// remember has what is known of a node stored, before anything follows from it: what
// is refused as a replay now must be so in the next run. Nobody waits for that; where
// it fails it is tried again.
func (m *Machine) remember(n *node) { m.emitRegistration(n, m.ask(n), m.registration(n)) }

// mendStore makes the store have what the cache says.
func (m *Machine) mendStore(n *node) {
	n.mending = m.ask(n)
	m.emitRegistration(n, n.mending, m.registration(n))
}

func (m *Machine) emitRegistration(n *node, id role.ID, r role.Registration) {
	n.stored = !r.Empty()
	m.emit(role.StoreRegistration{ID: id, Registration: r})
}

func (m *Machine) registration(n *node) role.Registration {
	r := role.Registration{HomeAddress: n.home, Sequence: n.sequence, Sequent: n.sequent, Stamp: n.stamp}
	r.Binding, r.Bound = m.cache.Get(n.home)
	return r
}

// restored goes on from what an earlier run has stored: its bindings come into force
// again, as if this run had acknowledged them, and what it had refused as a replay is
// refused.
func (m *Machine) restored(ev role.Restored) {
	for _, r := range ev.Registrations {
		n := m.node(r.HomeAddress)
		n.stored = true
		n.sequence, n.sequent, n.stamp = r.Sequence, r.Sequent, r.Stamp
		if r.Bound {
			m.restoredBinding(n, r.Binding)
		}
		m.forgetLater(n)
	}
}

func (m *Machine) restoredBinding(n *node, b role.Binding) {
	switch {
	case !b.Expires.After(m.now):
		m.tellExpired(b)
		n.unstored = true
		m.mendStore(n)
		return
	case !m.permits(b) || !m.p.isOurs(b.HomeAgent):
		m.tellBarred(b)
		n.unstored = true
		m.mendStore(n)
		return
	}
	link, _, _ := m.p.link(b.HomeAddress)
	b.Ifindex = link.Ifindex // another one since a reboot
	b.NoRouteOptimization = m.policy(b.HomeAddress).DenyDirect
	if b.Ifindex == 0 {
		b.LinkLocal = netip.Addr{}
	}
	b, _ = m.withPrefix(b)
	if had := b.IPv4HomeAddress; had.IsValid() {
		m.restoreIPv4(&b)
		n.unstored = had != b.IPv4HomeAddress
	}
	m.cache.Set(b)
	m.tellRegistered(b)
	m.mendKernel(n)
}
