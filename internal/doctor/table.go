package doctor

import "slices"

// The headings, in the order in which they are printed.
const (
	groupHeaders   = "Mobile IPv6 headers"
	groupIPsec     = "IPsec"
	groupTunnels   = "Tunnels"
	groupAddresses = "Addresses and neighbours"
	groupRouting   = "Routing"
	groupFilters   = "Filters, queues, counters"
)

// Table is every probe, group by group.
var Table = slices.Concat(headers, ipsec, tunnels, addresses, routing, filters)

// Find returns a probe of the table.
func Find(k Key) (Probe, bool) {
	i := slices.IndexFunc(Table, func(p Probe) bool { return p.Key == k })
	if i < 0 {
		return Probe{}, false
	}
	return Table[i], true
}

// AtStart are the probes that a daemon makes at its start: what its roles must
// have, and what may stand in for it, unless it waits for packets.
func AtStart(roles []Role) []Key {
	var keys []Key
	add := func(k Key) {
		if k != "" && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for _, p := range Table {
		for _, r := range roles {
			if n, ok := p.need(r); ok && n.Level == Must && !p.Waits {
				add(p.Key)
				add(p.Instead)
			}
		}
	}
	return keys
}
