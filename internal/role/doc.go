// Package role is the contract between the protocol machines (internal/ha,
// internal/mn, internal/cn) and the world.
//
// A machine is a pure function of its past: the engine hands it one event and
// the time, and it answers with the effects it wants. It performs no I/O,
// reads no clock, starts no goroutine. The same events in the same order give
// the same effects, so that every role runs in internal/sim and can be
// replayed from a recorded event log.
//
// The files: machine.go the interface, event.go what happened, effect.go what
// is wanted, binding.go, homepath.go and direct.go the wanted states that
// appliers keep in the kernel, policy.go to whom paths may be optimised, counter.go the names of what is counted.
//
// This package is not for wire formats (internal/mh and its neighbours) and
// not for kernel messages (the appliers).
package role
