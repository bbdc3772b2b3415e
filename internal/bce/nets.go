package bce

import (
	"net/netip"

	"mip6d/internal/lpm"
	"mip6d/internal/role"
)

// nets finds the mobile router behind which an address lies (RFC 3963 §6.1.1).
type nets struct{ table lpm.Table[*entry] }

func (n *nets) add(e *entry) {
	for _, p := range e.prefixes() {
		n.table.Set(p, e)
	}
}

// remove takes the prefixes of an entry out, but for those that are another's by now.
func (n *nets) remove(e *entry) {
	for _, p := range e.prefixes() {
		if owner, _ := n.table.Get(p); owner == e {
			n.table.Delete(p)
		}
	}
}

// Behind returns the binding of the mobile router in whose mobile network an
// address lies, the longest prefix first.
func (c *Cache) Behind(a netip.Addr) (role.Binding, bool) {
	if e, ok := c.nets.table.Longest(a); ok {
		return e.binding(), true
	}
	return role.Binding{}, false
}
