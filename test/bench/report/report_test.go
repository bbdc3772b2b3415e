package report

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func example() Report {
	return Report{
		Date: "2026-11-28", Machine: "a machine", Kernel: "6.1", Load: "0.1 0.2 0.3", Rounds: 5, Short: true, Anew: []string{"handover"},
		Registrations: []Registration{
			{Bindings: 1000, Kind: "first", PerSecond: 400, P50: 1100, P99: 1200, Begun: 5000},
			{Bindings: 1000, Kind: "refresh", PerSecond: 1200, P50: 2, P99: 9, Unloaded: 1.5, Begun: 7000},
			{Bindings: 2000, Kind: "refresh", PerSecond: 1000, P50: 2, P99: 9, Unloaded: 1.5, Begun: 7000, Lost: 3, Refused: 2},
		},
		Memory:              []Memory{{Bindings: 1000, Daemon: 2000, Kernel: 900}},
		Forwarding:          []Forwarding{{Bindings: 1, Mbit: 190, PPS: 9000, Ratio: 0.9, PlainMbit: 200, PlainPPS: 10000}},
		InterfacePerBinding: []InterfacePerBinding{{Bindings: 1000, PerSecond: 80, Kernel: 45000, Mip6d: 4000, Mip6dKernel: 1500}},
		Correspondent:       Correspondent{HoTI: 100000, BU: 50000, Bytes: 600},
		Allocations:         []Allocation{{Path: "internal/cn TestInit/HoTI", Allocations: 1, Bytes: 64, Nanoseconds: 1234}},
		HandoverVs: HandoverVs{Mip6d: 55.5, WireGuard: 1500, WireGuardOptimistic: 200, Mip6dAll: []float64{50, 55.5, 60},
			WireGuardAll: []float64{1500}, OptimisticAll: []float64{200}},
	}
}

// The keys that programs depend on.
func TestKeys(t *testing.T) {
	var b strings.Builder
	if err := example().Write(&b); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	for list, keys := range map[string][]string{
		"registrations":         {"bindings", "kind", "per_second", "p50_ms", "p99_ms"},
		"memory":                {"bindings", "daemon_bytes_per_binding", "kernel_bytes_per_binding"},
		"forwarding":            {"bindings", "mbit_s", "pps", "ratio_to_plain_tunnel"},
		"interface_per_binding": {"bindings", "per_second", "kernel_bytes_per_binding"},
		"correspondent":         {"hoti_per_second", "bu_per_second", "bytes_per_binding"},
		"handover_vs":           {"mip6d_ms", "wireguard_ms"},
		"allocations":           {"path", "allocations_per_message"},
	} {
		object, ok := got[list].(map[string]any)
		if !ok {
			object = got[list].([]any)[0].(map[string]any)
		}
		for _, k := range keys {
			if _, ok := object[k]; !ok {
				t.Errorf("%s has no %s", list, k)
			}
		}
	}
	for _, k := range []string{"machine", "kernel", "date"} {
		if s, _ := got[k].(string); s == "" {
			t.Errorf("no %s", k)
		}
	}
	var again Report
	if err := json.Unmarshal([]byte(b.String()), &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), again); diff != "" {
		t.Errorf("(-written +read)\n%s", diff)
	}
}

func TestComplete(t *testing.T) {
	if err := example().Complete(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*Report){
		"machine":               func(r *Report) { r.Date = "" },
		"registrations":         func(r *Report) { r.Registrations = nil },
		"memory":                func(r *Report) { r.Memory = nil },
		"forwarding":            func(r *Report) { r.Forwarding = nil },
		"interface_per_binding": func(r *Report) { r.InterfacePerBinding = nil },
		"correspondent":         func(r *Report) { r.Correspondent.BU = 0 },
		"allocations":           func(r *Report) { r.Allocations = nil },
		"handover_vs":           func(r *Report) { r.HandoverVs.WireGuard = 0 },
	} {
		r := example()
		spoil(&r)
		if err := r.Complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestReplace(t *testing.T) {
	var r Report
	for _, part := range []string{"homeagent", "perinterface", "correspondent", "handover"} {
		if err := r.Replace(part, example()); err != nil {
			t.Fatal(err)
		}
	}
	want := example()
	want.Date, want.Machine, want.Kernel, want.Load, want.Rounds, want.Short, want.Anew = "", "", "", "", 0, false, nil
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if r.Replace("everything", example()) == nil {
		t.Error("any part can be replaced")
	}
}

func TestMarkdown(t *testing.T) {
	var b strings.Builder
	if err := example().WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"a machine", "6.1", "2026-11-28", "median of 5 rounds", "a short run", "set against them: handover\n",
		"| 1000 | first | 400 | 1100.00 | 1200.00 |  |  | 0 | 0 | 5000 |",
		"| 2000 | refresh | 1000 | 2.00 | 9.00 | 1.50 | 6.0 | 3 | 2 | 7000 |",
		"A refresh with 2000 bindings costs 1.20 times what it costs with 1000.",
		"| 1000 | 2000 | 900 |", "| 1 | 190.0 | 200.0 | 9000 | 10000 | 0.90 |", "| 1000 | 80.0 | 45000 | 4000.0 | 1500 | 50.00 | 0.03 | 5.00 |  |",
		"100000 Home Test Inits and 50000 Binding Updates", "| `internal/cn TestInit/HoTI` | 1 | 64 | 1234 |",
		"| mip6d | 55.5 | 50, 56, 60 |", "| WireGuard roaming | 1500.0 | 1500 |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// Ratios are within one run.
func TestNoRatiosBetweenRuns(t *testing.T) {
	r := example()
	r.Anew = []string{"homeagent"}
	var b strings.Builder
	if err := r.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	if want := "| 1000 | 80.0 | 45000 | 4000.0 | 1500 | 50.00 | 0.03 |  |  |"; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, b.String())
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2}} {
		if got := Median(c.v); got != c.want {
			t.Errorf("%v: %v, want %v", c.v, got, c.want)
		}
	}
}

// The document is that of a report, not of hands.
func TestDocumentIsAReport(t *testing.T) {
	b, err := os.ReadFile("../../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	var headings strings.Builder
	if err := example().WriteMarkdown(&headings); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(headings.String()) {
		if strings.HasPrefix(line, "#") && !strings.Contains(string(b), line) {
			t.Errorf("docs/benchmarks.md has no %q: write it anew with make bench", line)
		}
	}
}
