package ha

import (
	"net/netip"
	"slices"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// binding is what a request is to become.
func (m *Machine) binding(r *request, link *Link, prefix Prefix) role.Binding {
	b := role.Binding{
		HomeAddress: r.home, CareOf: r.careOf, HomeAgent: r.local, Ifindex: link.Ifindex,
		Router: r.mn != nil && r.mn.Router || r.bu.Router, MobileRouter: r.bu.Router, MobilePrefixes: r.prefixes,
		Sequence: r.bu.Sequence, ReplayStamp: r.stamp, KeyMgmt: m.movesKeys(r),
		Lifetime: m.p.grant(r.bu.Lifetime, r.mn, m.policy(r.home), prefix),
	}
	if r.bu.LinkLocal && link.Ifindex != 0 {
		b.LinkLocal = linkLocal(r.home)
	}
	return b
}

// defends says whether an address is one that a binding keeps from others.
func defends(b role.Binding, a netip.Addr) bool {
	return b.HomeAddress == a || b.LinkLocal == a || b.IPv4HomeAddress == a
}

// set brings the binding into force, and then has it stored. One in which the
// kernel has no part changed needs no request there.
func (m *Machine) set(n *node) {
	b := n.current.granted
	// The lifetime counts from now: detection has taken its time.
	b.Expires = m.now.Add(b.Lifetime)
	b.Created = m.now
	if n.was != nil {
		b.Created, b.Moves = n.was.Created, n.was.Moves
		if n.was.CareOf != b.CareOf {
			b.Moves++
		}
	}
	b.NoRouteOptimization = m.policy(b.HomeAddress).DenyDirect
	n.current.granted = b
	n.phase = setting
	if n.was != nil && !n.unsure && sameForKernel(*n.was, b) {
		m.store(n)
		return
	}
	n.asked = m.ask(n)
	m.emit(role.SetBinding{ID: n.asked, Binding: b})
}

func sameForKernel(a, b role.Binding) bool {
	return a.CareOf == b.CareOf && a.HomeAgent == b.HomeAgent && a.Ifindex == b.Ifindex &&
		a.LinkLocal == b.LinkLocal && a.Router == b.Router && a.KeyMgmt == b.KeyMgmt && slices.Equal(a.MobilePrefixes, b.MobilePrefixes) &&
		a.IPv4HomeAddress == b.IPv4HomeAddress && a.NoRouteOptimization == b.NoRouteOptimization
}

// carriedOut is the answer of kernel or store.
func (m *Machine) carriedOut(n *node, id role.ID, err error) {
	switch {
	case id == n.mending:
		m.mended(n, err)
	case id != n.asked: // what was remembered, or a mending that another one has overtaken
		if err != nil {
			n.unstored = true
			m.mending = append(m.mending, reminder{node: n, at: m.now.Add(mendDelay)})
		}
	case err != nil:
		m.undo(n)
	case !n.current.delete() && (n.mending > id || n.phase == storing && n.unsure || !m.permits(n.current.granted) || !m.permitsIPv4(n.current.granted)):
		// A reload has ended the binding, or the mobile node, meanwhile.
		m.remember(n)
		m.mend(n)
		m.refuse(n.current, mh.StatusAdministrativelyProhibited, role.CountRefused)
		m.finish(n)
	case n.phase == storing && n.unsure && n.mending == 0: // the same, and the kernel has refused
		m.clear(n)
	case n.phase == storing:
		n.unstored = n.mending > id
		if n.current.delete() {
			m.cleared(n)
		} else {
			m.inForce(n)
		}
	default:
		if n.mending < id { // of what came later, the end decides
			n.unsure, n.mending = false, 0
		}
		m.store(n)
	}
}

// inForce: what the acknowledgement promises is there.
func (m *Machine) inForce(n *node) {
	r, b := n.current, n.current.granted
	m.cache.Set(b)
	m.count(role.CountAccepted)
	m.acknowledge(r, r.status, b.Lifetime)
	m.advertise(n.was, b)
	m.tellRegistered(b)
	switch {
	case n.was == nil:
		m.tell(role.NoticeBindingCreated, b, r, "binding created")
	case n.was.CareOf != b.CareOf:
		m.tell(role.NoticeBindingMoved, b, r, "binding moved")
	default:
		m.tell(role.NoticeBindingRefreshed, b, r, "binding refreshed")
	}
	m.finish(n)
	m.followPolicy(b) // a reload may have changed it meanwhile
	b, _ = m.cache.Get(b.HomeAddress)
	if b, shorter := m.withPrefix(b); shorter {
		m.keepShorter(b) // the same
	}
}

// advertise draws packets to us for the addresses that a binding defends and
// the one before did not, or not as a router's (§10.4.1).
func (m *Machine) advertise(was *role.Binding, b role.Binding) {
	if b.Ifindex == 0 {
		return
	}
	for _, a := range []netip.Addr{b.HomeAddress, b.LinkLocal, b.IPv4HomeAddress} {
		if a.IsValid() && (was == nil || !defends(*was, a) || was.Router != b.Router) {
			m.emit(role.Advertise{Ifindex: b.Ifindex, Addr: a, Router: b.Router})
		}
	}
}

// clear ends a binding in the kernel, and then has that stored.
func (m *Machine) clear(n *node) {
	n.phase = clearing
	n.asked = m.ask(n)
	m.emit(role.ClearBinding{ID: n.asked, HomeAddress: n.home})
}

// cleared: nothing of the binding is left, so the mobile node may hear it
// (§10.3.2).
func (m *Machine) cleared(n *node) {
	m.cache.Delete(n.home)
	m.tellEnded(n.home)
	m.count(role.CountAccepted)
	m.acknowledge(n.current, mh.StatusAccepted, 0)
	if n.was != nil {
		m.tell(role.NoticeBindingDeleted, *n.was, n.current, "de-registered")
	}
	m.finish(n)
}

// undo goes back to what was before a request that kernel or store refused, and
// says so.
func (m *Machine) undo(n *node) {
	if n.was != nil && !m.cache.Has(n.home) {
		m.tellExpired(*n.was) // while the kernel was asked
		m.tellEnded(n.home)
	}
	m.remember(n)
	m.mend(n)
	m.refuse(n.current, n.current.failure(), role.CountRefused)
	m.finish(n)
}

// end takes a binding out of force that its mobile node did not ask to end.
func (m *Machine) end(home netip.Addr) {
	m.cache.Delete(home)
	m.tellEnded(home)
	m.mend(m.node(home))
}

func (m *Machine) tellRegistered(b role.Binding) {
	if m.p.Registered != nil {
		m.p.Registered(m.now, b)
	}
}

func (m *Machine) tellEnded(home netip.Addr) {
	if m.p.Ended != nil {
		m.p.Ended(home)
	}
}

// mend makes kernel and store have what the cache says.
func (m *Machine) mend(n *node) {
	n.unstored = true
	m.mendKernel(n)
}

func (m *Machine) mendKernel(n *node) {
	n.unsure, n.mending = true, m.ask(n)
	if b, bound := m.cache.Get(n.home); bound {
		m.emit(role.SetBinding{ID: n.mending, Binding: b})
		return
	}
	m.emit(role.ClearBinding{ID: n.mending, HomeAddress: n.home})
}

// mended goes on to the store; what failed is tried again. While a request is on its
// way to the kernel, its end decides.
func (m *Machine) mended(n *node, err error) {
	n.mending = 0
	switch {
	case err != nil:
		m.mending = append(m.mending, reminder{node: n, at: m.now.Add(mendDelay)})
	case n.phase != idle && n.phase != detecting:
	case n.unsure && n.unstored:
		n.unsure = false
		m.mendStore(n)
	default:
		n.unsure, n.unstored = false, false
		m.forgetLater(n)
	}
}

// tell says what has become of a binding by an accepted request.
func (m *Machine) tell(kind role.NoticeKind, b role.Binding, r *request, text string) {
	m.emit(role.Notice{
		Kind: kind, HoA: b.HomeAddress, CoA: b.CareOf, HA: b.HomeAgent, Ifindex: b.Ifindex,
		Sequence: b.Sequence, Lifetime: b.Lifetime, Took: m.now.Sub(r.at), Status: r.status, HasStatus: true, Text: text,
	})
}

func (m *Machine) tellExpired(b role.Binding) {
	m.emit(role.Notice{
		Kind: role.NoticeBindingExpired, HoA: b.HomeAddress, CoA: b.CareOf, HA: b.HomeAgent, Ifindex: b.Ifindex,
		Sequence: b.Sequence, Text: "binding expired",
	})
}

func (m *Machine) tellBarred(b role.Binding) {
	m.emit(role.Notice{
		Kind: role.NoticeBindingDeleted, HoA: b.HomeAddress, CoA: b.CareOf, HA: b.HomeAgent, Ifindex: b.Ifindex,
		Sequence: b.Sequence, Warn: true, Text: "no longer allowed by the configuration",
	})
}
