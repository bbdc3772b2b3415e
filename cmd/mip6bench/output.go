package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"mip6d/internal/loadgen"
)

// report is the JSON output. Programs depend on its keys.
type report struct {
	HomeAgent string           `json:"home_agent"`
	Nodes     int              `json:"nodes"`
	Results   []loadgen.Result `json:"results"`
}

// writer prints results: lines for people as they come, or one JSON document.
type writer struct {
	out    io.Writer
	json   bool
	report report
}

func newWriter(out io.Writer, o options) *writer {
	w := &writer{out: out, json: o.json, report: report{
		HomeAgent: o.population.HomeAgent.String(), Nodes: o.population.Nodes, Results: []loadgen.Result{},
	}}
	if !w.json {
		fmt.Fprintf(out, "%-15s %9s %9s %8s %7s %7s %9s %9s %9s %9s %9s\n",
			"kind", "begun", "accepted", "refused", "lost", "resent", "a second", "p50 ms", "p90 ms", "p99 ms", "max ms")
	}
	return w
}

func (w *writer) result(r loadgen.Result) {
	w.report.Results = append(w.report.Results, r)
	if w.json {
		return
	}
	refused := 0
	for _, n := range r.Refused {
		refused += n
	}
	fmt.Fprintf(w.out, "%-15s %9d %9d %8d %7d %7d %9.1f %9.2f %9.2f %9.2f %9.2f%s\n",
		r.Kind, r.Begun, r.Accepted, refused, r.Lost, r.Retransmitted, r.PerSecond, r.P50, r.P90, r.P99, r.Max, remarks(r))
}

// remarks are what not every result has.
func remarks(r loadgen.Result) string {
	var b strings.Builder
	for _, s := range slices.Sorted(maps.Keys(r.Refused)) {
		fmt.Fprintf(&b, "  status %d: %d (%s)", s, r.Refused[s], s)
	}
	for _, c := range []struct {
		n    int
		what string
	}{
		{r.Resynchronised, "sequence numbers corrected"}, {r.Stale, "answers too late"}, {r.Forged, "answers with a wrong authenticator"},
		{r.Skipped, "not begun, as the last one was under way"},
	} {
		if c.n > 0 {
			fmt.Fprintf(&b, "  %d %s", c.n, c.what)
		}
	}
	if r.WantedPerSecond > 0 && r.LateP99 > 10 {
		fmt.Fprintf(&b, "  (the generator was up to %.0f ms late itself)", r.LateP99)
	}
	return b.String()
}

func (w *writer) end() error {
	if !w.json {
		return nil
	}
	e := json.NewEncoder(w.out)
	e.SetIndent("", "  ")
	return e.Encode(w.report)
}

// writeConfiguration prints the mobile nodes as mip6d wants them, for a
// home_agent section.
func writeConfiguration(out io.Writer, o options) {
	p := o.population
	fmt.Fprintln(out, "  mobile_nodes:")
	for i := range p.Nodes {
		auth, router := "", ""
		if p.Auth != nil {
			id := ""
			if p.Auth.Replay != loadgen.ReplayTimestamp {
				id = ", replay: " + string(p.Auth.Replay)
			}
			auth = fmt.Sprintf(", auth: {spi: %d, key_file: %s%s}", p.Auth.SPI, o.keyFile, id)
		}
		if i >= p.Nodes-p.Routers {
			router = ", router: true"
		}
		fmt.Fprintf(out, "    - {home_address: %q%s%s}\n", p.HomeAddress(i), router, auth)
	}
}
