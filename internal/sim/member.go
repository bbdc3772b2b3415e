package sim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// member is a mobile node of a crowd, with a model of its kernel: one interface, its care-of
// addresses and the path of its home address; and what is true of it, which the home agent
// must not guess.
type member struct {
	host
	c        *Crowd
	n        int
	home     netip.Addr
	at       place
	up       bool
	arrivals int
	addrs    map[netip.Addr]bool // care-of addresses; true: ready
	path     role.HomePath
	refused  bool // the kernel has not taken the latest path
	told     told // of what is above, by the kernel's news
	stored   map[netip.Addr]role.ListEntry
	newborn  func() role.Machine

	updates int            // Binding Updates that it has sent
	order   map[update]int // which of them it was
	set     int            // the one that the binding in force came from
	ended   int            // the last de-registration that was acknowledged
	promise int            // the last registration that was, or 0
	until   time.Time      // the promise's end
}

func newMember(c *Crowd, n int, newborn func() role.Machine) *member {
	m := &member{c: c, n: n, home: crowdHome(n), addrs: make(map[netip.Addr]bool), stored: make(map[netip.Addr]role.ListEntry),
		order: make(map[update]int), newborn: newborn}
	m.host = host{w: &c.stage, name: fmt.Sprintf("MN%d", n), machine: newborn(), carryOut: m.apply, reborn: m.restart}
	return m
}

func (m *member) die() {
	m.c.counts.Kills++
	m.kill()
}

func (m *member) apply(e role.Effect) error {
	c := m.c
	switch e := e.(type) {
	case role.SolicitRouter:
		m.advertised(c.between(time.Millisecond, 20*time.Millisecond))
	case role.AddCareOf:
		if c.chance(c.faults.Kernel) {
			c.counts.KernelFaults++
			return errKernel
		}
		a := e.Prefix.Addr()
		if _, there := m.addrs[a]; !there {
			m.addrs[a] = false
			c.by[a] = m
		}
		c.after(c.between(time.Millisecond, 5*time.Millisecond), func() { m.detected(a) })
		return c.done(m.name, &c.counts.KernelFaults, errKernel)
	case role.RemoveCareOf:
		delete(m.addrs, e.Addr)
		life := m.life
		c.after(time.Millisecond, func() {
			if _, there := m.addrs[e.Addr]; m.life == life && !there {
				m.news(role.AddressGone{Ifindex: mnIfindex, Addr: e.Addr})
			}
		})
	case role.SetHomePath:
		if m.refused = c.chance(c.faults.Kernel); m.refused {
			c.counts.KernelFaults++
			return errKernel
		}
		m.setPath(e.Path)
		return c.done(m.name, &c.counts.KernelFaults, errKernel)
	case role.StoreListEntry:
		if c.chance(c.faults.Kernel) {
			c.counts.StoreFaults++
			return errStore
		}
		if m.stored[e.Entry.Peer] = e.Entry; e.Drop {
			delete(m.stored, e.Entry.Peer)
		}
		return c.done(m.name, &c.counts.StoreFaults, errStore)
	case role.Send:
		if c.chance(c.faults.Wire) {
			return errKernel
		}
		m.sent(packet{src: e.Src, dst: e.Dst, home: e.HomeAddress, routing: e.RoutingHome, raw: e.Raw})
	case role.Notice:
		c.say("%s: %s: %s", m.name, e.Kind, e.Text)
	}
	return nil
}

func (m *member) detected(a netip.Addr) {
	if _, there := m.addrs[a]; !there {
		return
	}
	if m.c.chance(m.c.faults.Duplicates) {
		delete(m.addrs, a)
		m.news(role.DADFailed{Ifindex: mnIfindex, Addr: a})
		return
	}
	m.addrs[a] = true
	m.news(role.AddressReady{Ifindex: mnIfindex, Addr: a})
}

