package xfrmmig

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// Guard keeps the policies and security associations of protected home
// addresses in the kernel.
//
// Those of signalling are between the home address and the home agent and stand
// as long as the home address is protected, at home and away. Tunnels have
// policies only while the mobile node is away (RFC 3776 §4.2: made inactive at
// home); their associations are kept, with their sequence numbers, and follow the
// care-of address by migration.
type Guard struct {
	end End

	mu    sync.Mutex // a reload comes from elsewhere than bindings
	conn  kernel
	homes map[netip.Addr]*guarded
}

// guarded is what is in the kernel for one home address.
type guarded struct {
	Protection
	number Number
	careOf netip.Addr // where its tunnels' associations end; invalid: there are none
	active bool       // the tunnels' policies are there
	broken bool       // a failure has left who knows what of the tunnels
	left   bool       // by an earlier run, and nobody has wanted them since
	mobile bool       // managed: whether the IKE daemon has followed, and will
}

// OpenGuard opens the applier in the current network namespace. It needs
// CAP_NET_ADMIN.
func OpenGuard(end End) (*Guard, error) {
	c, err := Dial()
	if err != nil {
		return nil, err
	}
	return &Guard{conn: c, end: end, homes: make(map[netip.Addr]*guarded)}, nil
}

// Close releases the socket. What is set stays in force.
func (g *Guard) Close() error { return g.conn.Close() }

// Protect has exactly these home addresses protected from now on. What an earlier
// run, or an earlier call, has left of them stays as it is where it is right; what
// there is of others is removed. Policies come first: there is no moment in which
// unprotected signalling is let in.
func (g *Guard) Protect(list []Protection) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(list) > MaxProtected {
		return fmt.Errorf("%d home addresses are to be protected, and at most %d can be", len(list), MaxProtected)
	}
	if g.end == AtHomeAgent && len(list) > 0 {
		if err := g.conn.hashPolicies(); err != nil {
			return err
		}
	}
	found, err := g.find()
	if err != nil {
		return err
	}
	numbers := g.number(list, found)
	var errs []error
	homes := make(map[netip.Addr]*guarded)
	for _, p := range list {
		h := &guarded{Protection: p, number: numbers[p.HomeAddress]}
		if old := g.homes[p.HomeAddress]; old != nil {
			h.careOf, h.active, h.left, h.broken, h.mobile = old.careOf, old.active, old.left, old.broken, old.mobile
		}
		errs = append(errs, g.signalling(h, found), g.adopt(h, found))
		homes[p.HomeAddress] = h
	}
	g.homes = homes
	return errors.Join(append(errs, g.sweep(found))...)
}

// signalling sets what does not depend on a care-of address.
func (g *Guard) signalling(h *guarded, found *found) error {
	for _, p := range h.policies(h.number, ForSignalling, g.end, netip.Addr{}) {
		if err := g.conn.SetPolicy(p); err != nil {
			return err
		}
		found.keepPolicy(p)
	}
	if h.Managed != nil {
		return nil
	}
	return g.setSAs(h.associations(h.number, ForSignalling, g.end, netip.Addr{}), found)
}

// setSAs makes associations; those that are there and the same are left alone,
// with their sequence numbers.
func (g *Guard) setSAs(list []SA, found *found) error {
	for _, s := range list {
		if found.keepSA(s) {
			continue
		}
		if err := g.conn.setSA(s); err != nil {
			return err
		}
	}
	return nil
}

