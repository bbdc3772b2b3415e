package homelink

import (
	"encoding/binary"
	"io"
	"net/netip"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/heap"
	"mip6d/internal/role"
)

// Machine is the home agent's part on its home links. It implements
// role.Machine.
type Machine struct {
	p       Params
	rand    io.Reader
	links   []*link
	leaving bool // see Drain
	replies bul.Rate
	notices bul.Rate // of other home agents

	deliveries map[netip.Addr]*delivery // by home address
	due        heap.Heap[*delivery]     // the same

	// Of the Step in progress.
	now time.Time
	out []role.Effect
}

// link is what is going on on one.
type link struct {
	Link
	agents []*agent // the others, the longest known first
	down   bool     // can carry no packets

	sent int       // advertisements since the start or a change
	all  uint64    // and ever
	last time.Time // of the latest
	next time.Time // zero: not begun

	newsAt time.Time // when mobile nodes are scheduled to hear of changed prefixes; zero: none
}

var _ role.Machine = (*Machine)(nil)

// New returns a machine that has not advertised yet. Randomness for intervals
// and the order of equals comes from rand, which must not fail.
func New(p Params, rand io.Reader) *Machine {
	m := &Machine{p: p.withDefaults(), rand: rand, deliveries: make(map[netip.Addr]*delivery)}
	m.replies.Max, m.notices.Max = m.p.MaxReplies, maxNotices
	for _, l := range m.p.Links {
		m.links = append(m.links, &link{Link: l, down: l.Down})
	}
	return m
}

// Step implements role.Machine.
func (m *Machine) Step(now time.Time, ev role.Event) []role.Effect {
	m.now, m.out = now, nil
	switch ev := ev.(type) {
	case role.Start:
		m.begin()
	case Reconfigured:
		m.reconfigured(ev.Params)
	case Drain:
		m.drain(ev.On)
	case role.LinkUp:
		m.linkUp(ev)
	case role.LinkDown:
		m.linkDown(ev)
	case role.RouterSolicited:
		m.solicited(ev)
	case role.RouterSeen:
		m.routerSeen(ev)
	case role.ICMPIn:
		m.icmp(ev)
	}
	m.expire()
	m.spread()
	m.deliver()
	m.advertise()
	out := m.out
	m.out = nil
	return out
}

// Deadline implements role.Machine.
func (m *Machine) Deadline() (next time.Time) {
	earlier := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, l := range m.links {
		earlier(l.next)
		earlier(l.newsAt)
		for _, a := range l.agents {
			earlier(a.expires)
			for _, x := range a.addresses {
				earlier(x.expires)
			}
		}
	}
	if d, ok := m.due.First(); ok {
		earlier(d.at)
	}
	return next
}

func (m *Machine) emit(e role.Effect) { m.out = append(m.out, e) }

func (m *Machine) count(c role.Counter) { m.emit(role.Count{Counter: c}) }

// on returns the home link of an interface.
func (m *Machine) on(ifindex int) *link {
	for _, l := range m.links {
		if ifindex != 0 && l.Ifindex == ifindex {
			return l
		}
	}
	return nil
}

// upTo is a random number from 0 to n-1.
func (m *Machine) upTo(n int) int {
	var b [8]byte
	_, _ = io.ReadFull(m.rand, b[:]) // without randomness, zero: nothing here is secret
	return int(binary.BigEndian.Uint64(b[:]) >> 1 % uint64(n))
}

// between is a random time from a to b.
func (m *Machine) between(a, b time.Duration) time.Duration {
	return a + time.Duration(m.upTo(int(max(b-a, 0))+1))
}