// setPath changes the home address's path; at home the kernel may probe for it.
func (m *member) setPath(p role.HomePath) {
	m.path = p
	if p.Mode != role.PathHome || !p.DAD {
		return
	}
	life, arrival := m.life, m.arrivals
	m.c.after(dadTime, func() {
		if m.life != life || m.arrivals != arrival || m.path.Mode != role.PathHome {
			return
		}
		if _, defended := m.c.ha.bindings[m.home]; defended {
			m.news(role.DADFailed{Ifindex: mnIfindex, Addr: m.home})
			return
		}
		m.news(role.AddressReady{Ifindex: mnIfindex, Addr: m.home})
	})
}

// sent puts a packet on the link. No packet of the home address leaves where it is not at home.
func (m *member) sent(p packet) {
	if p.src == m.home && m.up && m.path.Mode == role.PathTunnelled {
		return // to nobody
	}
	if p.src == m.home && (!m.up || m.at != homeLink) {
		if m.up && m.path.Mode != role.PathBlocked && !m.refused {
			m.c.fail("%s: a packet from the home address leaves untunnelled on %s", m.name, m.at)
		}
		return
	}
	if !m.up || p.src != m.home && !prefixes[m.at].Contains(p.src) {
		return
	}
	if bu, ok := parseBU(p); ok {
		m.c.counts.Updates++
		m.updates++
		m.order[update{bu.Sequence, p.src}] = m.updates
		m.c.say("%s: sends its %d. Binding Update, number %d, from %s for %v", m.name, m.updates, bu.Sequence, p.src, bu.Lifetime)
		if m.c.faults.Attack != 0 {
			m.c.seen = append(m.c.seen, p)
			if len(m.c.seen) > 4000 {
				m.c.seen = m.c.seen[2000:]
			}
		}
	}
	m.c.deliver(p)
}

// has says whether a packet to an address arrives here.
func (m *member) has(a netip.Addr) bool {
	if !m.up {
		return false
	}
	if a == m.home {
		return m.defends()
	}
	_, there := m.addrs[a]
	return there && prefixes[m.at].Contains(a)
}

// defends says whether the mobile node itself answers for its home address on the home link.
func (m *member) defends() bool {
	return m.up && m.at == homeLink && (m.path.Mode == role.PathHome || m.path.Mode == role.PathAnswering)
}

func (m *member) advertised(in time.Duration) {
	if !m.up || m.c.chance(m.c.faults.Loss) {
		return
	}
	at, arrival := m.at, m.arrivals
	m.c.after(in, func() {
		if m.up && m.arrivals == arrival {
			m.step(role.RouterSeen{Ifindex: mnIfindex, Router: routerOf(at), RA: advertisement(at)})
		}
	})
}

func (m *member) moveSomewhere() {
	to := place(m.c.rng.IntN(4))
	if m.c.chance(0.2) {
		to = m.at // the same link after a flap
	}
	m.c.counts.Moves++
	m.move(to, m.c.between(time.Millisecond, 500*time.Millisecond))
}

func (m *member) move(to place, gap time.Duration) {
	m.c.say("%s: moves from %s to %s", m.name, m.at, to)
	m.arrivals++
	if m.up {
		m.up = false
		m.news(role.LinkDown{Ifindex: mnIfindex})
	}
	m.at = to
	arrival := m.arrivals
	if to == nowhere {
		return
	}
	m.c.after(gap, func() {
		if m.arrivals == arrival {
			m.up = true
			m.news(m.linkUp())
		}
	})
}

func (m *member) linkUp() role.LinkUp {
	return role.LinkUp{Ifindex: mnIfindex, Name: "eth0", LinkAddr: []byte{2, 0, 1, byte(m.n >> 16), byte(m.n >> 8), byte(m.n)}}
}

// restart begins the next run, which is told what the store has and what is there.
func (m *member) restart() {
	m.c.say("%s: starts again", m.name)
	m.crash(m.newborn())
	m.told = told{}
	var ev role.Restored
	for _, peer := range slices.SortedFunc(maps.Keys(m.stored), netip.Addr.Compare) {
		ev.Entries = append(ev.Entries, m.stored[peer])
	}
	m.step(ev)
	m.step(role.Start{})
	m.resync()
}

