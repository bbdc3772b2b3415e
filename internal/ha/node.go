package ha

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// node is what is known of one home address.
type node struct {
	home netip.Addr

	// The last Binding Update that was accepted, also of a binding that has
	// ended; next must be later.
	sequence uint16
	sequent  bool
	stamp    uint64 // RFC 4285 §6; 0: none

	phase   phase
	current *request       // in work
	asked   role.ID        // the Done that current waits for
	next    *request       // accepted while current could not be stopped
	waiting map[place]bool // detections that have not ended
	was     *role.Binding  // what current replaces, to go back to
	torn    bool           // the kernel may hold half of the binding
	ending  *role.Binding  // taken out of force by us, the kernel has not answered

	forgetAt time.Time // when nothing is left to remember; zero: not in sight
}

// phase is what the request in work waits for.
type phase uint8

const (
	idle      phase = iota
	detecting       // duplicate address detection
	setting         // SetBinding
	clearing        // ClearBinding
)

// node returns what is known of a home address.
func (m *Machine) node(home netip.Addr) *node {
	n := m.nodes[home]
	if n == nil {
		n = &node{home: home}
		m.nodes[home] = n
		m.forgetLater(n)
	}
	return n
}

// learn remembers an accepted Binding Update.
func (n *node) learn(sequence uint16, stamp uint64) {
	n.sequence, n.sequent = sequence, true
	if stamp != 0 {
		n.stamp = stamp
	}
}

func (n *node) lastSequence() (uint16, bool) { return n.sequence, n.sequent }

// busyOrBound says whether there is a binding, or one is being made.
func (n *node) busyOrBound(m *Machine) bool {
	_, bound := m.cache.Get(n.home)
	return bound || n.phase == detecting || n.phase == setting || n.next != nil && !n.next.delete()
}

// accept takes a valid request into work. The latest one wins: one that is still
// being detected for gives way at once, one that is on its way to the kernel
// when that has answered.
func (m *Machine) accept(n *node, r *request) {
	n.learn(r.bu.Sequence, r.stamp)
	if !r.delete() {
		r.granted = m.binding(r)
	}
	switch n.phase {
	case setting, clearing:
		n.next = r
	case detecting:
		if r.delete() {
			m.stopDetecting(n)
			m.start(n, r)
			return
		}
		n.current = r
		m.detect(n)
	default:
		m.start(n, r)
	}
}

// binding is what a request is to become.
func (m *Machine) binding(r *request) role.Binding {
	link, prefix, _ := m.p.link(r.home)
	b := role.Binding{
		HomeAddress: r.home, CareOf: r.careOf, HomeAgent: r.local, Ifindex: link.Ifindex,
		Router: r.mn != nil && r.mn.Router, Sequence: r.bu.Sequence, ReplayStamp: r.stamp,
		Lifetime: m.p.grant(r.bu.Lifetime, r.mn, prefix),
	}
	b.Expires = m.now.Add(b.Lifetime)
	if r.bu.LinkLocal && link.Ifindex != 0 {
		b.LinkLocal = linkLocal(r.home)
	}
	return b
}

// start begins with what a request needs first.
func (m *Machine) start(n *node, r *request) {
	n.current, n.forgetAt = r, time.Time{}
	old, bound := m.cache.Get(n.home)
	n.was = nil
	if bound {
		n.was = &old
	}
	if r.delete() {
		if n.was == nil {
			n.was = n.ending // gone for us, but not yet for the kernel
		}
		if n.was == nil {
			n.phase = idle
			m.acknowledge(r, mh.StatusAccepted, 0)
			m.finish(n)
			return
		}
		n.phase = clearing
		n.asked = m.ask(n)
		m.emit(role.ClearBinding{ID: n.asked, HomeAddress: n.home})
		return
	}
	n.phase = detecting
	m.detect(n)
}

// detect has those addresses probed for that are to be defended and are not yet
// (§10.3.1: before the first acceptance; the link-local one with L set), and
// goes on when there are none.
func (m *Machine) detect(n *node) {
	b := n.current.granted
	for _, a := range []netip.Addr{b.HomeAddress, b.LinkLocal} {
		defended := n.was != nil && (n.was.HomeAddress == a || n.was.LinkLocal == a)
		at := place{b.Ifindex, a}
		if !a.IsValid() || b.Ifindex == 0 || defended || n.waiting[at] {
			continue
		}
		if n.waiting == nil {
			n.waiting = make(map[place]bool)
		}
		n.waiting[at] = true
		m.dads[at] = append(m.dads[at], n)
		if len(m.dads[at]) > 1 {
			continue // home addresses on one link may share a link-local one
		}
		m.emit(role.StartDAD{Ifindex: at.ifindex, Addr: at.addr})
	}
	if len(n.waiting) == 0 {
		m.set(n)
	}
}

func (m *Machine) stopDetecting(n *node) {
	for at := range n.waiting {
		m.dads[at] = slices.DeleteFunc(m.dads[at], func(x *node) bool { return x == n })
		if len(m.dads[at]) == 0 {
			delete(m.dads, at)
		}
	}
	n.waiting = nil
	n.phase = idle
}

