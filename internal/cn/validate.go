package cn

import (
	"net/netip"

	"mip6d/internal/bce"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// request is a Binding Update that is valid as far as it has been looked at.
type request struct {
	pair    role.Pair
	careOf  netip.Addr
	src     netip.Addr // on the wire, where the answer goes
	option  bool       // it had a Home Address option, so the answer has a routing header
	bu      *mh.BindingUpdate
	nonces  mh.NonceIndices
	kbm     [20]byte
	covered netip.Addr // the care-of address in its authenticator
}

// delete says whether the request is to end a binding (§9.5.1).
func (r *request) delete() bool { return r.bu.Lifetime == 0 }

// bindingUpdate validates a Binding Update (§9.5.1). What anybody can make is
// answered only where the RFC has a status for it: expired nonces, and H.
func (m *Machine) bindingUpdate(ev role.MessageIn, home netip.Addr, bu *mh.BindingUpdate) {
	r := request{
		pair: role.Pair{Local: ev.Dst, Peer: home}, careOf: ev.Src, src: ev.Src, option: ev.HomeAddress.IsValid(), bu: bu,
	}
	if ev.RoutingHome.IsValid() {
		r.pair.Local = ev.RoutingHome
	}
	alt, hasAlt := mh.Find[mh.AlternateCareOfAddress](bu.Options)
	if hasAlt {
		r.careOf = alt.CareOf
	}
	nonces, hasNonces := mh.Find[mh.NonceIndices](bu.Options)
	auth, hasAuth := mh.Find[mh.BindingAuthorizationData](bu.Options)
	r.nonces = nonces
	switch {
	case !routable(r.pair.Local):
		m.count(role.CountNotForUs) // a group, or a link-local address (§9.1)
	case !routable(ev.Src):
		m.count(role.CountBadCareOf)
	case !routable(home):
		m.count(role.CountBadHomeAddress)
	case bu.Home && hasNonces:
		m.count(role.CountMalformed)
	case bu.Home:
		m.homeRegistration(&r)
	case !hasNonces:
		m.count(role.CountNoNonces)
	case !hasAuth:
		m.count(role.CountNoAuth)
	case !r.delete() && (!routable(r.careOf) || r.careOf == home || r.careOf == r.pair.Local):
		// Care-of and home address the same was a deletion in RFC 3775. It is
		// none now, and never a binding.
		m.count(role.CountBadCareOf)
	case !m.recognized(&r):
	case !r.authentic(ev.Raw, auth):
		m.count(role.CountBadAuth)
	default:
		kept := r // only here: what anybody can make is not worth an allocation
		m.authorized(&kept)
	}
}

// homeRegistration is for a home agent, which we are not (§10.3.1).
func (m *Machine) homeRegistration(r *request) {
	if m.p.HomeAgent {
		return
	}
	m.count(role.CountRefused)
	if m.limited(&m.answers, r.src) {
		return
	}
	m.acknowledgePlainly(r, mh.StatusHomeRegistrationNotSupport)
}

// recognized looks the nonces up; the care-of nonce index of a deletion is not
// looked at (§9.5.1). It makes the key that they lead to.
func (m *Machine) recognized(r *request) bool {
	home, homeOK := m.nonces.Find(m.now, r.nonces.Home)
	careOf, careOfOK := m.nonces.Find(m.now, r.nonces.CareOf)
	careOfOK = careOfOK || r.delete()
	status := mh.StatusExpiredNonces
	switch {
	case homeOK && careOfOK:
		if r.delete() {
			r.kbm = rr.KbmDelete(home.HomeToken(r.pair.Peer))
		} else {
			r.kbm = rr.Kbm(home.HomeToken(r.pair.Peer), careOf.CareOfToken(r.careOf))
		}
		return true
	case homeOK:
		status = mh.StatusExpiredCareOfNonce
	case careOfOK:
		status = mh.StatusExpiredHomeNonce
	}
	m.count(role.CountExpiredNonces)
	if !m.limited(&m.answers, r.src) {
		m.acknowledgePlainly(r, status)
	}
	return false
}

// authentic verifies the authenticator. That nothing follows the option is the
// codec's to check. In a deletion §6.2.7 has the home address for the care-of
// address and §11.7.2 the one from which it was sent: either will do.
func (r *request) authentic(raw []byte, auth mh.BindingAuthorizationData) bool {
	var room [usualLen]byte
	covered := mh.AppendCovered(room[:], raw, mh.OptionBindingAuthorizationData, 0)
	for _, careOf := range [...]netip.Addr{r.careOf, r.pair.Peer} {
		if rr.Equal(auth.Authenticator[:], rr.Authenticator(r.kbm[:], careOf, r.pair.Local, covered)) {
			r.covered = careOf
			return true
		}
		if !r.delete() {
			break
		}
	}
	return false
}

// usualLen is that of messages of which an authenticator is made without an allocation.
const usualLen = 256

// authorized goes on with a request that its mobile node has made.
func (m *Machine) authorized(r *request) {
	e := m.cache.get(r.pair)
	if e != nil && e.bound {
		m.answered(e)
	}
	switch {
	case e != nil && !bce.Later(r.bu.Sequence, e.sequence):
		m.count(role.CountSequence)
		m.refuse(r, mh.StatusSequenceOutOfWindow, e.sequence)
	case m.p.HomeRegistered != nil && m.p.HomeRegistered(r.pair.Local, r.pair.Peer):
		m.count(role.CountRefused)
		m.refuse(r, mh.StatusRegistrationTypeChange, r.bu.Sequence)
	case !r.delete() && !m.p.Policy.Permits(r.pair.Peer):
		m.count(role.CountRefused)
		m.refuse(r, mh.StatusAdministrativelyProhibited, r.bu.Sequence)
	default:
		m.accept(e, r)
	}
}
