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
	if _, nonces := mh.Find[mh.NonceIndices](bu.Options); nonces && !bu.Home {
		m.count(role.CountNotForUs) // authorized by return routability: to a correspondent node
		return
	}
	r := newRequest(m.now, ev, bu)
	r.mn = m.known.Find(r.home)
	if !m.wellFormed(r) || !m.authentic(r) {
		return
	}
	n := m.node(r.home)
	if last, known := n.lastSequence(); known && !bce.Later(bu.Sequence, last) {
		m.refuse(r, mh.StatusSequenceOutOfWindow, role.CountSequence)
		return
	}
	bound := n.busyOrBound(m)
	link, prefix, onLink := m.p.link(r.home)
	switch {
	case bu.Router && !bu.Home: // RFC 3963 §6.2
		m.refuse(r, mh.StatusRouterNotPermitted, role.CountRefused)
	case !bu.Home && bound:
		m.refuse(r, mh.StatusRegistrationTypeChange, role.CountRefused)
	case !bu.Home:
		m.count(role.CountNotForUs) // to a correspondent node
	case !bound && m.p.Correspondent != nil && m.p.Correspondent(r.local, r.home):
		m.refuse(r, mh.StatusRegistrationTypeChange, role.CountRefused)
	case !onLink:
		m.refuse(r, mh.StatusNotHomeSubnet, role.CountRefused)
	case m.p.isOurs(r.home):
		// Anybody's packets to ourselves; only without authentication, or by
		// mistake of the configuration.
		m.refuse(r, mh.StatusAdministrativelyProhibited, role.CountRefused)
	case m.policy(r.home).Deny && !r.delete():
		m.refuse(r, mh.StatusAdministrativelyProhibited, role.CountRefused)
	case r.direct && bu.Lifetime > 0:
		m.count(role.CountNoHomeAddress) // §10.3.1: only an end may be without
	case r.delete() && bu.Lifetime > 0:
		// Care-of address and home address the same: RFC 3775 had it as a
		// de-registration, RFC 6275 does not. Never a binding.
		m.count(role.CountBadCareOf)
	case r.delete() && !bound: // §10.3.2
		n.learn(bu.Sequence, r.stamp)
		m.remember(n)
		m.forgetLater(n)
		m.refuse(r, mh.StatusNotHomeAgent, role.CountRefused)
	case r.delete():
		m.accept(n, r)
	case !m.goodCareOf(r):
		m.count(role.CountBadCareOf)
	case m.drain.on:
		m.leave(n, r)
	case m.changesType(r):
		m.refuse(r, mh.StatusRegistrationTypeChange, role.CountRefused)
	case m.behindItself(r):
		m.refuse(r, mh.StatusReasonUnspecified, role.CountRefused)
	case !bound && m.cache.Len()+m.making >= m.p.MaxBindings:
		m.refuse(r, mh.StatusInsufficientResources, role.CountRefused)
	default:
		if status := m.mobileNetwork(r); status != mh.StatusAccepted {
			m.refuse(r, status, role.CountRefused)
			return
		}
		r.granted = m.binding(r, link, prefix)
		if r.granted.Lifetime == 0 {
			m.refuse(r, mh.StatusNotHomeSubnet, role.CountRefused) // the prefix ends
			return
		}
		m.bindIPv4(n, r)
		r.granted.IPv4HomeAddress = r.ipv4
		r.status = prefix.status(r.granted.Lifetime)
		m.accept(n, r)
	}
}

// wellFormed makes the tests of §9.5.1 and §9.5.4 whose answer is silence.
func (m *Machine) wellFormed(r *request) bool {
	_, _, onLink := m.p.link(r.home)
	_, nonces := mh.Find[mh.NonceIndices](r.bu.Options)
	switch {
	case !unicast(r.src) || m.p.isOurs(r.src):
		m.count(role.CountBadCareOf)
	case !unicast(r.home):
		m.count(role.CountBadHomeAddress)
	case r.direct && !onLink && r.mn == nil:
		// Neither an option nor the home address itself (§10.3.1).
		m.count(role.CountNoHomeAddress)
	case r.bu.Home && nonces:
		m.count(role.CountMalformed)
	default:
		return true
	}
	return false
}

// goodCareOf: a unicast address that packets can be tunnelled to, and none that
// would make them come back to us (§9.5.1, §6.1.7).
func (m *Machine) goodCareOf(r *request) bool {
	if !unicast(r.careOf) || m.p.isOurs(r.careOf) {
		return false
	}
	n := m.nodes[r.careOf]
	return !m.cache.Has(r.careOf) && (n == nil || !n.making)
}

// unicast: a routable unicast address.
func unicast(a netip.Addr) bool {
	return a.Is6() && !a.Is4In6() && a.IsGlobalUnicast()
}
