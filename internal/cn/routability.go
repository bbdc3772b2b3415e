package cn

import (
	"io"
	"net/netip"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// testInit answers a Home or Care-of Test Init (§9.4). The answer is no bigger
// than the question and leaves nothing behind.
func (m *Machine) testInit(ev role.MessageIn, init mh.Type, cookie [8]byte) {
	if len(m.tests) < mh.TestLen {
		m.tests = make([]byte, testsTogether*mh.TestLen)
	}
	raw := (*[mh.TestLen]byte)(m.tests)
	if !m.answerTest(raw, ev, init, cookie) {
		return
	}
	m.tests = m.tests[mh.TestLen:]
	m.count(role.CountTestInit)
	m.emit(role.Send{Src: ev.Dst, Dst: ev.Src, Raw: raw[:]})
}

// testsTogether is for how many tests memory is taken at a time. Who keeps one of them keeps all.
const testsTogether = 16

// answerTest writes the Home or Care-of Test (§9.4.3, §9.4.4). It allocates
// nothing: all that an attacker can make us do for one message is here.
func (m *Machine) answerTest(raw *[mh.TestLen]byte, ev role.MessageIn, init mh.Type, cookie [8]byte) bool {
	nonce, ok := m.testable(ev)
	if !ok {
		return false
	}
	token := nonce.HomeToken(ev.Src)
	if init == mh.TypeCareOfTestInit {
		token = nonce.CareOfToken(ev.Src)
	}
	mh.PutTest(raw, init, nonce.Index, cookie, token)
	mh.SetChecksum(raw[:], ev.Dst, ev.Src)
	return true
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
		defer m.tellRenewed() // after the first use, from which it is good
	}
	return m.nonces.Current(m.now)
}

func (m *Machine) tellRenewed() {
	if m.p.Renewed != nil {
		m.p.Renewed(m.nonces)
	}
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
