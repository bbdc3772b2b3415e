package sim

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// maxSteps bounds the steps of all machines in one virtual second.
const maxSteps = 500

// record is what the world knows and the home agent must not guess.
type record struct {
	updates  int                         // Binding Updates that the mobile node has sent
	order    map[update]int              // which of them it was
	set      int                         // the one that the binding in force came from
	sequence uint16                      // of the last of them
	reliable bool                        // the mobile node's store never fails
	ended    int                         // the last de-registration that was acknowledged
	acked    map[netip.Addr]role.Binding // what the home agent has promised

	drained int // the first of them that came after the home agent began to drain; 0: it does not

	// The same with the correspondent.
	cnUpdates int
	cnOrder   map[update]int
	cnTaking  map[netip.Addr]uint16 // sequence number of the Binding Update in its hands
	cnSet     int
	cnSetAt   time.Time
	tested    map[netip.Addr]bool // addresses that a Care-of Test has reached
}

// update identifies a Binding Update.
type update struct {
	sequence uint16
	careOf   netip.Addr
}

// fail notes the first thing that went wrong.
func (s *stage) fail(format string, args ...any) {
	if s.broken == nil {
		s.broken = fmt.Errorf(format, args...)
		s.say("INVARIANT BROKEN: %v", s.broken)
	}
}

// countStep: no machine keeps the daemon busy with nothing.
func (s *stage) countStep() {
	s.total++
	if s.now.Sub(s.stepsFrom) >= time.Second {
		s.steps, s.stepsFrom = 0, s.now
	}
	if s.steps++; s.steps > s.maxSteps {
		s.fail("more than %d steps in a second", s.maxSteps)
	}
}

// updateSent notes what the mobile node really asked for.
func (w *World) updateSent(p packet, bu *mh.BindingUpdate) {
	if p.dst == cnAddr {
		w.record.cnUpdates++
		w.record.cnOrder[update{bu.Sequence, p.src}] = w.record.cnUpdates
		w.network.toCN = append(w.network.toCN, p)
		return
	}
	if last := w.record.sequence; w.record.reliable && w.record.updates > 0 && !bul.Later(bu.Sequence, last) {
		w.fail("the mobile node uses sequence number %d after %d", bu.Sequence, last)
	}
	w.record.sequence = bu.Sequence
	w.record.updates++
	w.record.order[update{bu.Sequence, p.src}] = w.record.updates
	w.network.recorded = append(w.network.recorded, p)
	if len(w.network.recorded) > 200 {
		w.network.recorded = w.network.recorded[100:]
	}
}

// bindingSet: nobody's packets go where their mobile node did not ask for them,
// and nothing older undoes what was asked for later. A home agent that lost its
// memory can't know what is older, until the timestamps it accepts are all
// newer than its crash.
func (w *World) bindingSet(b role.Binding) {
	n, ok := w.record.order[update{b.Sequence, b.CareOf}]
	if !ok {
		w.fail("a binding of %s at %s, sequence number %d, that its mobile node never asked for", b.HomeAddress, b.CareOf, b.Sequence)
		return
	}
	if n < w.record.ended && !w.forgetful() {
		w.fail("binding update %d comes into force, and %d has ended the binding", n, w.record.ended)
	}
	if n < w.record.set && !w.forgetful() && !w.undoing(b) {
		w.fail("binding update %d comes into force after %d", n, w.record.set)
	}
	w.record.set = n
}

// forgetful: the home agent has lost its store, not long ago.
func (w *World) forgetful() bool {
	return !w.ha.crashed.IsZero() && w.now.Sub(w.ha.crashed) < 20*time.Second
}

// kept: what was promised is in the store, and what was ended is not, whenever the
// process was killed. What the kernel has beyond that was promised to nobody.
func (w *World) kept(r role.Registration) {
	at := 0
	if r.Bound {
		at = w.record.order[update{r.Binding.Sequence, r.Binding.CareOf}]
	}
	b, promised := w.record.acked[hoa]
	switch {
	case promised && b.Expires.After(w.now) && !r.Bound && w.record.updates == w.record.order[update{b.Sequence, b.CareOf}]:
		w.fail("an acknowledged binding is not in the store")
	case promised && r.Bound && at < w.record.order[update{b.Sequence, b.CareOf}]:
		w.fail("the store has binding update %d, and a later one was acknowledged", at)
	case r.Bound && at < w.record.ended:
		w.fail("the store has binding update %d, and %d has ended the binding", at, w.record.ended)
	}
	if r.Bound {
		w.record.set = at
	}
}

// undoing: a request that kernel or store refused gives way to what was before:
// promised, or stored by a run that was killed before it could promise it.
func (w *World) undoing(b role.Binding) bool {
	same := func(old role.Binding) bool { return old.CareOf == b.CareOf && old.Sequence == b.Sequence }
	old, ok := w.record.acked[b.HomeAddress]
	r := w.ha.stored[b.HomeAddress]
	return ok && same(old) || r.Bound && same(r.Binding)
}

