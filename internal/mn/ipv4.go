package mn

import (
	"net/netip"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// IPv4 has a home address have an IPv4 one beside it (RFC 5555).
type IPv4 struct {
	Addr netip.Addr // 0.0.0.0: the home agent assigns one

	// Default has IPv4 packets of applications that have not chosen a source address
	// come from it.
	Default bool
}

// ipv4 is what has become of it.
type ipv4 struct {
	addr    netip.Addr    // as the home agent last had it, or invalid
	refused mh.IPv4Status // why there is none
	lost    bool          // it was assigned to us, and is no longer ours
}

// ipv4Options ask for the IPv4 home address (RFC 5555 §4.4.2: MUST, in all Binding
// Updates; but one that ends the binding ends both, §4.4.2.1).
func (h *home) ipv4Options(t bul.Transmission) mh.Options {
	if h.IPv4 == nil || t.Lifetime == 0 {
		return nil
	}
	o := mh.IPv4HomeAddress{PrefixLen: 32, Addr: h.IPv4.Addr}
	if h.IPv4.Addr.IsUnspecified() && h.ipv4.addr.IsValid() {
		o.Addr = h.ipv4.addr // the one that we were assigned
	}
	return mh.Options{o}
}

// ipv4Answer takes what an acknowledgement says of the IPv4 home address (§4.4.2). It
// says whether the path is to change.
func (m *Machine) ipv4Answer(h *home, ba *mh.BindingAcknowledgement) (changed bool) {
	if h.IPv4 == nil {
		return false
	}
	was := h.ipv4
	h.ipv4 = ipv4{refused: mh.IPv4Unspecified} // an answer without the option
	for _, o := range ba.Options {
		a, ok := o.(mh.IPv4AddressAcknowledgement)
		switch {
		case !ok || h.ipv4.addr.IsValid():
		case !a.Status.Accepted():
			h.ipv4.refused = a.Status
		case m.anothers4(h, a.Addr):
			h.ipv4.refused = mh.IPv4Unspecified
		case usable4(a.Addr) && (a.Addr == h.IPv4.Addr || h.IPv4.Addr.IsUnspecified()):
			h.ipv4 = ipv4{addr: a.Addr}
		default:
			h.ipv4.refused = mh.IPv4Invalid // not what we have asked for
		}
	}
	h.ipv4.lost = was.addr.IsValid() && !h.ipv4.addr.IsValid() && h.IPv4.Addr.IsUnspecified()
	if h.ipv4.refused != was.refused && !h.ipv4.lost && !h.ipv4.addr.IsValid() {
		m.notice(role.Notice{Kind: role.NoticeUnregistered, HoA: h.addr(), HA: h.homeAgent(), Warn: true,
			Text: "no IPv4 home address: " + h.ipv4.refused.String()})
	}
	return h.ipv4.addr != was.addr
}

// anothers4 says whether another home address has an IPv4 home address: two home agents
// may have assigned the same private one.
func (m *Machine) anothers4(h *home, a netip.Addr) bool {
	for _, other := range m.homes {
		if other != h && other.ipv4.addr == a {
			return true
		}
	}
	return false
}

// usable4: an address for an interface of ours.
func usable4(a netip.Addr) bool {
	return a.Is4() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && a.As4()[0] < 240
}
