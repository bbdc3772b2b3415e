package cn

import (
	"net/netip"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// acknowledge sends a Binding Acknowledgement with an authenticator (§9.5.4).
func (m *Machine) acknowledge(r *request, status mh.Status, sequence uint16, lifetime time.Duration) {
	ba := &mh.BindingAcknowledgement{Status: status, Sequence: sequence, Lifetime: lifetime}
	ba.Options = unauthenticated
	raw, err := mh.Marshal(ba)
	if err != nil {
		return // it always fits
	}
	var room [usualLen]byte
	covered := mh.AppendCovered(room[:], raw, mh.OptionBindingAuthorizationData, 0)
	mac := rr.Authenticator(r.kbm[:], r.covered, r.pair.Local, covered)
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionBindingAuthorizationData, 0):], mac[:])
	s := r.answer()
	mh.SetChecksum(raw, s.Src, r.pair.Peer)
	s.Raw = raw
	m.emit(s)
}

// unauthenticated is the option into which an authenticator is written then.
var unauthenticated = mh.Options{mh.BindingAuthorizationData{}}

// acknowledgePlainly sends one without an authenticator: there is no key.
func (m *Machine) acknowledgePlainly(r *request, status mh.Status) {
	m.send(r.answer(), r.pair.Peer, &mh.BindingAcknowledgement{Status: status, Sequence: r.bu.Sequence})
}

// answer goes to where the Binding Update came from on the wire, and not where
// the Binding Cache says (§9.5.4).
func (r *request) answer() role.Send {
	s := role.Send{Src: r.pair.Local, Dst: r.src}
	if r.option {
		s.RoutingHome = r.pair.Peer
	}
	return s
}

// refuse answers an authentic request; also where no answer was asked for
// (§9.5.4).
func (m *Machine) refuse(r *request, status mh.Status, sequence uint16) {
	if m.limited(&m.refusals, r.src) {
		return
	}
	m.acknowledge(r, status, sequence, 0)
	m.emit(role.Notice{Kind: role.NoticeBindingRefused, HoA: r.pair.Peer, CoA: r.careOf, Peer: r.pair.Local,
		Sequence: r.bu.Sequence, Status: status, HasStatus: true, Text: "binding update refused"})
}

// bindingError goes to where the message came from on the wire, never by a
// routing header, and never to what is no unicast address (§9.3.3).
func (m *Machine) bindingError(ev role.MessageIn, status mh.Status) {
	home := netip.IPv6Unspecified()
	if ev.HomeAddress.IsValid() {
		home = ev.HomeAddress
	}
	if !routable(ev.Src) || !routable(ev.Dst) || m.limited(&m.answers, ev.Src) {
		return
	}
	m.send(role.Send{Src: ev.Dst, Dst: ev.Src}, ev.Src, &mh.BindingError{Status: status, HomeAddress: home})
}

// unknownHomeAddress answers data with a Home Address option for which there is
// no binding (§9.3.1). It may have been on its way while the binding was made.
func (m *Machine) unknownHomeAddress(ev role.UnknownHomeAddress) {
	if m.p.HomeRegistered != nil && m.p.HomeRegistered(ev.Local, ev.HomeAddress) {
		return // signalling with the home agent beside us, which the kernel has no use for
	}
	m.count(role.CountUnknownHoA)
	e := m.cache.get(role.Pair{Local: ev.Local, Peer: ev.HomeAddress})
	if e != nil && e.bound && e.careOf == ev.CareOf || !routable(ev.CareOf) || m.limited(&m.errors, ev.CareOf) {
		return
	}
	m.count(role.CountBindingError)
	m.send(role.Send{Src: ev.Local, Dst: ev.CareOf}, ev.CareOf,
		&mh.BindingError{Status: mh.ErrorUnknownBinding, HomeAddress: ev.HomeAddress})
}