// acknowledged: what an acknowledgement promises is in force when it leaves.
func (w *World) acknowledged(p packet) {
	msg, err := mh.Parse(p.raw)
	if err != nil {
		w.fail("the home agent sends what can't be parsed: %v", err)
		return
	}
	ba, ok := msg.(*mh.BindingAcknowledgement)
	if !ok || !ba.Status.Accepted() {
		return
	}
	w.acknowledged4(p.routing, ba)
	if p.routing == rivalHoA {
		return
	}
	b, bound := w.ha.bindings[hoa]
	r := w.ha.stored[hoa]
	w.checkDrain(ba, b)
	switch {
	case ba.Lifetime > 0 && !bound:
		w.fail("a binding is acknowledged that is not in force")
	case ba.Lifetime > 0 && w.record.order[update{ba.Sequence, b.CareOf}] == 0:
		// Not to whom: the answer goes to the wire source (RFC 6275 §9.5.4),
		// which nothing authenticates.
		w.fail("a binding at %s is acknowledged with sequence number %d, by which nobody asked for it", b.CareOf, ba.Sequence)
	case ba.Lifetime > 0 && (!r.Bound || r.Binding.Sequence != ba.Sequence):
		w.fail("a binding is acknowledged that is not stored")
	case ba.Lifetime > 0 && w.faults.IPsec && w.ha.endOf() != b.CareOf:
		w.fail("a binding at %s is acknowledged, and the tunnels end at %s", b.CareOf, w.ha.endOf())
	case ba.Lifetime == 0 && r.Bound:
		w.fail("a de-registration is acknowledged while the binding is stored")
	case ba.Lifetime == 0 && bound:
		w.fail("a de-registration is acknowledged while the binding is in force")
	case ba.Lifetime == 0:
		delete(w.record.acked, hoa)
		w.record.ended = max(w.record.ended, w.record.order[update{ba.Sequence, p.dst}])
	default:
		b.Sequence, b.Lifetime, b.Expires = ba.Sequence, ba.Lifetime, w.now.Add(ba.Lifetime)
		w.record.acked[hoa] = b
	}
	if ba.Lifetime == 0 || !bound {
		return
	}
	if n, ok := w.record.order[update{ba.Sequence, b.CareOf}]; ok {
		w.record.set = max(w.record.set, n)
	}
}

// checkAll holds after every step of a machine.
func (w *World) checkAll() {
	w.checkPath()
	w.checkPromise()
	w.checkTunnels()
}

// checkPromise: what was acknowledged stays until its end, unless the mobile
// node has asked for another.
func (w *World) checkPromise() {
	b, promised := w.record.acked[hoa]
	if !promised || !b.Expires.After(w.now) || w.record.updates > w.record.order[update{b.Sequence, b.CareOf}] {
		return
	}
	if _, bound := w.ha.bindings[hoa]; !bound {
		w.fail("an acknowledged binding is gone %v before its end", b.Expires.Sub(w.now))
	}
}

// checkPath: the home address is used in clear only where its link is.
func (w *World) checkPath() {
	m := w.mn
	if !m.up || m.at == homeLink || m.refused || m.dead || m.unborn || m.misled {
		return
	}
	switch m.path.Mode {
	case role.PathHome, role.PathAnswering, role.PathDeregistering:
		w.fail("the home address is %s on %s", m.path.Mode, m.at)
	}
}

// agreed: in quiet both sides have the same idea of where the mobile node is.
func (w *World) agreed() error {
	b, bound := w.ha.bindings[hoa]
	m := w.mn
	switch {
	case w.faults.Squatter:
		if bound {
			return fmt.Errorf("a binding for an address that another host on the home link has")
		}
		return nil
	case m.at == nowhere:
		return nil
	case m.at == homeLink && (bound || m.path.Mode != role.PathHome):
		return fmt.Errorf("at home with path %s, binding in force: %v", m.path.Mode, bound)
	case m.at == homeLink && (len(m.directs) > 0 || w.cn.directs[hoa].CareOf.IsValid()):
		return fmt.Errorf("at home, but directly at %s for the correspondent", w.cn.directs[hoa].CareOf)
	case m.at == homeLink:
		return nil
	case !bound || m.path.Mode != role.PathTunnelled || m.path.CareOf != b.CareOf:
		return fmt.Errorf("on %s with path %s by %s, binding in force: %v at %s", m.at, m.path.Mode, m.path.CareOf, bound, b.CareOf)
	case b.IPv4HomeAddress != m.path.IPv4 || w.faults.IPv4 != m.path.IPv4.IsValid():
		return fmt.Errorf("the IPv4 home address is %s here, and %s at the home agent; wanted: %v", m.path.IPv4, b.IPv4HomeAddress, w.faults.IPv4)
	case w.faults.Converse && !w.faults.Payload && (m.directs[cnAddr].CareOf != b.CareOf || w.cn.directs[hoa].CareOf != b.CareOf):
		return fmt.Errorf("on %s at %s, but directly from %s, and at %s for the correspondent", m.at, b.CareOf, m.directs[cnAddr].CareOf, w.cn.directs[hoa].CareOf)
	case w.faults.IPsec && (m.endOf() != b.CareOf || w.ha.endOf() != b.CareOf):
		return fmt.Errorf("on %s, bound at %s, and the tunnels end at %s here, at %s at the home agent", m.at, b.CareOf, m.endOf(), w.ha.endOf())
	case !prefixes[m.at].Contains(b.CareOf) || !m.addrs[b.CareOf]:
		return fmt.Errorf("on %s, bound at %s", m.at, b.CareOf)
	}
	return nil
}

func itoa(n int) string { return strconv.Itoa(n) }
