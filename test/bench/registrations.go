package bench

import (
	"context"
	"fmt"

	"mip6d/internal/loadgen"
	"mip6d/test/bench/report"
)

// rounds gathers the results of several rounds of one kind.
type rounds struct {
	kind                 loadgen.Kind
	rate, p50, p99       []float64
	begun, lost, refused int
}

func (r *rounds) add(x loadgen.Result) {
	r.begun += x.Begun
	r.lost += x.Lost
	for _, n := range x.Refused {
		r.refused += n
	}
}

func (r *rounds) report(bindings int) report.Registration {
	return report.Registration{
		Bindings: bindings, Kind: r.kind.String(), PerSecond: report.Median(r.rate), P50: report.Median(r.p50), P99: report.Median(r.p99),
		Begun: r.begun, Lost: r.lost, Refused: r.refused,
	}
}

// registrations measures each kind of registration while all bindings are in
// place. Of a sample of the mobile nodes all refresh, all move, all de-register,
// all register anew, as fast as they are answered; and then refreshes and care-of
// changes at half the rate that was reached, for the latencies.
func (s *scene) registrations(ctx context.Context, o Options) ([]report.Registration, error) {
	n := min(o.Sample, s.nodes)
	all := make([]rounds, 0, 4)
	for _, k := range []loadgen.Kind{loadgen.First, loadgen.Refresh, loadgen.CareOfChange, loadgen.Deregister} {
		all = append(all, rounds{kind: k})
	}
	for round := range o.Rounds {
		// Other mobile nodes each time, as far as there are.
		from := round * n % max(s.nodes-n+1, 1)
		for _, k := range []loadgen.Kind{loadgen.Refresh, loadgen.CareOfChange, loadgen.Deregister, loadgen.First} {
			l := loadgen.Load{Order: loadgen.Each(k, from, from+n)}
			if k == loadgen.First {
				l.Window = firstWindow
			}
			x, err := s.run(ctx, l)
			if err != nil {
				return nil, err
			}
			r := &all[k]
			r.add(x)
			r.rate = append(r.rate, x.PerSecond)
			if k == loadgen.First || k == loadgen.Deregister {
				r.p50, r.p99 = append(r.p50, x.P50), append(r.p99, x.P99)
			}
		}
	}
	var result []report.Registration
	for k := range all {
		r := &all[k]
		var alone []float64
		for range o.Rounds {
			if r.kind != loadgen.Refresh && r.kind != loadgen.CareOfChange {
				break
			}
			x, err := s.run(ctx, loadgen.Load{Order: loadgen.Each(r.kind, 0, n), Rate: report.Median(r.rate) / 2})
			if err != nil {
				return nil, err
			}
			r.add(x)
			r.p50, r.p99 = append(r.p50, x.P50), append(r.p99, x.P99)
			if x, err = s.run(ctx, loadgen.Load{Order: loadgen.Each(r.kind, 0, min(n, 100)), Window: 1}); err != nil {
				return nil, err
			}
			r.add(x)
			alone = append(alone, x.P50)
		}
		line := r.report(s.nodes)
		line.Unloaded = report.Median(alone)
		fmt.Fprintf(o.Out, "  %-15s %8.1f/s  p50 %8.2f ms  p99 %8.2f ms  alone %8.2f ms  lost %d, refused %d of %d\n",
			line.Kind, line.PerSecond, line.P50, line.P99, line.Unloaded, line.Lost, line.Refused, line.Begun)
		result = append(result, line)
	}
	return result, nil
}
