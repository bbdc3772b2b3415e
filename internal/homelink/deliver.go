package homelink

import (
	"net/netip"
	"time"

	"mip6d/internal/heap"
	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// Counters of prefix discovery.
const (
	CountPrefixes     role.Counter = "mobile_prefix_advertisements"
	CountSolicited    role.Counter = "mobile_prefix_solicitations_answered"
	CountBadSolicited role.Counter = "mobile_prefix_solicitations_ignored"
)

const (
	// RFC 6275 §12.
	prefixTimeout = 3 * time.Second // PREFIX_ADV_TIMEOUT
	prefixRetries = 3               // PREFIX_ADV_RETRIES

	// leastBetween is between two advertisements to one mobile node.
	leastBetween = time.Second
)

// Deliveries says how mobile nodes away from home are told of the home link's
// prefixes (RFC 6275 §10.6, §13).
type Deliveries struct {
	MinInterval, MaxInterval time.Duration // MinMobPfxAdvInterval, MaxMobPfxAdvInterval
	Solicited                bool          // only to those who ask
}

// delivery is the next Mobile Prefix Advertisement to a mobile node.
type delivery struct {
	heap.Place
	home netip.Addr
	at   time.Time

	sent  time.Time // the latest; zero: none
	tries int       // unsolicited ones that were not acknowledged by a solicitation
	again bool      // there were news meanwhile: begin again after the last

	// The answer to a solicitation that waits for its time.
	asked bool
	id    uint16
	to    netip.Addr
}

// Before implements heap.Item.
func (d *delivery) Before(other *delivery) bool { return d.at.Before(other.at) }

// gaveUp: nothing more is sent until the mobile node is heard of.
func (d *delivery) gaveUp() bool { return d.tries > prefixRetries }

// Registered tells the machine that a home registration has come into force, or
// was renewed. What is due comes with the next Step.
func (m *Machine) Registered(now time.Time, b role.Binding) {
	l := m.of(b.HomeAgent)
	if m.p.Deliveries == nil || m.p.Deliveries.Solicited || l == nil {
		return
	}
	m.now = now
	d := m.deliveries[b.HomeAddress]
	switch {
	case d == nil:
		m.schedule(&delivery{home: b.HomeAddress, at: now.Add(m.delay(l, b.HomeAddress))})
	case d.gaveUp(): // §10.6.2: begin again
		d.tries = 0
		m.reschedule(d, now)
	}
}

// of returns the link with an address of ours.
func (m *Machine) of(agent netip.Addr) *link {
	for _, l := range m.links {
		if l.Address == agent {
			return l
		}
	}
	return nil
}

// news has all mobile nodes of a link told of its prefixes, soon.
func (m *Machine) news(l *link) {
	if l.newsAt.IsZero() {
		l.newsAt = m.now.Add(newsDelay)
	}
}

// spread schedules the mobile nodes of links with news: at random times, so that
// they don't all answer at once.
func (m *Machine) spread() {
	for _, l := range m.links {
		if l.newsAt.IsZero() || l.newsAt.After(m.now) {
			continue
		}
		l.newsAt = time.Time{}
		if m.p.Deliveries == nil || m.p.Deliveries.Solicited {
			continue
		}
		for b := range m.p.Bindings() {
			if b.HomeAgent != l.Address {
				continue
			}
			at := m.now.Add(m.delay(l, b.HomeAddress))
			d := m.deliveries[b.HomeAddress]
			if d != nil {
				d.again = d.tries > 0 && !d.gaveUp()
			}
			switch {
			case d == nil:
				m.schedule(&delivery{home: b.HomeAddress, at: at})
			case d.gaveUp():
				d.tries = 0
				m.reschedule(d, at)
			case at.Before(d.at):
				m.reschedule(d, at)
			}
		}
	}
}

// delay is RAND_ADV_DELAY (§10.6.2). Where a prefix is not preferred for as long
// as the least interval, that is the bound that the random time stays below.
func (m *Machine) delay(l *link, home netip.Addr) time.Duration {
	lo, hi := m.p.Deliveries.MinInterval, min(m.p.Deliveries.MaxInterval, l.preferred(home))
	if hi < lo {
		lo, hi = hi, lo
	}
	return m.between(lo, hi)
}

// prefixSolicitation answers a mobile node that is registered, where it says it
// is: right away, or a second after the advertisement before. It acknowledges
// that one.
func (m *Machine) prefixSolicitation(ev role.ICMPIn) {
	msg, err := icmp6.Parse(ev.Raw)
	q, ok := msg.(*icmp6.MobilePrefixSolicitation)
	var b role.Binding
	bound := false
	if m.p.Deliveries != nil && ev.HomeAddress.IsValid() {
		b, bound = m.p.Binding(ev.HomeAddress)
	}
	if err != nil || !ok || q.Code != 0 || !bound || ev.RoutingHome.IsValid() ||
		b.CareOf != ev.Src || b.HomeAgent != ev.Dst || m.of(b.HomeAgent) == nil {
		m.count(CountBadSolicited)
		return
	}
	if m.p.SA != nil {
		if sa := m.p.SA(b.HomeAddress); sa != 0 && sa != ev.SA {
			m.count(role.CountUnprotected)
			return
		}
	}
	d := m.deliveries[b.HomeAddress]
	if d == nil {
		d = &delivery{home: b.HomeAddress, at: m.now}
		m.schedule(d)
	}
	d.asked, d.id, d.to, d.tries, d.again = true, q.Identifier, ev.Src, 0, false
	m.reschedule(d, m.now)
}

// deliver sends what is due.
func (m *Machine) deliver() {
	for {
		d, ok := m.due.First()
		if !ok || d.at.After(m.now) {
			return
		}
		b, bound := m.p.Binding(d.home)
		l := m.of(b.HomeAgent)
		switch {
		case !bound || l == nil || m.p.Deliveries == nil:
			m.cancel(d)
		case d.gaveUp(), m.p.Deliveries.Solicited && !d.asked:
			m.rest(d, b)
		default:
			m.tellPrefixes(d, l, b)
		}
	}
}

// tellPrefixes sends a Mobile Prefix Advertisement (§10.6.3) and schedules the
// next.
func (m *Machine) tellPrefixes(d *delivery, l *link, b role.Binding) {
	to, id := b.CareOf, uint16(0)
	if d.asked {
		to, id = d.to, d.id
	}
	// M and O stay clear: there is no DHCPv6 for mobile nodes here (§6.8).
	raw, err := icmp6.Marshal(&icmp6.MobilePrefixAdvertisement{
		Identifier: id, Header: icmp6.Header{Options: l.network(m.now)},
	})
	if err != nil { // nothing that is kept of prefixes makes it so
		m.cancel(d)
		return
	}
	m.emit(role.SendICMP{Src: b.HomeAgent, Dst: to, RoutingHome: b.HomeAddress, Raw: raw})
	m.count(CountPrefixes)
	d.sent = m.now
	switch {
	case d.asked:
		m.count(CountSolicited)
		d.asked, d.id, d.to = false, 0, netip.Addr{}
		m.reschedule(d, m.now.Add(m.delay(l, d.home)))
	default:
		d.tries++
		switch {
		case !d.gaveUp():
			m.reschedule(d, m.now.Add(prefixTimeout<<(d.tries-1)))
		case d.again:
			d.tries, d.again = 0, false
			m.reschedule(d, m.now.Add(m.delay(l, d.home)))
		default:
			m.rest(d, b)
		}
	}
}

// rest keeps a delivery until its binding ends.
func (m *Machine) rest(d *delivery, b role.Binding) {
	if !b.Expires.After(m.now) {
		m.cancel(d)
		return
	}
	m.reschedule(d, b.Expires)
}

func (m *Machine) schedule(d *delivery) {
	m.deliveries[d.home] = d
	m.due.Set(d)
}

// reschedule moves a delivery, but not to within a second of the one before
// (§6.8).
func (m *Machine) reschedule(d *delivery, at time.Time) {
	d.at = at
	if !d.sent.IsZero() {
		d.at = later(at, d.sent.Add(leastBetween))
	}
	m.due.Set(d)
}

func (m *Machine) cancel(d *delivery) {
	delete(m.deliveries, d.home)
	m.due.Remove(d)
}
