package homelink

import (
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// begin advertises at once wherever we advertise, as far as the least delay
// allows.
func (m *Machine) begin() {
	for _, l := range m.links {
		l.begin(m.now)
	}
}

func (l *link) begin(now time.Time) {
	switch {
	case !l.advertises() || l.Advertise.Solicited:
		l.next = time.Time{}
	case l.all == 0:
		l.next = now
	default:
		l.next = later(now, l.last.Add(l.Advertise.MinDelay))
	}
}

func (l *link) advertises() bool { return l.Ifindex != 0 && l.Advertise != nil && !l.down }

// linkUp begins afresh: there may be others on the link than before, and the
// interface may have another link-layer address.
func (m *Machine) linkUp(ev role.LinkUp) {
	if l := m.on(ev.Ifindex); l != nil {
		l.down, l.LinkAddr, l.sent = false, ev.LinkAddr, 0
		l.begin(m.now)
	}
}

// linkDown: the kernel would refuse every advertisement.
func (m *Machine) linkDown(ev role.LinkDown) {
	if l := m.on(ev.Ifindex); l != nil {
		l.down, l.next = true, time.Time{}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// solicited answers with the next advertisement to all, after a random delay, and
// not too soon after the one before (RFC 4861 §6.2.6).
func (m *Machine) solicited(ev role.RouterSolicited) {
	l := m.on(ev.Ifindex)
	if l == nil || !l.advertises() {
		return
	}
	at := m.now.Add(m.between(0, l.Advertise.AnswerDelay))
	if l.all > 0 {
		at = later(at, l.last.Add(l.Advertise.MinDelay))
	}
	if l.next.IsZero() || at.Before(l.next) {
		l.next = at
	}
}

// advertise sends what is due.
func (m *Machine) advertise() {
	for _, l := range m.links {
		if l.next.IsZero() || l.next.After(m.now) {
			continue
		}
		raw, err := icmp6.Marshal(l.advertisement(m.p.Routers, m.leaving))
		if err != nil {
			// Nothing that a configuration can say makes it too long.
			l.next = time.Time{}
			continue
		}
		m.emit(role.AdvertiseRouter{Ifindex: l.Ifindex, Raw: raw})
		wait := m.between(l.Advertise.MinInterval, l.Advertise.MaxInterval)
		l.all++
		if l.sent++; l.sent < maxInitial {
			wait = min(wait, maxInitialInterval)
		}
		if l.last, l.next = m.now, m.now.Add(wait); l.Advertise.Solicited {
			l.next = time.Time{}
		}
	}
}
