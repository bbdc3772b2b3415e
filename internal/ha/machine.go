package ha

import (
	"net/netip"
	"time"

	"mip6d/internal/bce"
	"mip6d/internal/bul"
	"mip6d/internal/lpm"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// Machine is a home agent. It implements role.Machine.
type Machine struct {
	p        Params
	known    Roster
	policies lpm.Table[Policy]
	cache    bce.Cache // bindings in force
	nodes    map[netip.Addr]*node
	asked    map[role.ID]*node // who waits for a Done
	dads     map[place][]*node // who waits for a DADDone
	ids      role.ID

	// IPv4 home addresses (RFC 5555).
	configured4 map[netip.Addr]bool  // those of certain mobile nodes, and our own
	leases      map[netip.Addr]*node // those of the pool that are somebody's
	lastIPv4    netip.Addr           // of the pool, that was looked at last
	unseen4     int                  // how many of the pool were not looked at yet
	freed4      []netip.Addr         // that were given back, the longest ago first; they may be lent again
	queued4     map[netip.Addr]bool  // those in freed4
	resting     []*node              // that have one and no binding, the longest first; they may have another one since

	making    int      // nodes on the way to their first binding
	strangers bul.Rate // answers to messages that anybody may have made

	forgetting []reminder // nodes that nothing but time keeps, the next first
	mending    []reminder // nodes whose kernel part is to be set right, the next first

	drain drain

	// Of the Step in progress.
	now time.Time
	out role.Room
	ack mh.BindingAcknowledgement // scratch
}

var _ role.Machine = (*Machine)(nil)

// New returns a home agent without bindings.
func New(p Params) *Machine {
	m := &Machine{
		nodes:  make(map[netip.Addr]*node),
		asked:  make(map[role.ID]*node),
		dads:   make(map[place][]*node),
		leases: make(map[netip.Addr]*node),
	}
	m.setParams(p)
	return m
}

func (m *Machine) setParams(p Params) {
	m.p = p.withDefaults()
	m.strangers.Max = m.p.MaxAnswers
	m.known = NewRoster(m.p.MobileNodes)
	m.setPolicies()
	m.setPool()
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
	case role.DADDone:
		m.dadDone(ev)
	case role.Restored:
		m.restored(ev)
	case Reconfigured:
		m.reconfigured(ev.Params)
	case Drain:
		m.setDrain(ev.On)
	case Delete:
		m.deleteByHand(ev.HomeAddress)
	}
	m.expire()
	m.askToLeave()
	return m.out.End()
}

// Deadline implements role.Machine.
func (m *Machine) Deadline() time.Time {
	next := m.cache.Next()
	for _, list := range [][]reminder{m.forgetting, m.mending} {
		if len(list) > 0 && (next.IsZero() || list[0].at.Before(next)) {
			next = list[0].at
		}
	}
	if m.drain.on && (next.IsZero() || m.drain.next.Before(next)) {
		next = m.drain.next
	}
	return next
}

func (m *Machine) emit(e role.Effect) { m.out.Emit(e) }

func (m *Machine) count(c role.Counter) { m.out.Count(c) }

// ask gives an effect a number under which its node hears of its end.
func (m *Machine) ask(n *node) role.ID {
	m.ids++
	m.asked[m.ids] = n
	return m.ids
}

func (m *Machine) done(ev role.Done) {
	if n := m.asked[ev.ID]; n != nil {
		delete(m.asked, ev.ID)
		m.carriedOut(n, ev.ID, ev.Err)
	}
}
