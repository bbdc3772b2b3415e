package sighting

import "mip6d/internal/clsact"

// place of our filters on a tunnel device, which is ours alone.
var place = clsact.Place{Priority: 6275, Handle: 0x6275}

// Attach puts the programs on both hooks of a tunnel device, in place of those of
// an earlier run. They go with the device.
func (w *Watch) Attach(ifindex int) error {
	return clsact.Attach(w.nl, ifindex, place, clsact.Hooks{In: w.in, InName: "mip6_peers_in", Out: w.out, OutName: "mip6_peers_out"})
}
