package mn

import (
	"net/netip"
	"slices"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// networkOptions name the prefixes behind a mobile router in explicit mode (RFC
// 3963 §5.2: in all Binding Updates, but not in one that ends a binding, §5.8).
func (h *home) networkOptions(t bul.Transmission) (list mh.Options) {
	if h.Network == nil || h.Network.Implicit || t.Lifetime == 0 {
		return nil
	}
	for _, p := range h.Network.Prefixes {
		list = append(list, mh.MobileNetworkPrefix{Length: uint8(p.Bits()), Prefix: p.Addr()})
	}
	return list
}

// notForwarded: a home agent without support for mobile routers has bound the home
// address alone. It is asked to let go (RFC 3963 §5.3: MUST), and left alone as one
// that refuses.
func (m *Machine) notForwarded(h *home, t bul.Transmission, ba *mh.BindingAcknowledgement) {
	e := m.entry(h)
	e.Accept(t, ba.Lifetime) // it holds a binding, for all we know, until it answers
	m.refusal(h, ba.Status, "the home agent does not forward for mobile routers")
	h.refused = true
	m.sendUpdate(h, 0)
	h.due = m.now.Add(m.p.RefusedRetry)
	m.setPath(h, role.HomePath{Mode: role.PathBlocked})
}

// behindUs says whether a prefix is of a network behind us. When our own router
// advertisements are heard where we are looking for a way to the world, that is
// none: packets would go round for ever.
func (m *Machine) behindUs(net netip.Prefix) bool {
	return slices.ContainsFunc(m.homes, func(h *home) bool {
		return h.Network != nil && slices.ContainsFunc(h.Network.Prefixes, func(p netip.Prefix) bool { return p.Overlaps(net) })
	})
}
