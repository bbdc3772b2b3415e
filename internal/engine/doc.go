// Package engine is the daemon's heart: one goroutine that drains events,
// steps the role machines and has their effects carried out, and one timer.
//
// Group commit. The engine takes as many waiting events as a batch holds,
// steps them all, and hands the kernel's share of the effects to the kernel
// applier in one call, so that it can write them in few netlink requests;
// then the store's share with one commit; then come the messages. One event waiting means a batch of one: latency is
// not traded for throughput.
//
// Overload. What waits is bounded, and stands in lanes by who sent it: a flood by strangers
// fills the strangers' lane.
//
// The files: engine.go the loop, lanes.go what waits, generation.go the order in which the effects
// of a batch are carried out, applier.go what the engine asks of the world,
// counters.go the counters that everything shares, meter.go how the engine itself
// is measured, recorder.go who is told what happens.
package engine
