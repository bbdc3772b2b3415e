package metrics

import (
	"context"
	"time"

	"mip6d/internal/role"
)

// Source is what is asked of a daemon at each scrape. Its methods are called by many
// goroutines at once.
type Source interface {
	// Health is at hand without asking anybody.
	Health() Health

	// Tables counts what the machines hold. It must cost the same however many
	// bindings there are.
	Tables(ctx context.Context) (Tables, error)

	// Counters are those of the roles and the appliers, DataPath those that only
	// the kernel keeps.
	Counters() map[role.Counter]uint64
	DataPath() (map[role.Counter]uint64, error)

	// Queue is the engine's: events that wait, and that can.
	Queue() (waiting, room int)

	// Tunnels are the tunnel devices that are ours.
	Tunnels() ([]Device, error)
}

// Health says what a daemon is and how it is.
type Health struct {
	Version      string
	Roles        []string
	Problems     int
	ReloadFailed bool      // the last one
	Loaded       time.Time // the configuration in force
}

// The types of bindings, as the label "binding" has them.
const (
	Home          = "home"
	Correspondent = "correspondent"
)

// Tables are how many there are of what. Roles that are not played have no rows.
type Tables struct {
	Bindings []Bindings
	Entries  []Entries
}

// Bindings counts a binding cache.
type Bindings struct {
	Type  string // Home or Correspondent
	Count int
	Limit int
}

// Entries counts those of a Binding Update List that are in one state.
type Entries struct {
	Type  string // Home or Correspondent
	State string
	Count int
}

// Device is a tunnel device and what the kernel has counted there, in 64 bits.
type Device struct {
	Name string
	In   Traffic
	Out  Traffic
}

// Traffic is one direction.
type Traffic struct{ Bytes, Packets, Errors, Dropped uint64 }
