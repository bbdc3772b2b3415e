package ha

import (
	"iter"
	"net/netip"
	"slices"

	"mip6d/internal/role"
)

// Bindings returns the bindings in force, by home address.
func (m *Machine) Bindings() []role.Binding {
	all := slices.Collect(m.cache.All())
	slices.SortFunc(all, func(a, b role.Binding) int { return a.HomeAddress.Compare(b.HomeAddress) })
	return all
}

// Len says how many bindings are in force.
func (m *Machine) Len() int { return m.cache.Len() }

// All are the bindings in force, in no order.
func (m *Machine) All() iter.Seq[role.Binding] { return m.cache.All() }

// Binding returns the binding of a home address.
func (m *Machine) Binding(home netip.Addr) (role.Binding, bool) { return m.cache.Get(home) }

// Registered says whether a home address has a home registration with an address
// of ours.
func (m *Machine) Registered(local, home netip.Addr) bool {
	b, ok := m.cache.Get(home)
	return ok && b.HomeAgent == local
}

// Detecting returns the home addresses whose duplicate address detection runs.
func (m *Machine) Detecting() []netip.Addr {
	var all []netip.Addr
	for _, n := range m.atWork() {
		if n.phase == detecting {
			all = append(all, n.home)
		}
	}
	return all
}

// Authenticates says what Binding Updates for a home address need: a key (RFC 4285),
// and to have come through IPsec.
func (m *Machine) Authenticates(home netip.Addr) (key, ipsec bool) {
	mn := m.known.Find(home)
	return mn != nil && mn.Auth != nil, mn != nil && mn.SA != 0
}

// Above returns the home addresses of the mobile routers behind which a mobile
// node is, the nearest first: packets for it go through the tunnel of each.
func (m *Machine) Above(home netip.Addr) []netip.Addr {
	b, ok := m.cache.Get(home)
	if !ok {
		return nil
	}
	var list []netip.Addr
	for x := range m.above(b.CareOf) {
		list = append(list, x.HomeAddress)
	}
	return list
}
