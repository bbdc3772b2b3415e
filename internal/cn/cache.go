package cn

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/heap"
	"mip6d/internal/role"
)

// entry is what is known of one home address with one address of ours (§9.1).
// While it is not bound it is but the memory of a sequence number.
type entry struct {
	heap.Place
	pair     role.Pair
	careOf   netip.Addr
	sequence uint16
	nonce    uint16 // home nonce index of the last Binding Update
	bound    bool
	stage    stage
	requests uint8 // Binding Refresh Requests sent
	moves    uint32

	lifetime time.Duration
	expires  time.Time
	created  time.Time
	guard    time.Time // until when the last Binding Update could be replayed

	current, waiting *request // asked of the kernel, and what comes after
	asked            role.ID
	making           bool // counted in cache.making
	void             bool // current came too late: the binding was ended meanwhile

	traffic     role.Traffic // as last told
	unreachable uint8        // ICMPv6 errors about it in a row
	firstError  time.Time

	// Of the cache.
	at           time.Time // when something is to be done; zero: never
	older, newer *entry    // by last Binding Update, among the bound ones or among the others
}

// Before implements heap.Item.
func (e *entry) Before(other *entry) bool { return e.at.Before(other.at) }

// cache is the Binding Cache. All operations cost at most the logarithm of the
// number of entries.
type cache struct {
	entries map[role.Pair]*entry
	timers  heap.Heap[*entry]
	bound   int
	making  int   // not bound, but about to be
	live    order // bound, the one updated the longest ago first
	ended   order // not bound, likewise
}

func (c *cache) init() { c.entries = make(map[role.Pair]*entry) }

func (c *cache) get(p role.Pair) *entry { return c.entries[p] }

// add makes an entry that is not bound.
func (c *cache) add(p role.Pair) *entry {
	e := &entry{pair: p}
	c.entries[p] = e
	c.ended.push(e)
	return e
}

// bind notes that an entry is bound, and updated now.
func (c *cache) bind(e *entry) {
	if e.bound {
		c.live.take(e)
	} else {
		c.ended.take(e)
		c.bound++
	}
	e.bound = true
	c.live.push(e)
}

// unbind keeps the entry for its sequence number.
func (c *cache) unbind(e *entry) {
	if !e.bound {
		return
	}
	c.live.take(e)
	e.bound = false
	c.bound--
	c.ended.push(e)
}

func (c *cache) remove(e *entry) {
	c.unbind(e)
	c.ended.take(e)
	c.schedule(e, time.Time{})
	delete(c.entries, e.pair)
}

// taken counts the bindings, and those that are being made.
func (c *cache) taken() int { return c.bound + c.making }

// guards counts what is remembered of bindings that have ended.
func (c *cache) guards() int { return len(c.entries) - c.bound }

// oldest is the bound entry that was updated the longest ago and is not being
// changed, or nil.
func (c *cache) oldest() *entry { return c.live.oldest() }

// oldestGuard is the same of those that are not bound. Nil when all
// of them are being changed.
func (c *cache) oldestGuard() *entry { return c.ended.oldest() }

// schedule has an entry come up at a time; zero: never.
func (c *cache) schedule(e *entry, at time.Time) {
	e.at = at
	if at.IsZero() {
		c.timers.Remove(e)
		return
	}
	c.timers.Set(e)
}

func (c *cache) next() time.Time {
	if e, ok := c.timers.First(); ok {
		return e.at
	}
	return time.Time{}
}

// due returns an entry whose time has come, or nil.
func (c *cache) due(now time.Time) *entry {
	if e, ok := c.timers.First(); ok && !e.at.After(now) {
		return e
	}
	return nil
}

// sorted returns all entries by home address and our own: the same past gives
// the same effects.
func (c *cache) sorted() []*entry {
	list := make([]*entry, 0, len(c.entries))
	for _, e := range c.entries {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *entry) int {
		return cmp.Or(a.pair.Peer.Compare(b.pair.Peer), a.pair.Local.Compare(b.pair.Local))
	})
	return list
}

// order is a list of entries, the oldest first.
type order struct{ first, last *entry }

func (o *order) push(e *entry) {
	e.older, e.newer = o.last, nil
	if o.last != nil {
		o.last.newer = e
	} else {
		o.first = e
	}
	o.last = e
}

func (o *order) take(e *entry) {
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		o.first = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		o.last = e.older
	}
	e.older, e.newer = nil, nil
}

func (o *order) oldest() *entry {
	for e := o.first; e != nil; e = e.newer {
		if e.current == nil {
			return e
		}
	}
	return nil
}
