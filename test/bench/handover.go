package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"mip6d/test/bench/report"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// Times of a handover.
const (
	pingInterval = 10 * time.Millisecond
	patience     = time.Minute            // until a move is given up
	settle       = 500 * time.Millisecond // before a move
	dwell        = 1500 * time.Millisecond
)

// Handovers moves a mobile node between the same two foreign links with the same
// streams, once with mip6d and twice with WireGuard.
func Handovers(ctx context.Context, o Options, r *report.Report) error {
	v := &r.HandoverVs
	variants := []struct {
		name string
		m    mobility
		all  *[]float64
		of   *float64
	}{
		{"mip6d", mip6d, &v.Mip6dAll, &v.Mip6d},
		{"WireGuard", wireGuardRoaming, &v.WireGuardAll, &v.WireGuard},
		{"WireGuard, optimistic DAD", optimisticWireGuard, &v.OptimisticAll, &v.WireGuardOptimistic},
	}
	// In two turns, so that what else the machine does meets all of them.
	first := (o.Rounds + 1) / 2
	for _, rounds := range []int{first, o.Rounds - first} {
		for _, c := range variants {
			gaps, err := handovers(ctx, o, c.m, rounds)
			if err != nil {
				return fmt.Errorf("handovers with %s: %w", c.name, err)
			}
			*c.all = append(*c.all, gaps...)
			*c.of = report.Median(*c.all)
			fmt.Fprintf(o.Out, "  %-26s %.1f ms\n", c.name, gaps)
		}
	}
	return nil
}

// mobility is a way to keep an address.
type mobility struct {
	start func(context.Context, Options, *topology.Topology) (stop func(), err error)

	// away and there are what a mobile node's network manager does when the
	// carrier is gone, and when it is back on a link.
	away  func(*topology.Topology) error
	there func(context.Context, *topology.Topology) error
}

// mip6d sees to all that itself.
var mip6d = mobility{
	startMip6d, func(*topology.Topology) error { return nil }, func(context.Context, *topology.Topology) error { return nil },
}

// startMip6d runs mip6d on both ends.
func startMip6d(ctx context.Context, o Options, topo *topology.Topology) (stop func(), err error) {
	var both []*daemon.Daemon
	stop = func() {
		for _, d := range both {
			d.Kill()
		}
	}
	ha, err := daemon.Prepare(topo.HA, filepath.Join(o.Dir, "handover-ha"), daemon.HomeAgent())
	if err != nil {
		return stop, err
	}
	both = append(both, ha)
	if err := ha.Start(ctx); err != nil {
		return stop, err
	}
	mn, err := daemon.Prepare(topo.MN, filepath.Join(o.Dir, "handover-mn"), daemon.MobileNode())
	if err != nil {
		return stop, err
	}
	both = append(both, mn)
	return stop, mn.Start(ctx)
}

// handovers returns the longest gap of each move between the foreign links, in
// milliseconds, the worse of a stream in each direction.
func handovers(ctx context.Context, o Options, m mobility, rounds int) (gaps []float64, err error) {
	topo, err := topology.Build(topology.Config{Start: topology.Foreign1})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, topo.Close()) }()
	stop, err := m.start(ctx, o, topo)
	if stop != nil {
		defer stop()
	}
	if err != nil {
		return nil, err
	}
	fromCN, err := traffic.StartPing(topo.CN, topology.CNAddr, topology.HoA, pingInterval)
	if err != nil {
		return nil, err
	}
	defer fromCN.Stop(0)
	fromMN, err := traffic.StartPing(topo.MN, topology.HoA, topology.CNAddr, pingInterval)
	if err != nil {
		return nil, err
	}
	defer fromMN.Stop(0)
	both := []*traffic.Ping{fromCN, fromMN}
	if err := answered(ctx, time.Now(), both); err != nil {
		return nil, err
	}
	for round := range rounds + 1 { // the first one is not counted
		if err := wait(ctx, settle); err != nil {
			return nil, err
		}
		down := time.Now()
		if err := errors.Join(topo.Unplug(), m.away(topo)); err != nil {
			return nil, err
		}
		up := time.Now()
		if err := topo.Plug([]topology.Link{topology.Foreign2, topology.Foreign1}[round%2]); err != nil {
			return nil, err
		}
		if err := m.there(ctx, topo); err != nil {
			return nil, err
		}
		if err := answered(ctx, up, both); err != nil {
			return nil, fmt.Errorf("move %d: %w", round+1, err)
		}
		if err := wait(ctx, dwell); err != nil {
			return nil, err
		}
		// What was sent just now has had no time to be answered.
		end := time.Now().Add(-100 * time.Millisecond)
		worst := time.Duration(0)
		for _, p := range both {
			worst = max(worst, traffic.Measure(p.Probes(), down, end, up).Largest)
		}
		if round > 0 {
			gaps = append(gaps, float64(worst.Microseconds())/1000)
		}
	}
	return gaps, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answered waits until each stream got a reply after a moment.
func answered(ctx context.Context, since time.Time, streams []*traffic.Ping) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, p := range streams {
		for !p.Answered(since) {
			if err := wait(ctx, 5*time.Millisecond); err != nil {
				return fmt.Errorf("%s: no reply within %v", p.Name, patience)
			}
		}
	}
	return nil
}
