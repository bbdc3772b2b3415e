// Package lpm is a table of prefixes with values, in which the longest prefix that holds an
// address is found (longest prefix match). A look-up costs as much as there are different
// lengths, however many prefixes have them, and allocates nothing.
//
// It knows neither what the values are nor the kernel, and is not safe for use by several
// goroutines.
package lpm

import (
	"net/netip"
	"slices"
)

// Table holds a value for each of its prefixes. The zero value is empty.
type Table[V any] struct {
	values  map[netip.Prefix]V
	count   [129]int // how many prefixes have each length
	lengths []uint8  // that any have, the longest first
}

// Len counts the prefixes.
func (t *Table[V]) Len() int { return len(t.values) }

// Get returns the value of exactly this prefix. Bits beyond its length don't matter, here and
// in the other methods.
func (t *Table[V]) Get(p netip.Prefix) (v V, ok bool) {
	v, ok = t.values[p.Masked()]
	return v, ok
}

// Set gives a prefix a value, in place of one that it has. An invalid prefix holds no address,
// and gets none.
func (t *Table[V]) Set(p netip.Prefix, v V) {
	if p = p.Masked(); !p.IsValid() {
		return
	}
	if t.values == nil {
		t.values = make(map[netip.Prefix]V)
	}
	if _, there := t.values[p]; !there {
		if t.count[p.Bits()]++; t.count[p.Bits()] == 1 {
			t.lengths = append(t.lengths, uint8(p.Bits()))
			slices.SortFunc(t.lengths, func(a, b uint8) int { return int(b) - int(a) })
		}
	}
	t.values[p] = v
}

// Delete takes a prefix out; that it is not in is fine.
func (t *Table[V]) Delete(p netip.Prefix) {
	p = p.Masked()
	if _, there := t.values[p]; !there {
		return
	}
	delete(t.values, p)
	if t.count[p.Bits()]--; t.count[p.Bits()] == 0 {
		t.lengths = slices.DeleteFunc(t.lengths, func(n uint8) bool { return int(n) == p.Bits() })
	}
}

// Longest returns the value of the longest prefix that holds an address, as netip.Prefix's
// Contains has it: none holds an address with a zone, and those of one family none of the other.
func (t *Table[V]) Longest(a netip.Addr) (v V, ok bool) {
	if len(t.lengths) == 0 || a.Zone() != "" {
		return v, false
	}
	for _, bits := range t.lengths {
		p, err := a.Prefix(int(bits))
		if err != nil {
			continue // longer than an IPv4 address
		}
		if v, ok = t.values[p]; ok {
			return v, true
		}
	}
	return v, false
}
