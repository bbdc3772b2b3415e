package cn

import (
	"net/netip"
	"time"

	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// BindingView is what `mip6ctl show bindings` shows of one binding.
type BindingView struct {
	HomeAddress netip.Addr
	Local       netip.Addr // the address of ours that it is for
	CareOf      netip.Addr
	Sequence    uint16
	Lifetime    time.Duration // granted
	Expires     time.Time
	Created     time.Time
	Moves       uint64
}

// Bindings returns the bindings, by home address.
func (m *Machine) Bindings() []BindingView {
	list := make([]BindingView, 0, m.cache.bound)
	for _, e := range m.cache.sorted() {
		if e.bound {
			list = append(list, BindingView{
				HomeAddress: e.pair.Peer, Local: e.pair.Local, CareOf: e.careOf, Sequence: e.sequence,
				Lifetime: e.lifetime, Expires: e.expires, Created: e.created, Moves: uint64(e.moves),
			})
		}
	}
	return list
}

// Len says how many bindings there are.
func (m *Machine) Len() int { return m.cache.bound }

// Bound says whether there is a binding of a home address with an address of
// ours.
func (m *Machine) Bound(local, home netip.Addr) bool {
	e := m.cache.get(role.Pair{Local: local, Peer: home})
	return e != nil && e.bound
}

// Nonces returns the nonces that are accepted: indices and ages, no secrets.
func (m *Machine) Nonces(now time.Time) []rr.NonceView { return m.nonces.List(now) }
