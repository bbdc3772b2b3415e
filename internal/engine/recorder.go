package engine

import (
	"time"

	"mip6d/internal/role"
)

// Recorder is told what the machines hear and what is done for them. It is called on
// the engine's goroutine, for each event and each effect, and must not wait.
type Recorder interface {
	// Heard: the machines are handed an event.
	Heard(now time.Time, ev role.Event)

	// Did: an effect was carried out, or not; with the others of its batch it took so
	// long.
	Did(now time.Time, e role.Effect, took time.Duration, err error)
}
