package cn

import (
	"io"
	"time"

	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// Machine is a correspondent node. It implements role.Machine.
type Machine struct {
	p      Params
	rand   io.Reader
	nonces rr.Nonces
	cache  cache
	asked  map[role.ID]*entry // who waits for a Done
	ids    role.ID

	answers, errors, refusals limiter
	salt                      uint64 // of their hash

	// Of the Step in progress.
	now   time.Time
	out   role.Room
	tests []byte // room for the next Home and Care-of Tests
}

var _ role.Machine = (*Machine)(nil)

// New returns a correspondent node without bindings. Node keys and nonces come
// from rand, which must be good and must not fail (RFC 6275 §5.2.1).
func New(p Params, rand io.Reader) *Machine {
	m := &Machine{p: p.withDefaults(), rand: rand, asked: make(map[role.ID]*entry)}
	m.answers.each, m.answers.all = maxToOne, maxAnswers
	m.errors.each, m.errors.all = maxToOne, maxErrors
	m.refusals.each, m.refusals.all = maxToOne, maxRefusals
	m.cache.init()
	return m
}

// Step implements role.Machine.
func (m *Machine) Step(now time.Time, ev role.Event) []role.Effect {
	m.now = now
	m.out.Begin()
	switch ev := ev.(type) {
	case role.MessageIn:
		m.messageIn(ev)
	case role.Done:
		m.done(ev)
	case role.UnknownHomeAddress:
		m.unknownHomeAddress(ev)
	case role.TrafficSeen:
		m.trafficSeen(ev)
	case role.ICMPIn:
		m.icmpIn(ev)
	case Reconfigured:
		m.reconfigured(ev.Params)
	case role.Stop:
		m.stop()
		return m.out.End()
	}
	m.work()
	return m.out.End()
}

// Deadline implements role.Machine.
func (m *Machine) Deadline() time.Time { return m.cache.next() }

func (m *Machine) emit(e role.Effect) { m.out.Emit(e) }

func (m *Machine) count(c role.Counter) { m.out.Count(c) }

func (m *Machine) id() role.ID {
	m.ids++
	return m.ids
}

// work does what the time has come for.
func (m *Machine) work() {
	for {
		e := m.cache.due(m.now)
		if e == nil {
			return
		}
		m.turn(e)
	}
}

// turn does the next thing about one entry, which moves its time on or ends it.
func (m *Machine) turn(e *entry) {
	switch {
	case !e.bound && e.current == nil:
		m.cache.remove(e) // nothing of it can be replayed any more
	case e.bound && !e.expires.After(m.now):
		m.end(e, role.NoticeBindingExpired, "binding expired")
	case e.bound:
		m.refresh(e)
	default:
		m.cache.schedule(e, time.Time{}) // until the kernel answers
	}
}

// reconfigured ends what is no longer permitted.
func (m *Machine) reconfigured(p Params) {
	p.HomeAgent, p.HomeRegistered = m.p.HomeAgent, m.p.HomeRegistered // of the wiring
	p.Registered, p.Ended, p.Renewed = m.p.Registered, m.p.Ended, m.p.Renewed
	m.p = p.withDefaults()
	for _, e := range m.cache.sorted() {
		if e.bound && !m.p.Policy.Permits(e.pair.Peer) {
			m.end(e, role.NoticeBindingDeleted, "the configuration no longer permits it")
		}
	}
	m.shrink()
}

// stop ends all bindings: none must outlive its keeper.
func (m *Machine) stop() {
	for _, e := range m.cache.sorted() {
		if e.bound || e.current != nil {
			m.emit(role.ClearDirect{Pair: e.pair, Side: role.Theirs})
		}
	}
}
