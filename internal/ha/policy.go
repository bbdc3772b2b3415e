package ha

import (
	"net/netip"

	"mip6d/internal/lpm"
)

// setPolicies makes the table of the policies. Of two for a prefix the first counts.
func (m *Machine) setPolicies() {
	m.policies = lpm.Table[Policy]{}
	for _, x := range m.p.Policies {
		if _, there := m.policies.Get(x.Prefix); !there {
			m.policies.Set(x.Prefix, x)
		}
	}
}

// policy returns that of a home address: of the longest prefix that holds it. However many there
// are, it costs the same, as each registration asks for it.
func (m *Machine) policy(home netip.Addr) Policy {
	if x, ok := m.policies.Longest(home); ok {
		return x
	}
	return Policy{Deny: m.p.DenyByDefault}
}