// adopt finds out where the tunnels of an earlier run end, and keeps what is as
// it should be.
func (g *Guard) adopt(h *guarded, found *found) error {
	if h.Managed != nil {
		return g.adoptManaged(h, found)
	}
	for _, u := range Purposes[1:] {
		if !h.Has(u) {
			continue
		}
		for _, s := range found.sas {
			if s.Reqid != h.number.Reqid(u) || s.Mode != Tunnel {
				continue
			}
			careOf := s.Src
			if careOf == h.HomeAgent {
				careOf = s.Dst
			}
			if h.careOf.IsValid() && h.careOf != careOf {
				continue // half of a migration; the rest is swept and made anew
			}
			h.careOf = careOf
		}
	}
	if !h.careOf.IsValid() {
		return nil
	}
	for _, u := range Purposes[1:] {
		if !h.Has(u) {
			continue
		}
		if err := g.setSAs(h.associations(h.number, u, g.end, h.careOf), found); err != nil {
			return err
		}
		// The way that they protect is still there: nothing may take it unprotected.
		policies := h.policies(h.number, u, g.end, h.careOf)
		if h.active || found.hasPolicy(policies[0]) {
			h.left = h.left || !h.active
			h.active = true
			if err := g.setPolicies(policies); err != nil {
				return err
			}
			found.wanted = append(found.wanted, policies...)
		}
	}
	return nil
}

// SetTunnels has the tunnels of a home address end at a care-of address, if it has
// any. An IKE daemon follows if keyMgmt says that the peer's does so, too. A failure
// leaves, or brings back, what was before.
func (g *Guard) SetTunnels(home, careOf netip.Addr, keyMgmt bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.homes[home]
	if h == nil {
		return nil
	}
	if h.Managed != nil {
		return g.setManaged(h, careOf, h.Managed.Mobile && keyMgmt)
	}
	if h.broken {
		if err := g.beginAnew(h); err != nil {
			return err
		}
	}
	for _, u := range Purposes[1:] {
		if !h.Has(u) {
			continue
		}
		if err := g.setTunnel(h, u, careOf); err != nil {
			undo := g.unset(h, u, careOf)
			h.broken = h.broken || undo != nil
			return errors.Join(err, undo)
		}
	}
	h.careOf, h.active, h.left = careOf, true, false
	return nil
}

// Settle makes the tunnels inactive that an earlier run has left and that were not set
// since: a home agent's bindings that are no more.
func (g *Guard) Settle() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var errs []error
	for _, h := range g.homes {
		if h.left {
			errs = append(errs, g.makeInactive(h))
		}
	}
	return errors.Join(errs...)
}

// beginAnew removes the tunnels' associations, wherever they end. Their policies stay:
// nothing gets past them meanwhile.
func (g *Guard) beginAnew(h *guarded) error {
	for _, u := range Purposes[1:] {
		if h.Has(u) {
			if err := g.drop(h, u); err != nil {
				return err
			}
		}
	}
	h.broken, h.careOf = false, netip.Addr{}
	return nil
}

// unset takes back what SetTunnels did before it failed at a purpose.
func (g *Guard) unset(h *guarded, failed Purpose, careOf netip.Addr) error {
	if !h.careOf.IsValid() {
		h.broken = true // some associations were made
	}
	var errs []error
	for _, u := range Purposes[1:failed] {
		if h.Has(u) && h.careOf.IsValid() && careOf != h.careOf {
			if err := g.conn.Migrate(h.migrations(h.number, u, g.end, careOf, h.careOf)); err != nil {
				errs = append(errs, fmt.Errorf("go back to %s: %w", h.careOf, err))
			}
		}
	}
	if !h.active {
		errs = append(errs, g.clear(h))
	}
	return errors.Join(errs...)
}

