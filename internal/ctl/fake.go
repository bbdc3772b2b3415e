package ctl

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Fake is a Source that answers what it was given, remembers what it was
// asked, and fails on demand.
type Fake struct {
	StatusIs      Status
	BindingsAre   []Binding
	BULIs         []BindingUpdate
	InterfacesAre []Interface
	HomeAgentsAre []HomeAgent
	GroupsAre     []Group
	NoncesAre     []Nonce
	StatsAre      Stats
	IPsecIs       IPsec
	MigratedAre   []Migrated
	EventsAre     Events
	DrainIs       Drain
	DeletedIs     Binding
	TraceIs       Trace
	Err           error // answer to everything but Subscribe

	Hub Hub // Publish here

	mu    sync.Mutex
	asked []string
}

// Asked returns the names of the methods called so far.
func (f *Fake) Asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.asked...)
}

func (f *Fake) ask(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, what)
	return f.Err
}

func (f *Fake) Status(context.Context) (Status, error) { return f.StatusIs, f.ask("Status") }

func (f *Fake) Bindings(context.Context) ([]Binding, error) { return f.BindingsAre, f.ask("Bindings") }

func (f *Fake) BUL(context.Context) ([]BindingUpdate, error) { return f.BULIs, f.ask("BUL") }

func (f *Fake) Interfaces(context.Context) ([]Interface, error) {
	return f.InterfacesAre, f.ask("Interfaces")
}

func (f *Fake) HomeAgents(context.Context) ([]HomeAgent, error) {
	return f.HomeAgentsAre, f.ask("HomeAgents")
}

func (f *Fake) Groups(context.Context) ([]Group, error) { return f.GroupsAre, f.ask("Groups") }

func (f *Fake) Nonces(context.Context) ([]Nonce, error) { return f.NoncesAre, f.ask("Nonces") }

func (f *Fake) Correspond(_ context.Context, action string, peer netip.Addr) error {
	return f.ask("Correspond " + action + " " + peer.String())
}

func (f *Fake) IPsec(context.Context) (IPsec, error) { return f.IPsecIs, f.ask("IPsec") }

func (f *Fake) Migrate(_ context.Context, m Migrate) ([]Migrated, error) {
	return f.MigratedAre, f.ask(fmt.Sprintf("Migrate %s %s %s %t", m.Old, m.New, m.Peer, m.DryRun))
}

func (f *Fake) Stats(context.Context) (Stats, error) { return f.StatsAre, f.ask("Stats") }

func (f *Fake) Reload(context.Context) error { return f.ask("Reload") }

func (f *Fake) Draining(context.Context) (Drain, error) { return f.DrainIs, f.ask("Draining") }

func (f *Fake) SetDrain(_ context.Context, on bool) (Drain, error) {
	return f.DrainIs, f.ask(fmt.Sprintf("SetDrain %t", on))
}

func (f *Fake) DeleteBinding(_ context.Context, home netip.Addr) (Binding, error) {
	return f.DeletedIs, f.ask("DeleteBinding " + home.String())
}

func (f *Fake) Events(_ context.Context, q EventFilter) (Events, error) {
	since := "always"
	if !q.Since.IsZero() {
		since = q.Since.UTC().Format(time.RFC3339)
	}
	return f.EventsAre, f.ask(fmt.Sprintf("Events since %s after %d of %s last %d", since, q.After, q.HomeAddress, q.Last))
}

func (f *Fake) Trace(_ context.Context, q TraceFilter) (Trace, error) {
	return f.TraceIs, f.ask("Trace " + q.HomeAddress.String())
}

func (f *Fake) Subscribe(ctx context.Context) <-chan Event {
	_ = f.ask("Subscribe")
	return f.Hub.Subscribe(ctx)
}
