package xfrmmig

import (
	"net/netip"
)

// Managed leaves the security associations of a home address to an IKE daemon, which
// makes, renews and removes them by itself (RFC 4877). What the guard keeps are the
// policies: their reqids say which associations are theirs, and the kernel asks the IKE
// daemon for one that is missing.
type Managed struct {
	Number   Number // makes the reqids, which the IKE daemon's configuration has as well
	Purposes [purposes]bool

	// Mobile says that the IKE daemon listens to migrations, and goes on from where
	// XFRMA_KMADDRESS says (RFC 6275 §11.7.1: K).
	Mobile bool
}

// MaxNumber is the largest of a managed home address.
const MaxNumber Number = MaxProtected - 1

// adoptManaged finds out where an earlier run's policies of tunnels end, and keeps them
// and the IKE daemon's associations.
func (g *Guard) adoptManaged(h *guarded, f *found) error {
	for _, s := range f.sas {
		n, u := numberOf(s.Reqid)
		if n != h.number {
			continue
		}
		f.kept = append(f.kept, s)
		if u != ForSignalling && !h.careOf.IsValid() {
			h.careOf = otherEnd(s.Src, s.Dst, h.HomeAgent)
		}
	}
	for _, p := range f.policies {
		if len(p.Templates) == 0 {
			continue
		}
		t := p.Templates[0]
		if n, u := numberOf(t.Reqid); n != h.number || u == ForSignalling || !h.Has(u) {
			continue
		}
		if !h.active {
			h.active, h.left, h.careOf = true, true, otherEnd(t.Src, t.Dst, h.HomeAgent)
			h.mobile = h.Managed.Mobile
		}
	}
	if !h.careOf.IsValid() {
		h.careOf = h.HomeAddress
	}
	if !h.active {
		return nil
	}
	for _, u := range Purposes[1:] {
		if h.Has(u) {
			list := h.policies(h.number, u, g.end, h.careOf)
			if err := g.setPolicies(list); err != nil {
				return err
			}
			f.wanted = append(f.wanted, list...)
		}
	}
	return nil
}

func otherEnd(a, b, end netip.Addr) netip.Addr {
	if a == end {
		return b
	}
	return a
}

// setManaged has the policies of the tunnels end at a care-of address, and the
// associations as well where the IKE daemon follows. Otherwise it makes new ones from
// there.
func (g *Guard) setManaged(h *guarded, careOf netip.Addr, mobile bool) error {
	if err := g.move(h, careOf, mobile); err != nil {
		return err
	}
	h.active, h.left, h.mobile = true, false, mobile
	return nil
}

func (g *Guard) move(h *guarded, to netip.Addr, mobile bool) error {
	var old, moved []Policy
	var list []Migration
	for _, u := range Purposes[1:] {
		if h.Has(u) {
			old = append(old, h.policies(h.number, u, g.end, h.careOf)...)
			moved = append(moved, h.policies(h.number, u, g.end, to)...)
			list = append(list, h.migrations(h.number, u, g.end, h.careOf, to)...)
		}
	}
	if !h.active {
		// A migration moves policies that are there, and the associations with them.
		if err := g.setPolicies(old); err != nil {
			return err
		}
	}
	if h.careOf == to {
		return nil
	}
	var err error
	if mobile {
		list = append(list, h.announcement(h.number, g.end, h.careOf, to))
		for i := range list {
			list[i].KeyManager = h.keyManager(g.end, to)
		}
		err = g.conn.Migrate(list)
	}
	if !mobile || cannotMove(err) {
		err = g.setPolicies(moved)
	}
	if err != nil {
		return err
	}
	h.careOf = to
	return nil
}

// clearManaged takes the IKE daemon, and the associations, back to the home address, and
// makes the tunnels inactive.
func (g *Guard) clearManaged(h *guarded) error {
	if !h.active {
		return nil
	}
	// An association that is left behind is the IKE daemon's to remove.
	if h.mobile {
		if err := g.move(h, h.HomeAddress, true); err != nil {
			return err
		}
	}
	return g.clear(h)
}

// keyManager is where the IKE daemons of both ends are when the mobile node is at to.
func (p Protection) keyManager(end End, to netip.Addr) KeyManager {
	if end == AtHomeAgent {
		return KeyManager{Local: p.HomeAgent, Remote: to}
	}
	return KeyManager{Local: to, Remote: p.HomeAgent}
}

// announcement tells the IKE daemon of a move by way of the policy of signalling, whose
// associations it always has: it takes note only of one that is for associations of its
// own, and of the tunnels' there may be none. The policy's template has no end points, so
// that nothing of it changes; those given are none of an association's, so that none
// moves.
func (p Protection) announcement(n Number, end End, from, to netip.Addr) Migration {
	at := to
	if at == p.HomeAddress {
		at = from
	}
	for _, policy := range p.policies(n, ForSignalling, end, netip.Addr{}) {
		if policy.Dir == Out {
			e := Endpoints{Src: at, Dst: p.HomeAgent}
			return Migration{Selector: policy.Selector, Dir: Out, Reqid: n.Reqid(ForSignalling), Mode: Transport, Old: e, New: e}
		}
	}
	panic("signalling has policies in both directions")
}

// Made takes note of a security association that somebody else has made. If it is one
// with which an IKE daemon has made signalling possible, its home address is returned.
// The IKE daemon is told where it is to talk from: it may have begun elsewhere.
func (g *Guard) Made(s SA) (home netip.Addr, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, u := numberOf(s.Reqid)
	for _, h := range g.homes {
		sending := s.Dst == h.HomeAgent == (g.end == AtMobileNode) // made after the one to receive
		if h.Managed == nil || h.number != n || !isESPReqid(s.Reqid) || u != ForSignalling || !sending {
			continue
		}
		if h.active && h.mobile {
			a := h.announcement(h.number, g.end, h.careOf, h.careOf)
			a.KeyManager = h.keyManager(g.end, h.careOf)
			err = g.conn.Migrate([]Migration{a})
		}
		return h.HomeAddress, err
	}
	return netip.Addr{}, nil
}