// bindingSet: nothing comes into force that the mobile node did not ask for, and nothing older
// undoes what was promised later.
func (m *member) bindingSet(b role.Binding) {
	n := m.order[update{b.Sequence, b.CareOf}]
	switch {
	case n == 0:
		m.c.fail("a binding of %s at %s, by %d, that its mobile node never asked for", m.home, b.CareOf, b.Sequence)
	case n < m.ended:
		m.c.fail("binding update %d of %s comes into force, and %d has ended the binding", n, m.home, m.ended)
	case n < m.promise && m.until.After(m.c.now):
		m.c.fail("binding update %d of %s comes into force, and %d was acknowledged", n, m.home, m.promise)
	}
	m.set = n
}

// bindingGone: what was promised stays until its end, unless something else was asked for.
func (m *member) bindingGone() {
	if m.promise == m.updates && m.promise > m.ended && m.until.After(m.c.now) {
		m.c.fail("the acknowledged binding of %s is gone %v before its end", m.home, m.until.Sub(m.c.now))
	}
}

// promised takes note of an acknowledgement that accepts.
func (m *member) promised(ba *mh.BindingAcknowledgement, bindings map[netip.Addr]role.Binding, stored role.Registration) {
	b, bound := bindings[m.home]
	if ba.Lifetime == 0 {
		if bound || stored.Bound {
			m.c.fail("a de-registration of %s is acknowledged; in force: %v, stored: %v", m.home, bound, stored.Bound)
		}
		// By its number: from where it was sent is not what counts.
		for u, n := range m.order {
			if u.sequence == ba.Sequence {
				m.ended = max(m.ended, n)
			}
		}
		return
	}
	n := m.order[update{ba.Sequence, b.CareOf}]
	switch {
	case !bound:
		m.c.fail("a binding of %s is acknowledged that is not in force", m.home)
	case n == 0:
		m.c.fail("a binding of %s at %s is acknowledged with %d, by which nobody asked for it", m.home, b.CareOf, ba.Sequence)
	case !stored.Bound || stored.Binding.Sequence != ba.Sequence || stored.Binding.CareOf != b.CareOf:
		m.c.fail("a binding of %s is acknowledged by %d, and stored: %v by %d", m.home, ba.Sequence, stored.Bound, stored.Binding.Sequence)
	}
	m.promise, m.until = n, m.c.now.Add(ba.Lifetime)
}

// kept: what was promised is in the store of a home agent that begins again, and what was ended
// is not.
func (m *member) kept(r role.Registration) {
	at := 0
	if r.Bound {
		at = m.order[update{r.Binding.Sequence, r.Binding.CareOf}]
	}
	switch {
	case r.Bound && at < m.ended:
		m.c.fail("the store has binding update %d of %s, and %d has ended the binding", at, m.home, m.ended)
	case m.promise > m.ended && m.until.After(m.c.now) && r.Bound && at < m.promise:
		m.c.fail("the store has binding update %d of %s, and %d was acknowledged", at, m.home, m.promise)
	case m.promise > m.ended && m.until.After(m.c.now) && !r.Bound && m.updates == m.promise:
		m.c.fail("the acknowledged binding of %s is not in the store", m.home)
	}
}

// agreed: in quiet both sides have the same idea of where the mobile node is.
func (m *member) agreed() error {
	b, bound := m.c.ha.bindings[m.home]
	switch {
	case m.at == homeLink && (bound || m.path.Mode != role.PathHome):
		return fmt.Errorf("%s is at home with path %s, binding in force: %v", m.name, m.path.Mode, bound)
	case m.at == homeLink:
		return nil
	case !bound || m.path.Mode != role.PathTunnelled || m.path.CareOf != b.CareOf:
		return fmt.Errorf("%s is on %s with path %s by %s, binding in force: %v at %s", m.name, m.at, m.path.Mode, m.path.CareOf, bound, b.CareOf)
	case !prefixes[m.at].Contains(b.CareOf) || !m.addrs[b.CareOf]:
		return fmt.Errorf("%s is on %s, bound at %s", m.name, m.at, b.CareOf)
	}
	return nil
}
