package mn

import (
	"time"

	"mip6d/internal/role"
)

// solicit times the Router Solicitations on one link (RFC 4861 §6.3.7, with the
// intervals of Params). They go on while no router is heard: a link may come up
// long before its router does.
type solicit struct {
	next time.Time // zero: none wanted
	sent int
}

// solicitNow asks at once, unless we are asking already.
func (m *Machine) solicitNow(l *link) {
	if l.solicit.next.IsZero() {
		l.solicit = solicit{next: m.now}
	}
}

// runSolicit sends what is due and stops when there is nothing left to ask.
func (m *Machine) runSolicit(l *link) {
	if !l.up || l.confirmed && !l.doubt.active() {
		l.solicit = solicit{}
		return
	}
	if !m.due(l.solicit.next) {
		return
	}
	m.emit(role.SolicitRouter{Ifindex: l.ifindex})
	l.solicit.next = m.now.Add(m.solicitInterval(l.solicit.sent))
	l.solicit.sent++
}

// solicitInterval is the time from Router Solicitation n (from 0) to the next.
func (m *Machine) solicitInterval(n int) time.Duration {
	intervals := m.p.SolicitIntervals
	if n < len(intervals) {
		return intervals[n]
	}
	d := intervals[len(intervals)-1]
	for n -= len(intervals) - 1; n > 0 && d < m.p.SolicitMax; n-- {
		d *= 2
	}
	return max(min(d, m.p.SolicitMax), time.Millisecond)
}
