package ha

import (
	"net/netip"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// Reconfigured changes the parameters of a running home agent. Bindings that
// are no longer allowed end; the others are not touched.
type Reconfigured struct {
	role.External
	Params Params
}

// reconfigured ends the bindings that new parameters do not allow, and the
// requests that are on their way to one.
func (m *Machine) reconfigured(p Params) {
	m.setParams(p)
	var barred []role.Binding // the cache must not change while it is walked
	for b := range m.cache.All() {
		if !m.permits(b) {
			barred = append(barred, b)
		}
	}
	for _, b := range barred {
		m.tellBarred(b)
		m.end(b.HomeAddress)
	}
	m.shorten()
	var kept []role.Binding
	for b := range m.cache.All() {
		kept = append(kept, b)
	}
	for _, b := range kept {
		m.followPolicy(b)
	}
	m.stripIPv4()
	for _, n := range m.atWork() {
		if m.serves(n.home) && (n.current.delete() || m.permits(n.current.granted)) {
			continue
		}
		n.next, n.was = nil, nil
		if n.phase == detecting {
			r := n.current
			m.stopDetecting(n)
			m.refuse(r, mh.StatusAdministrativelyProhibited, role.CountRefused)
			m.finish(n)
		}
		// What is on its way to kernel or store is looked at when that answers.
	}
}

// shorten has no binding outlive its home prefix (RFC 6275 §10.3.1), whose life
// may have become shorter. The mobile node is not told; its refresh will be granted
// less.
func (m *Machine) shorten() {
	var long []role.Binding // the cache must not change while it is walked
	for b := range m.cache.All() {
		if b, shorter := m.withPrefix(b); shorter {
			long = append(long, b)
		}
	}
	for _, b := range long {
		m.keepShorter(b)
	}
}

// withPrefix has a binding end with its home prefix at the latest.
func (m *Machine) withPrefix(b role.Binding) (_ role.Binding, shorter bool) {
	_, prefix, _ := m.p.link(b.HomeAddress)
	end := m.now.Add(prefix.Valid)
	if shorter = limited(prefix.Valid) && b.Expires.After(end); shorter {
		b.Expires = end
	}
	return b, shorter
}

// keepShorter leaves the store alone where another binding is about to take this one's place.
func (m *Machine) keepShorter(b role.Binding) {
	m.cache.Set(b)
	if n := m.node(b.HomeAddress); n.phase != storing {
		m.remember(n)
	}
}

// followPolicy allows or denies the mobile node of a binding in force route
// optimisation as the policy for it says now.
func (m *Machine) followPolicy(b role.Binding) {
	if deny := m.policy(b.HomeAddress).DenyDirect; deny != b.NoRouteOptimization {
		b.NoRouteOptimization = deny
		m.cache.Set(b)
		m.mend(m.node(b.HomeAddress))
	}
}

// permits says whether a binding may be: its home address, and the mobile network
// behind it.
func (m *Machine) permits(b role.Binding) bool {
	return m.serves(b.HomeAddress) && (!b.MobileRouter || m.authorizes(b.HomeAddress, b.MobilePrefixes))
}

// serves says whether a home address may be bound here at all.
func (m *Machine) serves(home netip.Addr) bool {
	_, _, onLink := m.p.link(home)
	mn := m.known.Find(home)
	return onLink && !m.p.isOurs(home) && !m.policy(home).Deny && (mn != nil && (mn.Auth != nil || mn.SA != 0) || m.p.AllowUnauthenticated)
}
