package role

import "net/netip"

// Policy says with whom route optimisation is wanted. The longest prefix that
// holds an address decides; of two of the same length, Deny.
type Policy struct {
	Default bool // for addresses in no prefix
	Allow   []netip.Prefix
	Deny    []netip.Prefix
}

// Permits says whether a peer may be reached directly.
func (p Policy) Permits(peer netip.Addr) bool {
	allow, deny := longest(p.Allow, peer), longest(p.Deny, peer)
	if allow < 0 && deny < 0 {
		return p.Default
	}
	return allow > deny
}

// longest is the length of the longest of the prefixes that hold an address, -1
// for none.
func longest(prefixes []netip.Prefix, a netip.Addr) int {
	best := -1
	for _, p := range prefixes {
		if p.Contains(a) {
			best = max(best, p.Bits())
		}
	}
	return best
}
