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

	// Events returns what is kept of the past. Hub.Events is made for it.
	Events(ctx context.Context, f EventFilter) (Events, error)

	// Subscribe returns the events from now on until ctx ends, which closes
	// the channel. Hub.Subscribe is made for it.
	Subscribe(ctx context.Context) <-chan Event
}
