package ha

import (
	"net/netip"
	"slices"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// mobileNetwork finds out which prefixes a mobile router is to get its packets
// for (RFC 3963 §6.2): those it names, where its part of the prefix table has
// them, or all of that where it names none. A Binding Update without the R flag
// has no mobile network.
func (m *Machine) mobileNetwork(r *request) mh.Status {
	if !r.bu.Router {
		return mh.StatusAccepted
	}
	if r.mn == nil || !r.mn.Router || m.policy(r.home).DenyRouters {
		return mh.StatusRouterNotPermitted
	}
	for _, o := range r.bu.Options {
		o, ok := o.(mh.MobileNetworkPrefix)
		if !ok {
			continue
		}
		r.named = true
		p, err := o.Prefix.Prefix(int(o.Length))
		if err != nil || !m.forwardable(p) {
			return mh.StatusInvalidPrefix
		}
		r.prefixes = append(r.prefixes, p)
	}
	switch {
	case !r.named && len(r.mn.Prefixes) == 0:
		return mh.StatusForwardingSetupFailed
	case !r.named:
		r.prefixes = slices.Clone(r.mn.Prefixes)
	case !m.authorizes(r.home, r.prefixes):
		return mh.StatusPrefixNotAuthorized
	}
	slices.SortFunc(r.prefixes, netip.Prefix.Compare)
	r.prefixes = slices.Compact(r.prefixes)
	return mh.StatusAccepted
}

// failure is the status for what the kernel refused (§6.2, §6.6).
func (r *request) failure() mh.Status {
	switch {
	case !r.bu.Router || r.delete():
		return mh.StatusInsufficientResources
	case r.named:
		return mh.StatusInvalidPrefix
	}
	return mh.StatusForwardingSetupFailed
}

// forwardable: packets for a prefix can be tunnelled without taking what is ours
// or the home links'.
func (m *Machine) forwardable(p netip.Prefix) bool {
	a := p.Addr()
	if p.Bits() == 0 || !a.Is6() || a.Is4In6() || a.IsMulticast() || a.IsLinkLocalUnicast() || a.IsLoopback() || a.IsUnspecified() {
		return false
	}
	for i := range m.p.Links {
		l := &m.p.Links[i]
		if p.Contains(l.Address) || slices.ContainsFunc(l.Prefixes, func(x Prefix) bool { return p.Bits() <= x.Prefix.Bits() && p.Overlaps(x.Prefix) }) {
			return false
		}
	}
	return true
}

// authorizes says whether the prefix table has all of some prefixes for a mobile
// router (§6.1.2).
func (m *Machine) authorizes(home netip.Addr, prefixes []netip.Prefix) bool {
	mn := m.known.Find(home)
	if mn == nil || !mn.Router || m.policy(home).DenyRouters {
		return false
	}
	return !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool {
		return !slices.ContainsFunc(mn.Prefixes, func(x netip.Prefix) bool { return x.Bits() <= p.Bits() && x.Contains(p.Addr()) })
	})
}

// changesType: a mobile host does not become a mobile router, or the other way
// round, while it is bound (§6.2).
func (m *Machine) changesType(r *request) bool {
	b, bound := m.cache.Get(r.home)
	return bound && b.MobileRouter != r.bu.Router
}

// behindItself: the care-of address lies in the mobile network of the mobile
// router itself, or of one that is reached through it. Packets would go round
// for ever.
func (m *Machine) behindItself(r *request) bool {
	if mn := r.mn; mn != nil && r.bu.Router && slices.ContainsFunc(mn.Prefixes, func(p netip.Prefix) bool { return p.Contains(r.careOf) }) {
		return true
	}
	for b := range m.above(r.careOf) {
		if b.HomeAddress == r.home {
			return true
		}
	}
	return false
}

// above yields the bindings of the mobile routers that packets for an address
// pass, the innermost first.
func (m *Machine) above(a netip.Addr) func(yield func(role.Binding) bool) {
	return func(yield func(role.Binding) bool) {
		for range m.cache.Len() { // no longer, whatever the cache holds
			b, ok := m.cache.Behind(a)
			if !ok || !yield(b) {
				return
			}
			a = b.CareOf
		}
	}
}
