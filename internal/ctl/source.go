package ctl

import (
	"context"
	"net/netip"
)

// Source is what the server asks of the daemon. Its methods are called by many
// goroutines at once and return copies. A list that does not belong to the
// daemon's role is empty.
type Source interface {
	Status(ctx context.Context) (Status, error)
	Bindings(ctx context.Context) ([]Binding, error)
	BUL(ctx context.Context) ([]BindingUpdate, error)
	Interfaces(ctx context.Context) ([]Interface, error)
	HomeAgents(ctx context.Context) ([]HomeAgent, error)
	Groups(ctx context.Context) ([]Group, error)
	Nonces(ctx context.Context) ([]Nonce, error)
	Stats(ctx context.Context) (Stats, error)

	// Correspond does one of the Actions about a peer of a mobile node.
	Correspond(ctx context.Context, action string, peer netip.Addr) error

	// IPsec lists what of it is the daemon's own; Migrate moves tunnels that are
	// not.
	IPsec(ctx context.Context) (IPsec, error)
	Migrate(ctx context.Context, m Migrate) ([]Migrated, error)

	// Reload takes over the configuration as it is now; what is wrong with it is an
	// ErrNotNow, and changes nothing.
	Reload(ctx context.Context) error

	// Draining says whether a home agent lets go of its mobile nodes, SetDrain has it
	// do so, DeleteBinding ends a binding. ErrNotNow: this is no home agent.
	Draining(ctx context.Context) (Drain, error)
	SetDrain(ctx context.Context, on bool) (Drain, error)
	DeleteBinding(ctx context.Context, home netip.Addr) (Binding, error)

	// Events returns what is kept of the past. Hub.Events is made for it.
	Events(ctx context.Context, f EventFilter) (Events, error)

	// Trace tells the story of one mobile node.
	Trace(ctx context.Context, f TraceFilter) (Trace, error)

	// Subscribe returns the events from now on until ctx ends, which closes
	// the channel. Hub.Subscribe is made for it.
	Subscribe(ctx context.Context) <-chan Event
}
