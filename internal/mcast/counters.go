package mcast

import (
	"sync/atomic"

	"mip6d/internal/role"
)

// Counters of the data path, in packets.
const (
	CountArrived   role.Counter = "multicast_from_home_link"     // to a group that somebody away listens to
	CountTunnelled role.Counter = "multicast_tunnelled"          // copies sent
	CountFromNodes role.Counter = "multicast_from_mobile_nodes"  // sent on to a home link
	CountHopLimit  role.Counter = "multicast_hop_limit"          // not forwarded: they may go no further
	CountScope     role.Counter = "multicast_scope"              // not forwarded: from a mobile node to a scope that is not carried
	CountBadSource role.Counter = "multicast_bad_source"         // not forwarded: their source has no meaning elsewhere, or is not bound
	CountTooBig    role.Counter = "multicast_too_big"            // not forwarded: no room in the tunnel
	CountMalformed role.Counter = "multicast_malformed"          // not forwarded: not as long as they say, or a super-packet
	CountUnsent    role.Counter = "multicast_unsent"             // copies that the kernel did not take
	CountOverrun   role.Counter = "multicast_dropped_queue_full" // that came faster than they are copied
	CountJoin      role.Counter = "multicast_join_failures"
	CountStrangers role.Counter = "mld_dropped_unbound" // what came in no tunnel of a binding
	CountFlooded   role.Counter = "mld_dropped_flood"
)

// slot is one of them.
type slot int

const (
	arrived slot = iota
	tunnelled
	fromNodes
	hopLimitOver
	wrongScope
	badSource
	tooBig
	malformed
	unsent
	overrun
	joinFailed
	strangers
	flooded
	slots
)

var names = [slots]role.Counter{
	CountArrived, CountTunnelled, CountFromNodes, CountHopLimit, CountScope, CountBadSource, CountTooBig, CountMalformed,
	CountUnsent, CountOverrun, CountJoin, CountStrangers, CountFlooded,
}

// counters may be used from any goroutine.
type counters [slots]atomic.Uint64

func (c *counters) add(s slot, n int) { c[s].Add(uint64(n)) }

// Counters returns what has been counted and is not zero.
func (f *Forwarder) Counters() map[role.Counter]uint64 {
	out := make(map[role.Counter]uint64)
	for s := range slots {
		if n := f.counters[s].Load(); n > 0 {
			out[names[s]] = n
		}
	}
	return out
}
