// Package report is what `make bench` leaves behind: report.json for programs,
// and docs/benchmarks.md for people, which is made of it.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Report is report.json. Every figure is the median of several rounds within one
// run. Programs depend on the keys.
type Report struct {
	Date    string `json:"date"`
	Machine string `json:"machine"`
	Kernel  string `json:"kernel"`
	Load    string `json:"load"`   // of the machine at the start: load averages (proc(5))
	Rounds  int    `json:"rounds"` // of which the figures are medians
	Short   bool   `json:"short"`  // fewer bindings and less time

	Anew []string `json:"measured_anew,omitempty"` // parts that are of a later run of their own

	Registrations       []Registration        `json:"registrations"`
	Memory              []Memory              `json:"memory"`
	Forwarding          []Forwarding          `json:"forwarding"`
	InterfacePerBinding []InterfacePerBinding `json:"interface_per_binding"`
	Correspondent       Correspondent         `json:"correspondent"`
	Allocations         []Allocation          `json:"allocations"`
	HandoverVs          HandoverVs            `json:"handover_vs"`
}

// Registration is one kind of registration at a home agent with so many bindings.
type Registration struct {
	Bindings  int     `json:"bindings"`
	Kind      string  `json:"kind"`       // as internal/loadgen names them
	PerSecond float64 `json:"per_second"` // as fast as they are answered

	// P50 and P99 are from Binding Update to Binding Acknowledgement, at half of
	// that rate for refreshes and care-of changes.
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`

	Unloaded float64 `json:"unloaded_p50_ms,omitempty"` // one at a time
	Begun    int     `json:"begun"`                     // of all rounds
	Lost     int     `json:"lost"`
	Refused  int     `json:"refused"`
}

// Memory is what bindings take beyond a home agent that has none.
type Memory struct {
	Bindings int `json:"bindings"`
	Daemon   int `json:"daemon_bytes_per_binding"` // anonymous memory, with what the configuration takes
	Kernel   int `json:"kernel_bytes_per_binding"`
}

// Forwarding is a stream through the shared tunnel device with so many bindings,
// beside the same through a plain ip6tnl.
type Forwarding struct {
	Bindings  int     `json:"bindings"`
	Mbit      float64 `json:"mbit_s"`                // TCP, towards the mobile node
	PPS       float64 `json:"pps"`                   // small UDP packets, from the mobile node
	Ratio     float64 `json:"ratio_to_plain_tunnel"` // the worse of both
	PlainMbit float64 `json:"plain_mbit_s"`
	PlainPPS  float64 `json:"plain_pps"`
}

// InterfacePerBinding is the design with a tunnel interface, a route and a proxy
// entry for each binding: the kernel's part alone, without any message. Mip6d and
// Mip6dKernel are the same of mip6d's data path.
type InterfacePerBinding struct {
	Bindings    int     `json:"bindings"`
	PerSecond   float64 `json:"per_second"`
	Kernel      int     `json:"kernel_bytes_per_binding"`
	Mip6d       float64 `json:"mip6d_per_second"`
	Mip6dKernel int     `json:"mip6d_kernel_bytes_per_binding"`
}

// Correspondent is a correspondent node's machine, with its cryptography and
// without I/O, on one processor.
type Correspondent struct {
	HoTI  float64 `json:"hoti_per_second"`
	BU    float64 `json:"bu_per_second"`
	Bytes float64 `json:"bytes_per_binding"`
}

// Allocation is what a benchmark of a hot path allocates for each message.
type Allocation struct {
	Path        string  `json:"path"` // package and benchmark
	Allocations float64 `json:"allocations_per_message"`
	Bytes       float64 `json:"bytes_per_message"`
	Nanoseconds float64 `json:"ns_per_message"`
}

// HandoverVs compares the longest gaps in the same echo streams at the same
// moves between two foreign links.
type HandoverVs struct {
	Mip6d               float64   `json:"mip6d_ms"`
	WireGuard           float64   `json:"wireguard_ms"`            // as Debian's kernel is, with a network manager that forgets a link it has left
	WireGuardOptimistic float64   `json:"wireguard_optimistic_ms"` // with optimistic DAD, which mip6d uses
	Mip6dAll            []float64 `json:"mip6d_all_ms"`
	WireGuardAll        []float64 `json:"wireguard_all_ms"`
	OptimisticAll       []float64 `json:"wireguard_optimistic_all_ms"`
}

// Write writes report.json.
func (r Report) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Replace takes the figures of one part, as cmd/bench names them, over from
// another report.
func (r *Report) Replace(part string, from Report) error {
	switch part {
	case "homeagent":
		r.Registrations, r.Memory, r.Forwarding = from.Registrations, from.Memory, from.Forwarding
	case "perinterface":
		r.InterfacePerBinding = from.InterfacePerBinding
	case "correspondent":
		r.Correspondent, r.Allocations = from.Correspondent, from.Allocations
	case "handover":
		r.HandoverVs = from.HandoverVs
	default:
		return fmt.Errorf("no part %q", part)
	}
	return nil
}

// Complete says what is missing; nil when nothing is.
func (r Report) Complete() error {
	for what, missing := range map[string]bool{
		"machine, kernel or date": r.Machine == "" || r.Kernel == "" || r.Date == "",
		"registrations":           len(r.Registrations) == 0,
		"memory":                  len(r.Memory) == 0,
		"forwarding":              len(r.Forwarding) == 0,
		"interface_per_binding":   len(r.InterfacePerBinding) == 0,
		"correspondent":           r.Correspondent.HoTI == 0 || r.Correspondent.BU == 0 || r.Correspondent.Bytes == 0,
		"allocations":             len(r.Allocations) == 0,
		"handover_vs":             r.HandoverVs.Mip6d == 0 || r.HandoverVs.WireGuard == 0 || r.HandoverVs.WireGuardOptimistic == 0,
	} {
		if missing {
			return fmt.Errorf("the report has no %s", what)
		}
	}
	return nil
}

// Median is that of some figures: of an even number, the lower of the two in the
// middle.
func Median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[(len(v)-1)/2]
}
