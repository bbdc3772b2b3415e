// Package sim runs the home agent's and the mobile node's machine on a virtual
// clock, with a model of each kernel and a network that delays, drops,
// duplicates and reorders, with an attacker who records, replays and forges, and
// with crashes. Everything that happens follows from a seed.
//
// The files: world.go the clock and the story, host.go how a machine is stepped
// and its effects carried out, homeagent.go and mobilenode.go the two kernels'
// models, network.go links and packets, faults.go what goes wrong when,
// invariant.go what must hold after every step.
//
// A failing seed prints its story and can be run again:
//
//	go test ./internal/sim -run TestSeeds -sim.seed=N -v
package sim
