package cn

import (
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// accept takes a valid request into work. Of those that come while the kernel is
// asked, the latest counts.
func (m *Machine) accept(e *entry, r *request) {
	if !r.delete() && (e == nil || !e.bound && e.current == nil) && !m.room() {
		m.count(role.CountRefused)
		m.refuse(r, mh.StatusInsufficientResources, r.bu.Sequence)
		return
	}
	e = m.cache.get(r.pair) // what made room may have been its own guard
	if e == nil {           // also for a deletion (§9.5.3), whose number is remembered
		e = m.cache.add(r.pair)
	}
	e.sequence, e.nonce, e.guard = r.bu.Sequence, r.nonces.Home, m.now.Add(rr.MaxNonceLifetime)
	e.unreachable = 0
	if e.current != nil {
		e.waiting = r
		return
	}
	m.start(e, r)
}

// start begins with a request.
func (m *Machine) start(e *entry, r *request) {
	if r.delete() && !e.bound {
		m.count(role.CountAccepted)
		if r.bu.Ack {
			m.acknowledge(r, mh.StatusAccepted, r.bu.Sequence, 0)
		}
		m.finish(e)
		return
	}
	e.current, e.asked, e.void = r, m.id(), false
	if e.making = !e.bound; e.making {
		m.cache.making++
	}
	m.asked[e.asked] = e
	m.cache.schedule(e, time.Time{})
	if r.delete() {
		m.emit(role.ClearDirect{ID: e.asked, Pair: e.pair, Side: role.Theirs})
		return
	}
	m.emit(role.SetDirect{ID: e.asked, Direct: role.Direct{
		Pair: e.pair, Side: role.Theirs, CareOf: r.careOf, Lifetime: m.p.grant(r.bu.Lifetime),
	}})
}

// done is the kernel's answer; only now the mobile node gets its own.
func (m *Machine) done(ev role.Done) {
	e := m.asked[ev.ID]
	if e == nil {
		return
	}
	delete(m.asked, ev.ID)
	r := e.current
	e.current, e.asked = nil, 0
	if e.making {
		e.making = false
		m.cache.making--
	}
	switch {
	case ev.Err != nil:
		m.undo(e, r, mh.StatusInsufficientResources)
	case !r.delete() && (e.void || !m.p.Policy.Permits(e.pair.Peer)): // since a reload meanwhile
		m.undo(e, r, mh.StatusAdministrativelyProhibited)
	case r.delete():
		if e.bound {
			m.tellAccepted(e, role.NoticeBindingDeleted, "de-registered")
		}
		m.unbind(e)
		m.count(role.CountAccepted)
		if r.bu.Ack {
			m.acknowledge(r, mh.StatusAccepted, r.bu.Sequence, 0)
		}
	default:
		m.inForce(e, r)
	}
	m.finish(e)
	m.shrink()
}

// inForce: the direct path is there.
func (m *Machine) inForce(e *entry, r *request) {
	kind, text := role.NoticeBindingRefreshed, "binding refreshed"
	switch {
	case !e.bound:
		kind, text = role.NoticeBindingCreated, "binding created"
		e.created, e.moves, e.traffic = m.now, 0, role.Traffic{}
	case e.careOf != r.careOf:
		kind, text = role.NoticeBindingMoved, "binding moved"
		e.moves++
	}
	e.careOf, e.lifetime = r.careOf, m.p.grant(r.bu.Lifetime)
	e.expires = m.now.Add(e.lifetime)
	e.stage, e.requests = stageFresh, 0
	m.cache.bind(e)
	if m.p.Registered != nil {
		m.p.Registered(e.pair, e.careOf, e.sequence)
	}
	m.count(role.CountAccepted)
	if r.bu.Ack {
		m.acknowledge(r, mh.StatusAccepted, r.bu.Sequence, e.lifetime)
	}
	m.tellAccepted(e, kind, text)
}

// undo ends what could not be changed, and says so: packets go by the home agent
// again.
func (m *Machine) undo(e *entry, r *request, status mh.Status) {
	m.refuse(r, status, r.bu.Sequence)
	m.count(role.CountRefused)
	if e.bound {
		m.end(e, role.NoticeBindingDeleted, "it could not be changed")
		return
	}
	m.emit(role.ClearDirect{Pair: e.pair, Side: role.Theirs})
}

// finish goes on with the request that came meanwhile.
func (m *Machine) finish(e *entry) {
	if r := e.waiting; r != nil {
		e.waiting = nil
		m.start(e, r)
		return
	}
	if e.bound {
		m.plan(e)
		return
	}
	m.forgetLater(e)
}

// end takes a binding out of force that its mobile node did not ask to end.
func (m *Machine) end(e *entry, kind role.NoticeKind, text string) {
	m.tell(e, kind, text)
	m.unbind(e)
	m.emit(role.ClearDirect{Pair: e.pair, Side: role.Theirs})
	e.void = e.current != nil
	if e.current == nil {
		m.forgetLater(e)
	}
}

// unbind notes that an entry is not in force any more; that it was not is fine.
func (m *Machine) unbind(e *entry) {
	if e.bound && m.p.Ended != nil {
		m.p.Ended(e.pair)
	}
	m.cache.unbind(e)
}

// forgetLater keeps what a replay would need to be known by (§5.2.8): until the
// nonce is too old that the last Binding Update was authorized with.
func (m *Machine) forgetLater(e *entry) {
	m.cache.schedule(e, e.guard)
	m.forget()
}

// forget forgets what there is no room for. As a last measure, the nonces go with
// it.
func (m *Machine) forget() {
	for m.cache.guards() > m.p.MaxBindings {
		old := m.cache.oldestGuard()
		if old == nil {
			return // all are being changed, since the cache became smaller
		}
		m.nonces.Forget(old.nonce)
		m.tellRenewed()
		m.cache.remove(old)
	}
}

// room makes room for a new binding; where the cache is full, the one updated the
// longest ago ends (§9.6). It is false when all of them are being changed.
func (m *Machine) room() bool { return m.cache.taken() < m.p.MaxBindings || m.evict() }

// shrink ends what a smaller cache has no room for; what is being changed is looked
// at when the kernel has answered.
func (m *Machine) shrink() {
	for m.cache.bound > m.p.MaxBindings && m.evict() {
	}
	m.forget()
}

func (m *Machine) evict() bool {
	e := m.cache.oldest()
	if e == nil {
		return false
	}
	m.count(role.CountCacheFull)
	m.end(e, role.NoticeBindingDeleted, "there is no room for it")
	return true
}

func (m *Machine) tell(e *entry, kind role.NoticeKind, text string) {
	m.emit(e.notice(kind, text))
}

// tellAccepted is of a Binding Update that was accepted.
func (m *Machine) tellAccepted(e *entry, kind role.NoticeKind, text string) {
	n := e.notice(kind, text)
	n.Status, n.HasStatus = mh.StatusAccepted, true
	m.emit(n)
}

func (e *entry) notice(kind role.NoticeKind, text string) role.Notice {
	return role.Notice{Kind: kind, HoA: e.pair.Peer, CoA: e.careOf, Peer: e.pair.Local, Sequence: e.sequence,
		Lifetime: e.lifetime, Text: text}
}
