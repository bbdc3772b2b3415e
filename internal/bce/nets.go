package bce

import (
	"net/netip"

	"mip6d/internal/role"
)

// nets finds the mobile router behind which an address lies (RFC 3963 §6.1.1). A
// lookup costs as much as there are different prefix lengths.
type nets struct {
	byPrefix map[netip.Prefix]*entry
	lengths  [129]int // how many prefixes have each
}

func (n *nets) add(e *entry) {
	for _, p := range e.binding.MobilePrefixes {
		if n.byPrefix == nil {
			n.byPrefix = make(map[netip.Prefix]*entry)
		}
		if n.byPrefix[p] == nil {
			n.lengths[p.Bits()]++
		}
		n.byPrefix[p] = e
	}
}

func (n *nets) remove(e *entry) {
	for _, p := range e.binding.MobilePrefixes {
		if n.byPrefix[p] == e {
			delete(n.byPrefix, p)
			n.lengths[p.Bits()]--
		}
	}
}

// Behind returns the binding of the mobile router in whose mobile network an
// address lies, the longest prefix first.
func (c *Cache) Behind(a netip.Addr) (role.Binding, bool) {
	if len(c.nets.byPrefix) == 0 {
		return role.Binding{}, false
	}
	for bits := 128; bits > 0; bits-- {
		if c.nets.lengths[bits] == 0 {
			continue
		}
		p, err := a.Prefix(bits)
		if err != nil {
			return role.Binding{}, false
		}
		if e := c.nets.byPrefix[p]; e != nil {
			return e.binding, true
		}
	}
	return role.Binding{}, false
}
