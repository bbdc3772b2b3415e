// Package bce is the binding cache of RFC 6275 §9.1: bindings by home address,
// in the order in which they expire, and the comparison of sequence numbers.
//
// All operations cost at most the logarithm of the number of bindings. It knows
// neither messages nor the kernel.
package bce

import (
	"iter"
	"net/netip"
	"time"

	"mip6d/internal/heap"
	"mip6d/internal/role"
)

// Cache holds at most one binding for each home address, which is an IPv6 address without a
// zone, as its care-of address is. The zero value is empty.
type Cache struct {
	byHome map[key]*entry
	expiry heap.Heap[*entry] // the next to expire first
	nets   nets
}

// Set puts a binding in, in place of one of the same home address.
func (c *Cache) Set(b role.Binding) {
	e := c.byHome[keyOf(b.HomeAddress)]
	if e != nil {
		c.nets.remove(e)
	} else {
		if c.byHome == nil {
			c.byHome = make(map[key]*entry)
		}
		e = new(entry)
		c.byHome[keyOf(b.HomeAddress)] = e
	}
	e.set(b)
	c.nets.add(e)
	c.expiry.Set(e)
}

// Get returns the binding of a home address.
func (c *Cache) Get(home netip.Addr) (role.Binding, bool) {
	if e := c.byHome[keyOf(home)]; e != nil {
		return e.binding(), true
	}
	return role.Binding{}, false
}

// Has says whether a home address has a binding.
func (c *Cache) Has(home netip.Addr) bool { return c.byHome[keyOf(home)] != nil }

// Delete removes the binding of a home address; that there is none is fine.
func (c *Cache) Delete(home netip.Addr) {
	if e := c.byHome[keyOf(home)]; e != nil {
		c.remove(e)
	}
}

func (c *Cache) remove(e *entry) {
	c.expiry.Remove(e)
	delete(c.byHome, e.home)
	c.nets.remove(e)
}

// Len counts the bindings.
func (c *Cache) Len() int { return c.expiry.Len() }

// Next is when the first binding expires; zero when there is none.
func (c *Cache) Next() time.Time {
	if e, ok := c.expiry.First(); ok {
		return e.expires
	}
	return time.Time{}
}

// PopExpired removes one binding that has expired, the longest expired first.
func (c *Cache) PopExpired(now time.Time) (role.Binding, bool) {
	e, ok := c.expiry.First()
	if !ok || e.expires.After(now) {
		return role.Binding{}, false
	}
	c.remove(e)
	return e.binding(), true
}

// All yields the bindings in no particular order.
func (c *Cache) All() iter.Seq[role.Binding] {
	return func(yield func(role.Binding) bool) {
		for e := range c.expiry.All() {
			if !yield(e.binding()) {
				return
			}
		}
	}
}

// Later says whether sequence number a is greater than b, modulo 2^16
// (RFC 6275 §9.5.1): one of the 32767 numbers after it.
func Later(a, b uint16) bool { return a != b && a-b < 1<<15 }
