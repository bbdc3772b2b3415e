package cn

import (
	"io"
	"net/netip"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// homeTestInit answers a Home Test Init (§9.4.1, §9.4.3). The answer is no bigger
// than the question and leaves nothing behind.
func (m *Machine) homeTestInit(ev role.MessageIn, msg *mh.HomeTestInit) {
	if nonce, ok := m.testable(ev); ok {
		m.test(ev, &mh.HomeTest{NonceIndex: nonce.Index, Cookie: msg.Cookie, Token: nonce.HomeToken(ev.Src)})
	}
}

// careOfTestInit answers a Care-of Test Init (§9.4.2, §9.4.4).
func (m *Machine) careOfTestInit(ev role.MessageIn, msg *mh.CareOfTestInit) {
	if nonce, ok := m.testable(ev); ok {
		m.test(ev, &mh.CareOfTest{NonceIndex: nonce.Index, Cookie: msg.Cookie, Token: nonce.CareOfToken(ev.Src)})
	}
}

// testable returns the nonce for a test. A message with a Home Address option is
// silently ignored (§9.4.1: MUST NOT).
func (m *Machine) testable(ev role.MessageIn) (rr.Nonce, bool) {
	switch {
	case ev.HomeAddress.IsValid() || ev.RoutingHome.IsValid():
		m.count(role.CountTestHomeOption)
		return rr.Nonce{}, false
	case !routable(ev.Src) || !routable(ev.Dst):
		m.count(role.CountBadCareOf)
		return rr.Nonce{}, false
	}
	if m.nonces.Due(m.now) {
		var random rr.Random
		if _, err := io.ReadFull(m.rand, random[:]); err != nil {
			return rr.Nonce{}, false // without a secret there is no proof
		}
		m.nonces.Renew(random)
	}
	return m.nonces.Current(m.now)
}

// test sends a Home or Care-of Test to the address that is tested.
func (m *Machine) test(ev role.MessageIn, msg mh.Message) {
	m.count(role.CountTestInit)
	m.send(role.Send{Src: ev.Dst, Dst: ev.Src}, ev.Src, msg)
}

// send marshals and sends. to is the message's end point: the home address where
// a routing header leads there.
func (m *Machine) send(s role.Send, to netip.Addr, msg mh.Message) {
	raw, err := mh.Marshal(msg)
	if err != nil {
		return // none of ours is too long
	}
	mh.SetChecksum(raw, s.Src, to)
	s.Raw = raw
	m.emit(s)
}
