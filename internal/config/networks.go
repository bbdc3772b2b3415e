package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// networks are the prefixes of all mobile networks of a file, of which there may be very many,
// and how far they have been looked at.
type networks struct {
	all   []netip.Prefix
	wrong map[netip.Prefix]bool // that overlap with another; nil: not known yet
	seen  []netip.Prefix        // of the wrong ones
}

// checkNetworks: a mobile network is behind one mobile router. These are the next of all.
func (d *decoder) checkNetworks(path string, prefixes []netip.Prefix, n *networks) {
	if n.wrong == nil {
		n.wrong = overlapping(n.all)
	}
	for k, p := range prefixes {
		if !n.wrong[p] {
			continue
		}
		for _, q := range n.seen {
			if p.Overlaps(q) {
				d.wrongf(fmt.Sprintf("%s[%d]", path, k), "%s overlaps with %s, which stands above: a prefix is behind one mobile router", p, q)
			}
		}
		n.seen = append(n.seen, p)
	}
}

// overlapping finds the prefixes that hold another one, or are in it, or are there twice. In the
// order of their addresses, the shorter first, what a prefix holds comes right behind it. Those that are
// invalid, or have bits beyond their length, were refused before.
func overlapping(list []netip.Prefix) map[netip.Prefix]bool {
	sorted := slices.DeleteFunc(slices.Clone(list), func(p netip.Prefix) bool { return !p.IsValid() })
	slices.SortFunc(sorted, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	wrong := make(map[netip.Prefix]bool)
	var around netip.Prefix // the widest that may hold the next
	for _, p := range sorted {
		if around.IsValid() && around.Overlaps(p) {
			wrong[around], wrong[p] = true, true
		} else {
			around = p
		}
	}
	return wrong
}
