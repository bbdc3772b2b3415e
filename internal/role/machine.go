package role

import "time"

// Machine is a protocol role: home agent, mobile node or correspondent node.
//
// The order of the effects of one Step is the order in which they are carried
// out. An effect that carries a non-zero ID is answered by exactly one Done
// event with that ID; what the effect promises to a peer may be sent only in
// answer to that Done. That is how a Binding Acknowledgement with status 0
// leaves only after route, proxy entry and filter are in, and how a kernel
// failure becomes the protocol's answer (status 130 and an undo).
//
// Machines that run together (HA + CN, MN + CN) see every event and ignore
// what is not theirs.
type Machine interface {
	// Step takes one event at the given time. now carries both the wall
	// clock and the monotonic clock; machines compare times from Step only.
	Step(now time.Time, ev Event) []Effect

	// Deadline is the time at which Step(now, Tick{}) is next wanted. The
	// zero time means never.
	Deadline() time.Time
}

// ID ties an effect to the Done event that answers it. Machines number their
// effects from 1; zero asks for no answer. The engine keeps the machines' ID
// spaces apart.
type ID uint64
