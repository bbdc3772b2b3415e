package cn

import (
	"errors"
	"net/netip"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// messageIn looks at a message in the order of §9.2. A bad checksum gets no
// answer of any kind.
func (m *Machine) messageIn(ev role.MessageIn) {
	home := ev.Src
	if ev.HomeAddress.IsValid() {
		home = ev.HomeAddress
	}
	to := ev.Dst
	if ev.RoutingHome.IsValid() { // we may be mobile as well
		to = ev.RoutingHome
	}
	if !mh.ChecksumOK(ev.Raw, home, to) {
		m.count(role.CountBadChecksum)
		return
	}
	if init, cookie, ok := mh.ReadTestInit(ev.Raw); ok {
		m.testInit(ev, init, cookie)
		return
	}
	msg, err := mh.Parse(ev.Raw)
	if err != nil {
		m.malformed(ev, err)
		return
	}
	switch msg := msg.(type) {
	case *mh.HomeTestInit:
		m.testInit(ev, msg.Type(), msg.Cookie)
	case *mh.CareOfTestInit:
		m.testInit(ev, msg.Type(), msg.Cookie)
	case *mh.BindingUpdate:
		m.bindingUpdate(ev, home, msg)
	default:
		// For a mobile node, or nobody.
	}
}

func (m *Machine) malformed(ev role.MessageIn, err error) {
	var p *mh.ParseError
	switch {
	case !errors.As(err, &p) || p.Answer != mh.AnswerBindingError:
		m.count(role.CountMalformed)
	case !m.p.HomeAgent:
		m.count(role.CountUnknownType)
		m.bindingError(ev, p.Status)
	}
}

// routable: a routable unicast address.
func routable(a netip.Addr) bool { return a.Is6() && !a.Is4In6() && a.IsGlobalUnicast() }
