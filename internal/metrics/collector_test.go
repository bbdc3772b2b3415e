package metrics

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var (
	noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	hoa  = netip.MustParseAddr("2001:db8:1::100")
	coa  = netip.MustParseAddr("2001:db8:f1::1")
	ha   = netip.MustParseAddr("2001:db8:1::1")
	peer = netip.MustParseAddr("2001:db8:c::1")
)

// filled is a daemon of all roles at once, so that every metric is there.
func filled() *Fake {
	f := &Fake{
		HealthIs: Health{Version: "1.2", Roles: []string{"home_agent", "correspondent_node"}, Problems: 2, Loaded: noon},
		TablesAre: Tables{
			Bindings: []Bindings{{Home, 7, 100}, {Correspondent, 3, 50}},
			Entries:  []Entries{{Home, "away", 1}, {Correspondent, "direct", 4}},
		},
		CountersAre: map[role.Counter]uint64{role.CountMessageIn: 12, role.CountBadAuth: 5},
		PathIs:      map[role.Counter]uint64{"tunnel_passed": 1 << 40, "tunnel_dropped_spoofed": 9, "home_link_discovery_stopped": 1, "xfrm_in_tmpl_mismatch": 4},
		Waiting:     3, Room: 4096,
		Devices: []Device{{"mip6t", Traffic{1 << 33, 2, 3, 4}, Traffic{5, 6, 7, 8}}},
	}
	return f
}

// clock is a time that a test sets.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// busy is a meter that has seen one of everything.
func busy() *Meter {
	c := &clock{noon}
	m := NewMeter(c.now)
	m.Stepped(3)
	for _, where := range []string{"kernel", "wire", "store"} {
		m.Applied(where, time.Millisecond)
	}
	m.Received(update(hoa, ha, 7))
	c.t = c.t.Add(30 * time.Millisecond)
	m.Told(role.Notice{Kind: role.NoticeBindingMoved, HoA: hoa, CoA: coa, HA: ha, Sequence: 7, HasStatus: true})
	m.Told(role.Notice{Kind: role.NoticeLinkUp, Ifindex: 2})
	m.Told(role.Notice{Kind: role.NoticeUpdateSent, HoA: hoa, CoA: coa, HA: ha, Sequence: 8, Ifindex: 2})
	m.Told(role.Notice{Kind: role.NoticeAckReceived, HoA: hoa, CoA: coa, HA: ha, Sequence: 8, Ifindex: 2, HasStatus: true})
	m.Told(role.Notice{Kind: role.NoticeRegistered, HoA: hoa, CoA: coa, HA: ha, Sequence: 8, Ifindex: 2, HasStatus: true})
	return m
}

// update is a Binding Update as it arrives.
func update(home, to netip.Addr, seq uint16) role.MessageIn {
	raw, err := mh.Marshal(&mh.BindingUpdate{Sequence: seq, Ack: true, Home: true, Lifetime: time.Minute})
	if err != nil {
		panic(err)
	}
	return role.MessageIn{Src: coa, Dst: to, HomeAddress: home, Raw: raw}
}

// TestConventions: names, units and help are as Prometheus wants them.
func TestConventions(t *testing.T) {
	wrong, err := testutil.GatherAndLint(NewRegistry(filled(), busy()))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Errorf("%s: %s", w.Metric, w.Text)
	}
}