func (m *Machine) dadDone(ev role.DADDone) {
	at := place{ev.Ifindex, ev.Addr}
	waiting := m.dads[at]
	delete(m.dads, at)
	for _, n := range waiting {
		delete(n.waiting, at)
		m.detected(n, ev)
	}
}

// detected is the end of one of a node's detections.
func (m *Machine) detected(n *node, ev role.DADDone) {
	r := n.current
	switch {
	case ev.Duplicate:
		m.count(role.CountDADFailure)
		m.stopDetecting(n)
		m.refuse(r, mh.StatusDADFailed)
		m.finish(n)
	case ev.Err != nil:
		m.stopDetecting(n)
		m.refuse(r, mh.StatusInsufficientResources)
		m.finish(n)
	case len(n.waiting) == 0:
		m.set(n)
	}
}

// set brings the binding into force. One in which the kernel has no part changed
// needs no request.
func (m *Machine) set(n *node) {
	b := n.current.granted
	if !m.serves(n.home) { // reconfigured meanwhile
		m.count(role.CountRefused)
		m.refuse(n.current, mh.StatusAdministrativelyProhibited)
		m.finish(n)
		return
	}
	// The lifetime counts from now: detection has taken its time.
	b.Expires = m.now.Add(b.Lifetime)
	b.Created = m.now
	if n.was != nil {
		b.Created, b.Moves = n.was.Created, n.was.Moves
		if n.was.CareOf != b.CareOf {
			b.Moves++
		}
	}
	n.current.granted = b
	if n.was != nil && !n.torn && sameForKernel(*n.was, b) {
		n.phase = setting
		m.inForce(n)
		return
	}
	n.phase = setting
	n.asked = m.ask(n)
	m.emit(role.SetBinding{ID: n.asked, Binding: b})
}

func sameForKernel(a, b role.Binding) bool {
	return a.CareOf == b.CareOf && a.HomeAgent == b.HomeAgent && a.Ifindex == b.Ifindex &&
		a.LinkLocal == b.LinkLocal && a.Router == b.Router
}

// kernelDone is the answer to SetBinding or ClearBinding.
func (m *Machine) kernelDone(n *node, id role.ID, err error) {
	switch {
	case id != n.asked:
		m.endDone(n, err)
	case err != nil:
		m.undo(n)
	case n.phase == setting:
		m.inForce(n)
	default:
		m.cleared(n)
	}
}

// inForce: what the acknowledgement promises is there.
func (m *Machine) inForce(n *node) {
	r, b := n.current, n.current.granted
	m.cache.Set(b)
	n.torn = false
	status := mh.StatusAccepted
	m.count(role.CountAccepted)
	m.acknowledge(r, status, b.Lifetime)
	kind, text := role.NoticeBindingRefreshed, "binding refreshed"
	switch {
	case n.was == nil:
		kind, text = role.NoticeBindingCreated, "binding created"
	case n.was.CareOf != b.CareOf:
		kind, text = role.NoticeBindingMoved, "binding moved"
	}
	m.advertise(n, b)
	m.tell(kind, b, text)
	m.finish(n)
}

// advertise draws packets for what is newly defended to us (§10.4.1).
func (m *Machine) advertise(n *node, b role.Binding) {
	if b.Ifindex == 0 {
		return
	}
	for _, a := range []netip.Addr{b.HomeAddress, b.LinkLocal} {
		if a.IsValid() && (n.was == nil || a != n.was.HomeAddress && a != n.was.LinkLocal) {
			m.emit(role.Advertise{Ifindex: b.Ifindex, Addr: a, Router: b.Router})
		}
	}
}

// cleared: nothing of the binding is left, so the mobile node may hear it
// (§10.3.2).
func (m *Machine) cleared(n *node) {
	m.cache.Delete(n.home)
	m.count(role.CountAccepted)
	m.acknowledge(n.current, mh.StatusAccepted, 0)
	m.tell(role.NoticeBindingDeleted, *n.was, "de-registered")
	m.finish(n)
}

// undo goes back to what was before a request that the kernel refused, and says
// so.
func (m *Machine) undo(n *node) {
	if n.was != nil {
		m.emit(role.SetBinding{Binding: *n.was})
	} else {
		m.emit(role.ClearBinding{HomeAddress: n.home})
	}
	m.refuse(n.current, mh.StatusInsufficientResources)
	m.finish(n)
}

// finish goes on with the request that came meanwhile.
func (m *Machine) finish(n *node) {
	n.phase, n.current, n.was, n.asked = idle, nil, nil, 0
	if r := n.next; r != nil {
		n.next = nil
		m.start(n, r)
		return
	}
	m.forgetLater(n)
}

func (m *Machine) tell(kind role.NoticeKind, b role.Binding, text string) {
	m.emit(role.Notice{
		Kind: kind, HoA: b.HomeAddress, CoA: b.CareOf, HA: b.HomeAgent, Ifindex: b.Ifindex,
		Sequence: b.Sequence, Lifetime: b.Lifetime, Status: mh.StatusAccepted, HasStatus: true, Text: text,
	})
}

// linkLocal is the link-local address with a home address's interface
// identifier.
func linkLocal(home netip.Addr) netip.Addr {
	a := home.As16()
	b := [16]byte{0: 0xfe, 1: 0x80}
	copy(b[8:], a[8:])
	return netip.AddrFrom16(b)
}
