package ingress

import (
	"fmt"

	"mip6d/internal/role"
)

// What the gates counted. The strings are part of the control protocol.
const (
	CountTunnelPassed  role.Counter = "tunnel_passed"               // source bound, care-of address right
	CountTunnelUnbound role.Counter = "tunnel_dropped_unbound"      // inner source is no home address
	CountTunnelLink    role.Counter = "tunnel_dropped_link_local"   // inner source is of the tunnel as a link: what multicast listeners say, which internal/mcast has heard by then
	CountTunnelSpoofed role.Counter = "tunnel_dropped_spoofed"      // outer source is not the care-of address
	CountTunnelOther   role.Counter = "tunnel_dropped_other"        // no IP inside, no tunnel header
	CountHomeTests     role.Counter = "tunnel_dropped_home_test"    // of mobile nodes that may not optimise routes
	CountDiscovery     role.Counter = "home_link_discovery_stopped" // kept from the kernel on a home link
)

// slot is an index of the counters map.
type slot uint32

const (
	slotPassed slot = iota
	slotUnbound
	slotSpoofed
	slotOther
	slotDiscovery
	slotLinkLocal
	slotHomeTest
	slots // how many there are
)

var slotNames = [slots]role.Counter{
	slotPassed:    CountTunnelPassed,
	slotUnbound:   CountTunnelUnbound,
	slotSpoofed:   CountTunnelSpoofed,
	slotOther:     CountTunnelOther,
	slotDiscovery: CountDiscovery,
	slotLinkLocal: CountTunnelLink,
	slotHomeTest:  CountHomeTests,
}

// Counters returns what the gates have counted since New, over all CPUs.
func (g *Gate) Counters() (map[role.Counter]uint64, error) {
	sums := make(map[role.Counter]uint64, slots)
	for i, name := range slotNames {
		var perCPU []uint64
		if err := g.counters.Lookup(uint32(i), &perCPU); err != nil {
			return nil, fmt.Errorf("read the gate's counter %s: %w", name, err)
		}
		for _, n := range perCPU {
			sums[name] += n
		}
	}
	return sums, nil
}
