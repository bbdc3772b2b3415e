package ha

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/bce"
	"mip6d/internal/bul"
	"mip6d/internal/role"
)

// Machine is a home agent. It implements role.Machine.
type Machine struct {
	p     Params
	known map[netip.Addr]*MobileNode
	cache bce.Cache // bindings in force
	nodes map[netip.Addr]*node
	asked map[role.ID]*node // who waits for a Done
	dads  map[place][]*node // who waits for a DADDone
	ids   role.ID
	rate  bul.Rate // refusals and Binding Errors

	forgetting []forget // the next to be forgotten first

	// Of the Step in progress.
	now time.Time
	out []role.Effect
}

type place struct {
	ifindex int
	addr    netip.Addr
}

var _ role.Machine = (*Machine)(nil)

// New returns a home agent without bindings.
func New(p Params) *Machine {
	m := &Machine{
		nodes: make(map[netip.Addr]*node),
		asked: make(map[role.ID]*node),
		dads:  make(map[place][]*node),
	}
	m.setParams(p)
	return m
}

func (m *Machine) setParams(p Params) {
	m.p = p.withDefaults()
	m.rate.Max = m.p.MaxAnswers
	m.known = make(map[netip.Addr]*MobileNode, len(m.p.MobileNodes))
	for i := range m.p.MobileNodes {
		mn := &m.p.MobileNodes[i]
		m.known[mn.HomeAddress] = mn
	}
}

// Reconfigured changes the parameters of a running home agent. Bindings that
// are no longer allowed end; the others are not touched.
type Reconfigured struct {
	role.External
	Params Params
}

// Step implements role.Machine.
func (m *Machine) Step(now time.Time, ev role.Event) []role.Effect {
	m.now, m.out = now, nil
	switch ev := ev.(type) {
	case role.MessageIn:
		m.messageIn(ev)
	case role.Done:
		m.done(ev)
	case role.DADDone:
		m.dadDone(ev)
	case role.Restored:
		m.restored(ev)
	case Reconfigured:
		m.reconfigured(ev.Params)
	}
	m.expire()
	out := m.out
	m.out = nil
	return out
}

// Deadline implements role.Machine.
func (m *Machine) Deadline() time.Time {
	next := m.cache.Next()
	if len(m.forgetting) > 0 {
		if at := m.forgetting[0].at; next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

func (m *Machine) emit(effects ...role.Effect) { m.out = append(m.out, effects...) }

func (m *Machine) count(c role.Counter) { m.emit(role.Count{Counter: c}) }

// ask gives an effect a number under which its node hears of its end.
func (m *Machine) ask(n *node) role.ID {
	m.ids++
	m.asked[m.ids] = n
	return m.ids
}

func (m *Machine) done(ev role.Done) {
	if n := m.asked[ev.ID]; n != nil {
		delete(m.asked, ev.ID)
		m.kernelDone(n, ev.ID, ev.Err)
	}
}

// reconfigured ends the bindings that new parameters do not allow.
func (m *Machine) reconfigured(p Params) {
	m.setParams(p)
	for _, b := range slices.Collect(m.cache.All()) { // ending one changes the cache
		if m.serves(b.HomeAddress) {
			continue
		}
		m.emit(role.Notice{
			Kind: role.NoticeBindingDeleted, HoA: b.HomeAddress, CoA: b.CareOf, HA: b.HomeAgent, Ifindex: b.Ifindex,
			Sequence: b.Sequence, Warn: true, Text: "no longer allowed by the configuration",
		})
		m.end(b)
	}
}

// serves says whether a home address may be bound here at all.
func (m *Machine) serves(home netip.Addr) bool {
	_, _, onLink := m.p.link(home)
	return onLink && (m.known[home] != nil || m.p.AllowUnauthenticated)
}

// restored brings bindings of an earlier run into force again.
func (m *Machine) restored(ev role.Restored) {
	for _, b := range ev.Bindings {
		if !b.Expires.After(m.now) || !m.serves(b.HomeAddress) {
			continue
		}
		n := m.node(b.HomeAddress)
		n.learn(b.Sequence, b.ReplayStamp)
		m.cache.Set(b)
		m.emit(role.SetBinding{Binding: b})
	}
}
