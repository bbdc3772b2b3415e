// Package sim runs the machines of a home agent, a mobile node and a
// correspondent node on a virtual clock, with a model of each kernel and a network
// that delays, drops, duplicates and reorders, with attackers who record, replay,
// forge and flood, and with crashes. Everything that happens follows from a seed.
//
// The files: world.go the clock and the story, host.go how a machine is stepped
// and its effects carried out, homeagent.go, mobilenode.go and correspondent.go
// the kernels' models, ipsec.go what of IPsec both have in theirs, network.go links and
// packets, faults.go what goes wrong when, forger.go the attackers of RFC 4225 §3,
// ipv4.go another mobile node that wants the same IPv4 home address, invariant.go what
// must hold after every step.
//
// A failing seed prints its story and can be run again:
//
//	go test ./internal/sim -run TestSeeds -sim.seed=N -v
package sim
