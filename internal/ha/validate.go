package ha

import (
	"net/netip"

	"mip6d/internal/bce"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// bindingUpdate validates a Binding Update. Whose it is comes before everything
// that is answered: a status for a message that anybody may have made would
// tell strangers, and mobile nodes in their name, what is none of their
// business.
func (m *Machine) bindingUpdate(ev role.MessageIn, bu *mh.BindingUpdate) {
	r := newRequest(ev, bu)
	switch {
	case !unicast(r.home) || m.p.isOurs(r.home):
		m.count(role.CountBadHomeAddress)
		return
	case !unicast(r.src): // nobody to answer
		m.count(role.CountBadCareOf)
		return
	}
	if _, nonces := mh.Find[mh.NonceIndices](bu.Options); nonces && bu.Home {
		m.count(role.CountMalformed) // return routability protects no home registration (§9.5.1)
		return
	}
	r.mn = m.known[r.home]
	_, _, onLink := m.p.link(r.home)
	if r.direct && !onLink && r.mn == nil {
		// Neither an option nor the home address itself (§10.3.1).
		m.count(role.CountNoHomeAddress)
		return
	}
	if !m.authentic(r) {
		return
	}
	n := m.node(r.home)
	if last, known := n.lastSequence(); known && !bce.Later(bu.Sequence, last) {
		m.count(role.CountSequence)
		m.refuse(r, mh.StatusSequenceOutOfWindow)
		return
	}
	bound := n.busyOrBound(m)
	switch {
	case !bu.Home && bound:
		m.count(role.CountRefused)
		m.refuse(r, mh.StatusRegistrationTypeChange)
		return
	case !bu.Home:
		m.count(role.CountNotForUs) // to a correspondent node
		return
	case !onLink:
		m.count(role.CountRefused)
		m.refuse(r, mh.StatusNotHomeSubnet)
		return
	}
	if r.delete() {
		if bu.Lifetime > 0 {
			// Care-of address and home address the same: RFC 3775 had it
			// as a de-registration, RFC 6275 does not. Never a binding.
			m.count(role.CountBadCareOf)
			return
		}
		if !bound {
			m.count(role.CountRefused)
			n.learn(bu.Sequence, r.stamp)
			m.refuse(r, mh.StatusNotHomeAgent) // §10.3.2
			return
		}
		m.accept(n, r)
		return
	}
	if !m.goodCareOf(r) {
		m.count(role.CountBadCareOf)
		return
	}
	if !bound && m.cache.Len() >= m.p.MaxBindings {
		m.count(role.CountRefused)
		m.refuse(r, mh.StatusInsufficientResources)
		return
	}
	m.accept(n, r)
}

// goodCareOf: a unicast address that packets can be tunnelled to, and none that
// would make them come back to us (§9.5.1, §6.1.7).
func (m *Machine) goodCareOf(r *request) bool {
	if !unicast(r.careOf) || r.direct || m.p.isOurs(r.careOf) {
		return false
	}
	_, home := m.cache.Get(r.careOf)
	return !home
}

// unicast: a routable unicast address.
func unicast(a netip.Addr) bool {
	return a.Is6() && !a.Is4In6() && a.IsGlobalUnicast()
}
