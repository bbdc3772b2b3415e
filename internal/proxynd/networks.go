package proxynd

import (
	"net/netip"
	"slices"
)

// networks are the prefixes behind mobile routers that are away (RFC 3963). Where
// they lie within the home link's own prefix (an aggregated home network), hosts
// there take every address of them for one on their link.
type networks struct {
	of      map[netip.Addr][]netip.Prefix // by home address
	count   map[netip.Prefix]int
	lengths [129]int // how many prefixes have each
}

// set replaces those of a home address.
func (n *networks) set(home netip.Addr, prefixes []netip.Prefix) {
	if slices.Equal(n.of[home], prefixes) {
		return
	}
	if n.of == nil {
		n.of, n.count = make(map[netip.Addr][]netip.Prefix), make(map[netip.Prefix]int)
	}
	for _, p := range prefixes {
		if n.count[p]++; n.count[p] == 1 {
			n.lengths[p.Bits()]++
		}
	}
	for _, p := range n.of[home] {
		if n.count[p]--; n.count[p] == 0 {
			delete(n.count, p)
			n.lengths[p.Bits()]--
		}
	}
	if delete(n.of, home); len(prefixes) > 0 {
		n.of[home] = slices.Clone(prefixes)
	}
}

// hold says whether an address lies in one of the prefixes.
func (n *networks) hold(a netip.Addr) bool {
	if len(n.count) == 0 {
		return false
	}
	for bits, prefixes := range n.lengths {
		if prefixes == 0 {
			continue
		}
		if p, err := a.Prefix(bits); err == nil && n.count[p] > 0 {
			return true
		}
	}
	return false
}