// TestEveryFamilyIsExported: nothing stands in the list, and so in docs/metrics.md,
// that no scrape shows, and the other way round.
func TestEveryFamilyIsExported(t *testing.T) {
	got, err := NewRegistry(filled(), busy()).Gather()
	if err != nil {
		t.Fatal(err)
	}
	exported := make(map[string]bool)
	for _, f := range got {
		exported[f.GetName()] = true
	}
	for _, f := range Families() {
		if !exported[f.Name] {
			t.Errorf("%s is never exported", f.Name)
		}
		delete(exported, f.Name)
	}
	for name := range exported {
		if strings.HasPrefix(name, "mip6d_") {
			t.Errorf("%s is in no list", name)
		}
	}
	for _, name := range []string{"go_gc_duration_seconds", "go_goroutines", "process_resident_memory_bytes", "process_cpu_seconds_total"} {
		if !exported[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestScrape(t *testing.T) {
	const want = `
# HELP mip6d_bindings Bindings in force, by type: home (a home agent's) or correspondent.
# TYPE mip6d_bindings gauge
mip6d_bindings{binding="correspondent"} 3
mip6d_bindings{binding="home"} 7
# HELP mip6d_bindings_limit How many bindings there may be, as configured.
# TYPE mip6d_bindings_limit gauge
mip6d_bindings_limit{binding="correspondent"} 50
mip6d_bindings_limit{binding="home"} 100
# HELP mip6d_config_last_reload_success_timestamp_seconds When the configuration in force was loaded, in seconds since 1970.
# TYPE mip6d_config_last_reload_success_timestamp_seconds gauge
mip6d_config_last_reload_success_timestamp_seconds 1.7673552e+09
# HELP mip6d_messages_received_total Messages received: Mobility Header (mh), Router Advertisements, Router Solicitations, MLD reports.
# TYPE mip6d_messages_received_total counter
mip6d_messages_received_total{protocol="mh"} 12
mip6d_messages_received_total{protocol="mld_report"} 0
mip6d_messages_received_total{protocol="router_advertisement"} 0
mip6d_messages_received_total{protocol="router_solicitation"} 0
# HELP mip6d_tunnel_receive_bytes_total Bytes received from a tunnel device of ours, counted by the kernel.
# TYPE mip6d_tunnel_receive_bytes_total counter
mip6d_tunnel_receive_bytes_total{device="mip6t"} 8.589934592e+09
# HELP mip6d_tunnel_transmit_drops_total Packets that a tunnel device of ours dropped on transmission.
# TYPE mip6d_tunnel_transmit_drops_total counter
mip6d_tunnel_transmit_drops_total{device="mip6t"} 8
# HELP mip6d_ipsec_errors_total Packets that IPsec has dropped and what it could not do in mip6d's network namespace, whosever they were: /proc/net/xfrm_stat.
# TYPE mip6d_ipsec_errors_total counter
mip6d_ipsec_errors_total{error="in_tmpl_mismatch"} 4
# HELP mip6d_tunnel_checked_packets_total Packets at the reverse tunnel's source check (RFC 6275 §10.4.5), by verdict: all but passed were dropped.
# TYPE mip6d_tunnel_checked_packets_total counter
mip6d_tunnel_checked_packets_total{verdict="passed"} 1.099511627776e+12
mip6d_tunnel_checked_packets_total{verdict="spoofed"} 9
`
	err := testutil.GatherAndCompare(NewRegistry(filled(), busy()), strings.NewReader(want), "mip6d_bindings", "mip6d_bindings_limit",
		"mip6d_config_last_reload_success_timestamp_seconds", "mip6d_messages_received_total", "mip6d_tunnel_receive_bytes_total",
		"mip6d_tunnel_transmit_drops_total", "mip6d_ipsec_errors_total", "mip6d_tunnel_checked_packets_total")
	if err != nil {
		t.Error(err)
	}
}

// TestPartsThatDoNotAnswer: a scrape shows the rest, and says what is missing.
func TestPartsThatDoNotAnswer(t *testing.T) {
	f := filled()
	f.TablesErr, f.PathErr, f.TunnelsErr = errors.New("a"), errors.New("b"), errors.New("c")
	f.PathIs, f.Devices = nil, nil
	f.HealthIs.ReloadFailed = true
	const want = `
# HELP mip6d_collector_success Whether a part of mip6d could be asked at this scrape: engine, data_path or tunnels.
# TYPE mip6d_collector_success gauge
mip6d_collector_success{collector="data_path"} 0
mip6d_collector_success{collector="engine"} 0
mip6d_collector_success{collector="tunnels"} 0
# HELP mip6d_config_last_reload_successful Whether the last reload of the configuration succeeded.
# TYPE mip6d_config_last_reload_successful gauge
mip6d_config_last_reload_successful 0
# HELP mip6d_engine_queue_events Events that wait for the engine.
# TYPE mip6d_engine_queue_events gauge
mip6d_engine_queue_events 3
`
	err := testutil.GatherAndCompare(NewRegistry(f, busy()), strings.NewReader(want), "mip6d_collector_success", "mip6d_bindings",
		"mip6d_config_last_reload_successful", "mip6d_engine_queue_events", "mip6d_tunnel_receive_bytes_total", "mip6d_tunnel_checked_packets_total")
	if err != nil {
		t.Error(err)
	}
}

// TestNoAddressInLabels: who scrapes learns nobody's whereabouts.
func TestNoAddressInLabels(t *testing.T) {
	got := values(t, NewRegistry(filled(), busy()))
	for series := range got {
		if strings.Contains(series, "2001:db8") {
			t.Errorf("%s names an address", series)
		}
	}
}

// values gathers all series with what they hold; a histogram's is its count.
func values(t testing.TB, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			slices.Sort(labels)
			key := f.GetName() + "{" + strings.Join(labels, ",") + "}"
			switch {
			case m.Counter != nil:
				out[key] = m.Counter.GetValue()
			case m.Gauge != nil:
				out[key] = m.Gauge.GetValue()
			case m.Histogram != nil:
				out[key] = float64(m.Histogram.GetSampleCount())
				out[key+"_sum"] = m.Histogram.GetSampleSum()
			}
		}
	}
	return out
}

// nonzero are the series of some families that hold anything.
func nonzero(t testing.TB, m *Meter, families ...*Family) map[string]float64 {
	t.Helper()
	out := make(map[string]float64)
	for series, v := range values(t, NewRegistry(&Fake{}, m)) {
		for _, f := range families {
			if strings.HasPrefix(series, f.Name+"{") && v != 0 {
				out[strings.TrimPrefix(series, f.Name)] = float64(int64(v*1e6+.5)) / 1e6
			}
		}
	}
	return out
}

func equal(t *testing.T, want, got map[string]float64) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// BenchmarkScrape is everything but what the daemon does to answer: see
// BenchmarkScrape10000Bindings in cmd/mip6d.
func BenchmarkScrape(b *testing.B) {
	r := NewRegistry(filled(), busy())
	for b.Loop() {
		if _, err := r.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
