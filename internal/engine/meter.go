package engine

import "time"

// Where effects are carried out, as a Meter is told.
const (
	Kernel = "kernel"
	Store  = "store"
	Wire   = "wire"
)

// Meter is told how the engine works. It is called on the engine's goroutine, once
// for each batch and not for each event, and must not wait.
type Meter interface {
	// Stepped: so many events were taken from the queue together.
	Stepped(events int)

	// Applied: one call of the Applier there took so long.
	Applied(where string, took time.Duration)
}

// Queue says how many events wait and how many could, of all classes. Any goroutine may
// ask.
func (e *Engine) Queue() (waiting, room int) {
	for _, n := range laneLength {
		room += n
	}
	return e.lanes.waiting(), room
}
