package engine

import (
	"maps"
	"sync"

	"mip6d/internal/role"
)

// Counters counts by name. Safe for use by several goroutines: the sockets
// count what they drop before the engine sees it.
type Counters struct {
	mu sync.Mutex
	n  map[role.Counter]uint64
}

// Add adds one.
func (c *Counters) Add(name role.Counter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[role.Counter]uint64)
	}
	c.n[name]++
}

// Snapshot returns a copy of all counters that are not zero.
func (c *Counters) Snapshot() map[role.Counter]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}
