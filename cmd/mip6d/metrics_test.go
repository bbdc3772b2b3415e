package main

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mip6d/internal/config"
	"mip6d/internal/engine"
	"mip6d/internal/ha"
	"mip6d/internal/metrics"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// nothing is an applier that succeeds.
type nothing struct{}

func (nothing) Apply([]role.Effect) []error { return nil }

// noKernel is a home agent whose kernel counts nothing.
type noKernel struct{ *homeAgent }

func (noKernel) dataPath() (map[role.Counter]uint64, error) { return nil, nil }

// homeAgentWith is a daemon that runs a home agent without a kernel, and so many
// bindings made by as many Binding Updates.
func homeAgentWith(t testing.TB, bindings int) *daemon {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	d := newDaemon(&config.Config{HomeAgent: &config.HomeAgent{MaxBindings: 1_000_000}}, log)
	d.meter = metrics.NewMeter(nil)
	local := netip.MustParseAddr("2001:db8:1::1")
	h := &homeAgent{d: d, correspondent: &correspondent{d: d}}
	h.machine = ha.New(ha.Params{
		Links:                []ha.Link{{Address: local, Prefixes: []ha.Prefix{{Prefix: netip.MustParsePrefix("2001:db8:1::/64"), Valid: time.Hour, Preferred: time.Hour}}}},
		AllowUnauthenticated: true, Stored: true, MaxLifetime: time.Hour, MaxBindings: 1_000_000, TimestampWindow: 7 * time.Second,
	})
	d.role = noKernel{h}
	d.engine = engine.New(engine.Config{
		Machines: []role.Machine{h.machine}, Kernel: nothing{}, Wire: nothing{}, Store: nothing{}, Counters: &d.counters, Notify: d.notify, Failed: d.failed,
		Meter: d.engineMeter(),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.engine.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	careOf := netip.MustParseAddr("2001:db8:f1::1")
	for i := range bindings {
		a := local.As16()
		binary.BigEndian.PutUint32(a[12:], uint32(0x100+i))
		home := netip.AddrFrom16(a)
		raw, err := mh.Marshal(&mh.BindingUpdate{Sequence: 1, Ack: true, Home: true, Lifetime: 10 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		mh.SetChecksum(raw, home, local)
		ev := role.MessageIn{Src: careOf, Dst: local, HomeAddress: home, Raw: raw}
		d.meter.Received(ev)
		d.engine.Post(ev)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		n := 0
		if err := d.engine.Do(t.Context(), func() { n = h.machine.Len() }); err != nil {
			t.Fatal(err)
		}
		if n == bindings {
			return d
		}
		if time.Now().After(end) {
			t.Fatalf("%d bindings of %d: %v", n, bindings, d.counters.Snapshot())
		}
	}
}

// TestMetrics: what a scrape of a home agent says after three registrations.
func TestMetrics(t *testing.T) {
	d := homeAgentWith(t, 3)
	families, err := metrics.NewRegistry(measured{d}, d.meter).Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			key := f.GetName()
			for _, l := range m.GetLabel() {
				key += " " + l.GetValue()
			}
			switch {
			case m.Gauge != nil:
				got[key] = m.Gauge.GetValue()
			case m.Counter != nil:
				got[key] = m.Counter.GetValue()
			case m.Histogram != nil:
				got[key] = float64(m.Histogram.GetSampleCount())
			}
		}
	}
	for key, want := range map[string]float64{
		"mip6d_bindings home":                                                 3,
		"mip6d_bindings_limit home":                                           1_000_000,
		"mip6d_binding_updates_accepted_total":                                3,
		"mip6d_registration_duration_seconds created home_agent":              3,
		"mip6d_registrations_total home Binding Update accepted home_agent 0": 3,
		"mip6d_events_total binding_created":                                  3,
		"mip6d_role_info home_agent":                                          1,
		"mip6d_collector_success engine":                                      1,
		"mip6d_collector_success data_path":                                   1,
		"mip6d_config_last_reload_successful":                                 1,
		"mip6d_problems":                                                      0,
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if got["mip6d_store_commit_duration_seconds"] == 0 || got["mip6d_engine_batch_events"] == 0 || got["mip6d_kernel_apply_duration_seconds"] == 0 || got["mip6d_send_duration_seconds"] == 0 {
		t.Errorf("the engine is not measured: %v", got)
	}
}

// TestMetricsListen: by TCP and by socket, and what is in the way is named.
func TestMetricsListen(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := l.Addr().String()
	open := func(where string) (*daemon, error) {
		cfg := &config.Config{Metrics: config.Metrics{Listen: where}, CorrespondentNode: &config.CorrespondentNode{}}
		d := newDaemon(cfg, slog.New(slog.DiscardHandler))
		return d, d.openMetrics(cfg)
	}
	if _, err := open(taken); err == nil || !strings.Contains(err.Error(), "metrics.listen") || !strings.Contains(err.Error(), "another port") {
		t.Errorf("on a port in use: %v", err)
	}
	l.Close()
	socket := filepath.Join(t.TempDir(), "m.sock")
	for _, where := range []string{taken, socket} {
		d, err := open(where)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.tasks) != 1 || len(d.closers) != 1 {
			t.Fatalf("%d tasks, %d closers", len(d.tasks), len(d.closers))
		}
		running := homeAgentWith(t, 1)
		d.role, d.engine = running.role, running.engine
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- d.tasks[0](ctx) }()
		network := "tcp"
		if where == socket {
			network = "unix"
		}
		client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, where)
		}}}
		resp, err := client.Get("http://mip6d/metrics")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(body), "mip6d_bindings{binding=\"home\"} 1\n") {
			t.Errorf("%s: %s", where, body)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", where, err)
		}
		if err := d.closers[0].Close(); err != nil {
			t.Errorf("%s: closed again at the end: %v", where, err)
		}
	}
}

// BenchmarkScrape is what a scrape costs a home agent with so many bindings, to the
// text: the same however many there are.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(map[int]string{10: "10bindings", 10_000: "10000bindings"}[n], func(b *testing.B) {
			d := homeAgentWith(b, n)
			r := metrics.NewRegistry(measured{d}, d.meter)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Gather(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
