package metrics

import (
	"context"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// askTimeout is how long a scrape waits for the engine. It works for longer than that
// on one batch only when the kernel is stuck.
const askTimeout = 2 * time.Second

// collector asks a Source at each scrape.
type collector struct {
	src   Source
	descs map[*Family]*prometheus.Desc
}

func newCollector(src Source) *collector {
	c := &collector{src: src, descs: make(map[*Family]*prometheus.Desc)}
	for _, f := range families {
		c.descs[f] = f.desc()
	}
	for f := range meterFamilies {
		delete(c.descs, f)
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector. What can't be asked is left out, and
// mip6d_collector_success says so.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	put := func(f *Family, value float64, labels ...string) {
		t := prometheus.GaugeValue
		if f.Type == Counter {
			t = prometheus.CounterValue
		}
		ch <- prometheus.MustNewConstMetric(c.descs[f], t, value, labels...)
	}
	c.health(put)
	waiting, room := c.src.Queue()
	put(queueLength, float64(waiting))
	put(queueRoom, float64(room))
	put(answered, truth(c.tables(put)), "engine")
	put(answered, truth(c.counters(put)), "data_path")
	put(answered, truth(c.tunnels(put)), "tunnels")
}

// xfrmPrefix begins the names of what the kernel counts in /proc/net/xfrm_stat: which
// there are depends on the kernel.
const xfrmPrefix = "xfrm_"

type putter func(f *Family, value float64, labels ...string)

func (c *collector) health(put putter) {
	h := c.src.Health()
	put(buildInfo, 1, h.Version, runtime.Version())
	for _, r := range h.Roles {
		put(roleInfo, 1, r)
	}
	put(problems, float64(h.Problems))
	put(reloadOK, truth(!h.ReloadFailed))
	put(loaded, float64(h.Loaded.UnixMilli())/1000)
}

func (c *collector) tables(put putter) bool {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	t, err := c.src.Tables(ctx)
	if err != nil {
		return false
	}
	for _, b := range t.Bindings {
		put(bindings, float64(b.Count), b.Type)
		put(bindingsLimit, float64(b.Limit), b.Type)
	}
	for _, e := range t.Entries {
		put(listEntries, float64(e.Count), e.Type, e.State)
	}
	return true
}

// counters shows those of the roles from zero on, so that a rate is right from the
// first one.
func (c *collector) counters(put putter) bool {
	have := c.src.Counters()
	path, err := c.src.DataPath()
	for name, s := range counters {
		n, there := path[name]
		if !there && onDataPath[s.family] {
			continue
		}
		put(s.family, float64(n+have[name]), s.values...)
	}
	for name, n := range path {
		if what, ok := strings.CutPrefix(string(name), xfrmPrefix); ok {
			put(ipsecErrors, float64(n), what)
		}
	}
	return err == nil
}

func (c *collector) tunnels(put putter) bool {
	devices, err := c.src.Tunnels()
	for _, d := range devices {
		put(tunnelRxBytes, float64(d.In.Bytes), d.Name)
		put(tunnelRxPackets, float64(d.In.Packets), d.Name)
		put(tunnelRxErrors, float64(d.In.Errors), d.Name)
		put(tunnelRxDropped, float64(d.In.Dropped), d.Name)
		put(tunnelTxBytes, float64(d.Out.Bytes), d.Name)
		put(tunnelTxPackets, float64(d.Out.Packets), d.Name)
		put(tunnelTxErrors, float64(d.Out.Errors), d.Name)
		put(tunnelTxDropped, float64(d.Out.Dropped), d.Name)
	}
	return err == nil
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