func (g *Guard) setTunnel(h *guarded, u Purpose, careOf netip.Addr) error {
	if h.careOf.IsValid() {
		// The policies go where the associations are, and both move together.
		if !h.active {
			if err := g.setPolicies(h.policies(h.number, u, g.end, h.careOf)); err != nil {
				return err
			}
		}
		if h.careOf == careOf {
			return nil
		}
		there, back := h.migrations(h.number, u, g.end, h.careOf, careOf), h.migrations(h.number, u, g.end, careOf, h.careOf)
		err := g.conn.Migrate(there)
		if err == nil {
			if err = g.complete(h.associations(h.number, u, g.end, careOf)); err != nil {
				undo := g.conn.Migrate(back)
				h.broken = undo != nil
				err = errors.Join(err, undo)
			}
			return err
		}
		if !cannotMove(err) {
			h.broken = errors.Is(err, errHalfway)
			return err
		}
		// Somebody has taken away what was to move, or it can't be moved: the keys are
		// known. Should what follows fail, nobody knows where it ends.
		h.broken = true
		if err := g.drop(h, u); err != nil {
			return err
		}
	}
	if err := g.setPolicies(h.policies(h.number, u, g.end, careOf)); err != nil {
		return err
	}
	if err := g.setSAs(h.associations(h.number, u, g.end, careOf), new(found)); err != nil {
		return err
	}
	h.broken = false
	return nil
}

// complete makes associations that are missing: a migration succeeds for a policy
// alone.
func (g *Guard) complete(list []SA) error {
	for _, s := range list {
		err := g.conn.getSA(s)
		if errors.Is(err, unix.ESRCH) {
			err = g.conn.setSA(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cannotMove: no such policy, its template ends elsewhere, or the kernel knows no
// migration (ENOPROTOOPT).
func cannotMove(err error) bool {
	for _, e := range []error{unix.ENOENT, unix.ENODATA, unix.ESRCH, unix.ENOPROTOOPT} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (g *Guard) setPolicies(list []Policy) error {
	for _, p := range list {
		if err := g.conn.SetPolicy(p); err != nil {
			return err
		}
	}
	return nil
}

// drop removes the associations of a purpose wherever they end.
func (g *Guard) drop(h *guarded, u Purpose) error {
	sas, err := g.conn.SAs()
	if err != nil {
		return err
	}
	for _, s := range sas {
		if s.Reqid == h.number.Reqid(u) {
			if err := g.conn.deleteSA(s.SA); err != nil {
				return err
			}
		}
	}
	return nil
}

// ClearTunnels makes the tunnels' policies inactive. The associations are kept for
// the next time (RFC 3776 §4.2: MUST be retained).
func (g *Guard) ClearTunnels(home netip.Addr) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h := g.homes[home]; h != nil {
		return g.makeInactive(h)
	}
	return nil
}

func (g *Guard) makeInactive(h *guarded) error {
	if h.Managed != nil {
		return g.clearManaged(h)
	}
	return g.clear(h)
}

func (g *Guard) clear(h *guarded) error {
	var errs []error
	for _, u := range Purposes[1:] {
		if h.Has(u) {
			for _, p := range h.policies(h.number, u, g.end, h.careOf) {
				errs = append(errs, g.conn.DeletePolicy(p))
			}
		}
	}
	h.active, h.left = false, false
	return errors.Join(errs...)
}

// Set and Clear make it a part of a home agent's data path, see datapath.Part.
func (g *Guard) Set(bindings []role.Binding) []error {
	errs := make([]error, len(bindings))
	for i, b := range bindings {
		errs[i] = g.SetTunnels(b.HomeAddress, b.CareOf, b.KeyMgmt)
	}
	return errs
}

// Clear ends what Set has begun.
func (g *Guard) Clear(homes []netip.Addr) []error {
	errs := make([]error, len(homes))
	for i, a := range homes {
		errs[i] = g.ClearTunnels(a)
	}
	return errs
}

// IsTunnel says whether a mark is that of packets which came through one of the
// tunnels.
func IsTunnel(mark uint32) bool {
	_, u := numberOf(mark)
	return isESPReqid(mark) && u != ForSignalling
}

// Reqid is the mark of packets that came in through an association of a protected
// home address; 0: it is not protected.
func (g *Guard) Reqid(home netip.Addr, u Purpose) uint32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.homes[home]
	if h == nil || !h.Has(u) {
		return 0
	}
	return h.number.Reqid(u)
}
