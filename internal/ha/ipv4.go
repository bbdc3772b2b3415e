package ha

import (
	"net/netip"
	"slices"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// bindIPv4 decides on the IPv4 home addresses that a Binding Update asks for (RFC
// 5555 §4.5): one of them is bound beside the IPv6 home address. The acknowledgement
// answers each; a refusal of one leaves the rest as it is.
func (m *Machine) bindIPv4(n *node, r *request) {
	for _, o := range r.bu.Options {
		o, ok := o.(mh.IPv4HomeAddress)
		if !ok {
			continue
		}
		answer := mh.IPv4AddressAcknowledgement{Addr: o.Addr}
		switch {
		case o.PrefixLen != 32 || o.WantPrefix && !m.renews(n, o.Addr):
			answer.Status = mh.IPv4PrefixUnauthorized
		case r.ipv4.IsValid():
			answer.Status = mh.IPv4Unspecified // one for each IPv6 home address
		default:
			if r.ipv4, answer.Status = m.assign(n, o.Addr); answer.Status.Accepted() {
				answer.Addr, answer.PrefixLen = r.ipv4, 32
			}
		}
		r.ipv4Answers = append(r.ipv4Answers, answer)
	}
}

// renews says whether an IPv4 home address is bound already: then P "must be ignored"
// (§3.1.1).
func (m *Machine) renews(n *node, a netip.Addr) bool {
	b, bound := m.cache.Get(n.home)
	return bound && a.Is4() && b.IPv4HomeAddress == a
}

// assign finds the IPv4 home address for who asks for one, or for any (0.0.0.0, §2.5): the
// configured one; else one of the pool, which stays a mobile node's while anything is
// known of it. One that has none and names a free address of the pool gets it: after our
// restart it is the one it had.
func (m *Machine) assign(n *node, asked netip.Addr) (netip.Addr, mh.IPv4Status) {
	anyone := asked.IsUnspecified()
	if !anyone && !unicast4(asked) {
		return netip.Addr{}, mh.IPv4Invalid
	}
	if mn := m.known.Find(n.home); mn != nil && mn.NoIPv4 {
		return netip.Addr{}, mh.IPv4Prohibited
	}
	own := m.configuredIPv4(n.home)
	if !own.IsValid() {
		if !n.lease().IsValid() && anyone && !m.leaseAny(n) {
			return netip.Addr{}, mh.IPv4NoneToAssign
		}
		if !n.lease().IsValid() && m.inPool(asked) && m.spare(asked) {
			m.lease(n, asked)
		}
		own = n.lease()
	}
	if !own.IsValid() || !anyone && asked != own {
		return netip.Addr{}, mh.IPv4Incorrect
	}
	return own, mh.IPv4Accepted
}

// spare says whether nobody has an address of the pool, or only one of whom nothing is
// in force or about to be.
func (m *Machine) spare(a netip.Addr) bool {
	holder := m.leases[a]
	return holder == nil || m.atRest(holder)
}

// unicast4: an address that a host can have (§3.1.1: public or private).
func unicast4(a netip.Addr) bool {
	return a.Is4() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && a.As4()[0] < 240
}

func (m *Machine) configuredIPv4(home netip.Addr) netip.Addr {
	if mn := m.known.Find(home); mn != nil {
		return mn.IPv4HomeAddress
	}
	return netip.Addr{}
}

// permitsIPv4 says whether an IPv4 home address may be bound beside a home address: one
// of the pool, if it is lent to the mobile node, so that no other can have it.
func (m *Machine) permitsIPv4(b role.Binding) bool {
	a := b.IPv4HomeAddress
	if mn := m.known.Find(b.HomeAddress); mn != nil && mn.NoIPv4 {
		return !a.IsValid()
	}
	if configured := m.configuredIPv4(b.HomeAddress); configured.IsValid() {
		return !a.IsValid() || a == configured
	}
	n := m.nodes[b.HomeAddress]
	return !a.IsValid() || n != nil && m.leases[a] == n
}

// inPool says whether an address is one to assign.
func (m *Machine) inPool(a netip.Addr) bool {
	for _, p := range m.p.IPv4Pool {
		if p.Contains(a) {
			return !reserved(p, a) && !m.configured4[a]
		}
	}
	return false
}

// reserved: the first address of a subnet names it, the last is everybody's.
func reserved(p netip.Prefix, a netip.Addr) bool {
	return p.Bits() < 31 && (a == p.Masked().Addr() || !p.Contains(a.Next()))
}

// lease gives a mobile node an address of the pool.
func (m *Machine) lease(n *node, a netip.Addr) {
	if old := m.leases[a]; old != nil {
		old.ipv4 = [4]byte{}
	}
	n.ipv4, m.leases[a] = a.As4(), n
}

// release gives an address back to the pool.
func (m *Machine) release(n *node) {
	if a := n.lease(); a.IsValid() {
		n.ipv4 = [4]byte{}
		delete(m.leases, a)
		if !m.queued4[a] {
			m.queued4[a] = true
			m.freed4 = append(m.freed4, a)
		}
	}
}

// leaseAny takes the next address of the pool that nobody had yet, or the one that was given
// back the longest ago, or where none is, that of the mobile node that is without a
// binding the longest. None of this takes longer for a larger pool or more bindings: each
// address is looked at once, and again when it was given back.
func (m *Machine) leaseAny(n *node) bool {
	for m.unseen4 > 0 {
		m.unseen4--
		if a := m.nextIPv4(); m.inPool(a) && m.leases[a] == nil {
			m.lease(n, a)
			return true
		}
	}
	for len(m.freed4) > 0 {
		a := m.freed4[0]
		m.freed4 = m.freed4[1:]
		delete(m.queued4, a)
		if m.inPool(a) && m.leases[a] == nil {
			m.lease(n, a)
			return true
		}
	}
	for len(m.resting) > 0 {
		holder := m.resting[0]
		m.resting = m.resting[1:]
		holder.resting = false
		if a := holder.lease(); holder != n && a.IsValid() && m.atRest(holder) {
			m.lease(n, a)
			return true
		}
	}
	return false
}

// rest notes that a mobile node has an address of the pool and no binding.
func (m *Machine) rest(n *node) {
	if n.lease().IsValid() && !n.resting {
		n.resting = true
		m.resting = append(m.resting, n)
	}
}

// nextIPv4 goes through the pool, round and round.
func (m *Machine) nextIPv4() netip.Addr {
	i := slices.IndexFunc(m.p.IPv4Pool, func(p netip.Prefix) bool { return p.Contains(m.lastIPv4) })
	if i >= 0 && m.p.IPv4Pool[i].Contains(m.lastIPv4.Next()) {
		m.lastIPv4 = m.lastIPv4.Next()
		return m.lastIPv4
	}
	m.lastIPv4 = m.p.IPv4Pool[(i+1)%len(m.p.IPv4Pool)].Masked().Addr()
	return m.lastIPv4
}

// poolSpan counts the addresses of the pool with those that are not assigned.
func (m *Machine) poolSpan() int {
	n := 0
	for _, p := range m.p.IPv4Pool {
		n += 1 << (32 - p.Bits())
	}
	return n
}

// setPool takes the pool and the configured addresses over.
func (m *Machine) setPool() {
	m.configured4 = make(map[netip.Addr]bool)
	for _, a := range m.p.OwnIPv4 {
		m.configured4[a] = true
	}
	for i := range m.p.MobileNodes {
		if a := m.p.MobileNodes[i].IPv4HomeAddress; a.IsValid() {
			m.configured4[a] = true
		}
	}
	for a, n := range m.leases {
		if !m.inPool(a) || m.configuredIPv4(n.home).IsValid() {
			m.release(n)
		}
	}
	m.unseen4, m.freed4, m.queued4 = m.poolSpan(), nil, make(map[netip.Addr]bool) // all are looked at anew
}

// lend has a mobile node keep what it was given under other parameters, where that is of
// the pool now and nobody else's.
func (m *Machine) lend(b role.Binding) {
	a := b.IPv4HomeAddress
	if !m.configuredIPv4(b.HomeAddress).IsValid() && m.inPool(a) && m.leases[a] == nil {
		if n := m.node(b.HomeAddress); !n.lease().IsValid() {
			m.lease(n, a)
		}
	}
}

// stripIPv4 ends IPv4 home addresses that new parameters do not allow, and leaves
// their bindings as they are otherwise. What is on its way to the kernel is looked at
// when that answers.
func (m *Machine) stripIPv4() {
	for b := range m.cache.All() {
		m.lend(b)
	}
	var strip []role.Binding // the cache must not change while it is walked
	for b := range m.cache.All() {
		if !m.permitsIPv4(b) {
			strip = append(strip, b)
		}
	}
	for _, b := range strip {
		m.emit(role.Notice{
			Kind: role.NoticeBindingRefreshed, HoA: b.HomeAddress, CoA: b.CareOf, HA: b.HomeAgent, Ifindex: b.Ifindex,
			Sequence: b.Sequence, Warn: true, Text: "its IPv4 home address is no longer allowed by the configuration",
		})
		b.IPv4HomeAddress = netip.Addr{}
		m.cache.Set(b)
		m.mend(m.node(b.HomeAddress))
	}
	for _, n := range m.atWork() {
		m.lend(n.current.granted)
		for _, r := range []*request{n.current, n.next} {
			if r != nil && (r == n.next || n.phase == detecting) && !m.permitsIPv4(r.granted) {
				r.granted.IPv4HomeAddress, r.ipv4Answers = netip.Addr{}, nil
			}
		}
	}
}

// restoreIPv4 has a binding of an earlier run keep its IPv4 home address, if it still
// may have it.
func (m *Machine) restoreIPv4(b *role.Binding) {
	if m.lend(*b); !m.permitsIPv4(*b) {
		b.IPv4HomeAddress = netip.Addr{}
	}
}
