package homelink

import (
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// begin advertises at once wherever we advertise.
func (m *Machine) begin() {
	for _, l := range m.links {
		if l.Ifindex != 0 && l.Advertise != nil {
			l.next = m.now
		}
	}
}

// solicited answers with the next advertisement to all, after a random delay, and
// not too soon after the one before (RFC 4861 §6.2.6).
func (m *Machine) solicited(ev role.RouterSolicited) {
	l := m.on(ev.Ifindex)
	if l == nil || l.next.IsZero() {
		return
	}
	at := m.now.Add(m.between(0, l.Advertise.AnswerDelay))
	if free := l.last.Add(l.Advertise.MinDelay); l.sent > 0 && at.Before(free) {
		at = free
	}
	if at.Before(l.next) {
		l.next = at
	}
}

// advertise sends what is due.
func (m *Machine) advertise() {
	for _, l := range m.links {
		if l.next.IsZero() || l.next.After(m.now) {
			continue
		}
		raw, err := icmp6.Marshal(l.advertisement(m.p.Routers))
		if err != nil {
			// Nothing that a configuration can say makes it too long.
			l.next = time.Time{}
			continue
		}
		m.emit(role.AdvertiseRouter{Ifindex: l.Ifindex, Raw: raw})
		wait := m.between(l.Advertise.MinInterval, l.Advertise.MaxInterval)
		if l.sent++; l.sent < maxInitial {
			wait = min(wait, maxInitialInterval)
		}
		l.last, l.next = m.now, m.now.Add(wait)
	}
}
