package main

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"os"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/metrics"
	"mip6d/internal/role"
	"mip6d/internal/xfrmmig"
)

// source is what a role shows. All methods but dataPath are called on the
// engine's goroutine.
type source interface {
	bindingList(now time.Time) []ctl.Binding
	bul(now time.Time) []ctl.BindingUpdate
	interfaces(now time.Time) []ctl.Interface
	homeAgents(now time.Time) []ctl.HomeAgent
	groups(now time.Time) []ctl.Group
	nonces(now time.Time) []ctl.Nonce
	correspond(now time.Time, action string, peer netip.Addr) error
	tables(now time.Time) metrics.Tables
	mustBeHomeAgent() (*homeAgent, error)
	dataPath() (map[role.Counter]uint64, error)
}

var _ ctl.Source = (*daemon)(nil)

// Status implements ctl.Source.
func (d *daemon) Status(ctx context.Context) (ctl.Status, error) {
	d.lookNow(ctx)
	return ctl.Status{
		Roles: d.role.roles(), Version: ctl.Version(), PID: os.Getpid(), Since: d.since,
		Config: d.cfg.Load().File, Loaded: *d.loaded.Load(), Problems: d.problems.list(),
	}, nil
}

// Bindings implements ctl.Source.
func (d *daemon) Bindings(ctx context.Context) ([]ctl.Binding, error) {
	return look(ctx, d, d.role.bindingList)
}

// BUL implements ctl.Source.
func (d *daemon) BUL(ctx context.Context) ([]ctl.BindingUpdate, error) {
	return look(ctx, d, d.role.bul)
}

// Interfaces implements ctl.Source.
func (d *daemon) Interfaces(ctx context.Context) ([]ctl.Interface, error) {
	return look(ctx, d, d.role.interfaces)
}

// HomeAgents implements ctl.Source.
func (d *daemon) HomeAgents(ctx context.Context) ([]ctl.HomeAgent, error) {
	return look(ctx, d, d.role.homeAgents)
}

// Groups implements ctl.Source.
func (d *daemon) Groups(ctx context.Context) ([]ctl.Group, error) {
	return look(ctx, d, d.role.groups)
}

// Nonces implements ctl.Source.
func (d *daemon) Nonces(ctx context.Context) ([]ctl.Nonce, error) {
	return look(ctx, d, d.role.nonces)
}

// Correspond implements ctl.Source. The machine draws its conclusions when the
// engine goes on.
func (d *daemon) Correspond(ctx context.Context, action string, peer netip.Addr) error {
	var refused error
	err := d.engine.Do(ctx, func() { refused = d.role.correspond(time.Now(), action, peer) })
	return errors.Join(err, refused)
}

func look[T any](ctx context.Context, d *daemon, f func(time.Time) []T) (list []T, err error) {
	err = d.engine.Do(ctx, func() { list = f(time.Now()) })
	return list, err
}

// Stats implements ctl.Source.
func (d *daemon) Stats(context.Context) (ctl.Stats, error) {
	path, err := d.kernelCounters()
	if err != nil {
		return ctl.Stats{}, err
	}
	return ctl.Stats{Counters: byName(d.counters.Snapshot()), DataPath: byName(path)}, nil
}

// kernelCounters are those of packets that only the kernel sees.
func (d *daemon) kernelCounters() (map[role.Counter]uint64, error) {
	path, err := d.role.dataPath()
	if err != nil {
		return nil, err
	}
	dropped, err := xfrmmig.Counters()
	if err != nil {
		return nil, err
	}
	if path == nil {
		path = make(map[role.Counter]uint64)
	}
	maps.Copy(path, dropped)
	return path, d.socketDrops(path)
}

func byName(counters map[role.Counter]uint64) map[string]uint64 {
	out := make(map[string]uint64, len(counters))
	for c, n := range counters {
		out[string(c)] = n
	}
	return out
}

// Events implements ctl.Source.
func (d *daemon) Events(_ context.Context, f ctl.EventFilter) (ctl.Events, error) {
	return d.hub.Events(f), nil
}

// Trace implements ctl.Source.
func (d *daemon) Trace(_ context.Context, f ctl.TraceFilter) (ctl.Trace, error) {
	return d.journal.Story(f), nil
}

// Subscribe implements ctl.Source.
func (d *daemon) Subscribe(ctx context.Context) <-chan ctl.Event { return d.hub.Subscribe(ctx) }

// describe fills in what the kernel says of an interface.
func describe(ifindex int, use string) ctl.Interface {
	out := ctl.Interface{Ifindex: ifindex, Use: use}
	if i, err := net.InterfaceByIndex(ifindex); err == nil {
		out.Name, out.MTU, out.Up = i.Name, i.MTU, i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0
	}
	return out
}
