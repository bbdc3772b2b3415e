package sim

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/role"
)

// told is what a mobile node was told of its link and its addresses, so that what it was not
// can be made good after the socket of the kernel's news has overrun (internal/netmon).
type told struct {
	up      bool
	arrival int                 // which the last LinkUp was of
	addrs   map[netip.Addr]bool // ready
	deaf    bool                // the socket has overrun, and nobody has noticed yet
}

// news tells a mobile node what the kernel has to say. Now and then the socket overruns: this
// and what follows is lost, until it is noticed.
func (m *member) news(ev role.Event) {
	switch {
	case m.told.deaf:
		return
	case m.c.chance(m.c.faults.Lost):
		m.c.counts.Overruns++
		m.c.say("%s: news are lost", m.name)
		m.told.deaf = true
		life := m.life
		m.c.after(m.c.between(time.Millisecond, 500*time.Millisecond), func() {
			if m.life == life {
				m.resync()
			}
		})
		return
	}
	m.tell(ev)
}

func (m *member) tell(ev role.Event) {
	t := &m.told
	if t.addrs == nil {
		t.addrs = make(map[netip.Addr]bool)
	}
	switch ev := ev.(type) {
	case role.LinkUp:
		t.up, t.arrival = true, m.arrivals
	case role.LinkDown:
		t.up = false
	case role.AddressReady:
		t.addrs[ev.Addr] = true
	case role.AddressGone:
		delete(t.addrs, ev.Addr)
	case role.DADFailed:
		delete(t.addrs, ev.Addr)
	}
	m.step(ev)
}

// resync tells what is there and was not told, and what was told and is not there.
func (m *member) resync() {
	m.told.deaf = false
	switch {
	case m.up && (!m.told.up || m.told.arrival != m.arrivals):
		m.tell(m.linkUp())
	case !m.up && m.told.up:
		m.tell(role.LinkDown{Ifindex: mnIfindex})
	}
	there := maps.Clone(m.addrs)
	there[m.home] = m.defends()
	for _, a := range slices.SortedFunc(maps.Keys(there), netip.Addr.Compare) {
		if there[a] && !m.told.addrs[a] {
			m.tell(role.AddressReady{Ifindex: mnIfindex, Addr: a})
		}
	}
	for _, a := range slices.SortedFunc(maps.Keys(m.told.addrs), netip.Addr.Compare) {
		if _, is := m.addrs[a]; !is && a != m.home {
			m.tell(role.AddressGone{Ifindex: mnIfindex, Addr: a})
		}
	}
}
