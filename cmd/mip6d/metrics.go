package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"mip6d/internal/config"
	"mip6d/internal/ctl"
	"mip6d/internal/engine"
	"mip6d/internal/metrics"
	"mip6d/internal/mn"
	"mip6d/internal/role"
	"mip6d/internal/rtnl"
)

// openMetrics listens for Prometheus where the configuration wants it. Nothing is
// measured otherwise.
func (d *daemon) openMetrics(cfg *config.Config) error {
	where := cfg.Metrics.Listen
	if where == "" {
		return nil
	}
	l, err := d.listenForScrapes(cfg, where)
	if err != nil {
		return err
	}
	d.keep(l)
	d.meter = metrics.NewMeter(nil)
	registry := metrics.NewRegistry(measured{d}, d.meter)
	d.task(func(ctx context.Context) error { return metrics.Serve(ctx, l, registry, d.log) })
	d.log.Info("metrics are served", "listen", where)
	return nil
}

func (d *daemon) listenForScrapes(cfg *config.Config, where string) (net.Listener, error) {
	if strings.HasPrefix(where, "/") {
		l, err := ctl.Listen(where, d.group(cfg))
		if err != nil {
			return nil, fmt.Errorf("metrics.listen: %w", err)
		}
		return l, nil
	}
	l, err := net.Listen("tcp", where)
	if err != nil {
		return nil, fmt.Errorf("metrics.listen: %w: choose another port or address, or end what uses this one", err)
	}
	return scrapes{l}, nil
}

// scrapes may be closed again: by the server and at the end of a run.
type scrapes struct{ net.Listener }

func (s scrapes) Close() error {
	if err := s.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// engineMeter is d.meter as the engine wants it: a nil interface where nothing is
// measured.
func (d *daemon) engineMeter() engine.Meter {
	if d.meter == nil {
		return nil
	}
	return d.meter
}

// offer hands a packet to the engine.
func (d *daemon) offer(ev role.Event) {
	if d.meter != nil {
		d.meter.Received(ev)
	}
	d.engine.Offer(ev)
}

// measured is the daemon as metrics sees it.
type measured struct{ d *daemon }

var _ metrics.Source = measured{}

func (m measured) Health() metrics.Health {
	h := metrics.Health{Version: ctl.Version(), Roles: m.d.role.roles(), Loaded: *m.d.loaded.Load()}
	h.Problems, h.ReloadFailed = m.d.problems.count(reloadProblem)
	return h
}

func (m measured) Tables(ctx context.Context) (t metrics.Tables, err error) {
	err = m.d.engine.Do(ctx, func() { t = m.d.role.tables(time.Now()) })
	return t, err
}

func (m measured) Counters() map[role.Counter]uint64 { return m.d.counters.Snapshot() }

func (m measured) DataPath() (map[role.Counter]uint64, error) { return m.d.kernelCounters() }

func (m measured) Queue() (waiting, room int) { return m.d.engine.Queue() }

func (m measured) Tunnels() ([]metrics.Device, error) {
	list, err := rtnl.TunnelTraffic(marks(m.d.cfg.Load().Kernel))
	var out []metrics.Device
	for _, t := range list {
		out = append(out, metrics.Device{
			Name: t.Device,
			In:   metrics.Traffic{Bytes: t.InBytes, Packets: t.InPackets, Errors: t.InErrors, Dropped: t.InDropped},
			Out:  metrics.Traffic{Bytes: t.OutBytes, Packets: t.OutPackets, Errors: t.OutErrors, Dropped: t.OutDropped},
		})
	}
	return out, err
}

func (c *correspondent) tables(time.Time) metrics.Tables {
	if c.machine == nil {
		return metrics.Tables{}
	}
	limit := c.d.cfg.Load().CorrespondentNode.MaxBindings
	return metrics.Tables{Bindings: []metrics.Bindings{{Type: metrics.Correspondent, Count: c.machine.Len(), Limit: limit}}}
}

func (h *homeAgent) tables(now time.Time) metrics.Tables {
	t := h.correspondent.tables(now)
	limit := h.d.cfg.Load().HomeAgent.MaxBindings
	t.Bindings = append(t.Bindings, metrics.Bindings{Type: metrics.Home, Count: h.machine.Len(), Limit: limit})
	return t
}

func (n *mobileNode) tables(now time.Time) metrics.Tables {
	t := n.correspondent.tables(now)
	var homes, peers []string
	for _, v := range n.machine.Bindings(now) {
		homes = append(homes, v.State)
	}
	for _, v := range n.machine.Peers(now) {
		peers = append(peers, v.State)
	}
	t.Entries = append(inStates(metrics.Home, mn.HomeStates(), homes), inStates(metrics.Correspondent, mn.PeerStates(), peers)...)
	return t
}

// inStates counts entries by state, from zero on.
func inStates(kind string, states, entries []string) []metrics.Entries {
	count := make(map[string]int)
	for _, s := range entries {
		if count[s]++; !slices.Contains(states, s) {
			states = append(states, s)
		}
	}
	var list []metrics.Entries
	for _, s := range states {
		list = append(list, metrics.Entries{Type: kind, State: s, Count: count[s]})
	}
	return list
}
