package cn

import (
	"errors"
	"net/netip"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// maxAnswers bounds what anybody can make us send in a second (RFC 6275
// §9.3.3).
const maxAnswers = 10

// Machine is a correspondent node. It implements role.Machine.
type Machine struct {
	rate bul.Rate
	now  time.Time
	out  []role.Effect
}

var _ role.Machine = (*Machine)(nil)

// New returns a correspondent node.
func New() *Machine { return &Machine{rate: bul.Rate{Max: maxAnswers}} }

// Step implements role.Machine.
func (m *Machine) Step(now time.Time, ev role.Event) []role.Effect {
	m.now, m.out = now, nil
	if ev, ok := ev.(role.MessageIn); ok {
		m.messageIn(ev)
	}
	return m.out
}

// Deadline implements role.Machine: nothing waits for time here.
func (m *Machine) Deadline() time.Time { return time.Time{} }

// messageIn looks at a message in the order of §9.2.
func (m *Machine) messageIn(ev role.MessageIn) {
	home := ev.Src
	if ev.HomeAddress.IsValid() {
		home = ev.HomeAddress
	}
	if ev.RoutingHome.IsValid() || !mh.ChecksumOK(ev.Raw, home, ev.Dst) {
		m.count(role.CountBadChecksum)
		return
	}
	msg, err := mh.Parse(ev.Raw)
	var malformed *mh.ParseError
	switch {
	case errors.As(err, &malformed) && malformed.Answer == mh.AnswerBindingError:
		m.count(role.CountUnknownType)
		m.bindingError(ev, malformed.Status)
	case err != nil:
		m.count(role.CountMalformed)
	default:
		if bu, ok := msg.(*mh.BindingUpdate); ok && bu.Home {
			m.refuse(ev, home, bu)
			return
		}
		m.count(role.CountNotForUs)
	}
}

// refuse tells a mobile node that this is no home agent.
func (m *Machine) refuse(ev role.MessageIn, home netip.Addr, bu *mh.BindingUpdate) {
	m.count(role.CountRefused)
	send := role.Send{Src: ev.Dst, Dst: ev.Src}
	if ev.HomeAddress.IsValid() {
		send.RoutingHome = home
	}
	m.send(send, home, &mh.BindingAcknowledgement{Status: mh.StatusHomeRegistrationNotSupport, Sequence: bu.Sequence})
}

// bindingError goes to where the message came from on the wire, never by a
// routing header (§9.3.3).
func (m *Machine) bindingError(ev role.MessageIn, status mh.Status) {
	home := netip.IPv6Unspecified()
	if ev.HomeAddress.IsValid() {
		home = ev.HomeAddress
	}
	m.send(role.Send{Src: ev.Dst, Dst: ev.Src}, ev.Src, &mh.BindingError{Status: status, HomeAddress: home})
}

// send sends to an address that is one node's, and not too often. to is the
// message's end point.
func (m *Machine) send(s role.Send, to netip.Addr, msg mh.Message) {
	if !s.Dst.IsGlobalUnicast() || !to.IsGlobalUnicast() {
		return
	}
	if m.rate.Next(m.now).After(m.now) {
		m.count(role.CountRateLimited)
		return
	}
	raw, err := mh.Marshal(msg)
	if err != nil {
		return // messages without options always fit
	}
	m.rate.Note(m.now)
	mh.SetChecksum(raw, s.Src, to)
	s.Raw = raw
	m.out = append(m.out, s)
}

func (m *Machine) count(c role.Counter) { m.out = append(m.out, role.Count{Counter: c}) }
