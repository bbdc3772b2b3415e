package directspeed

import (
	"fmt"
	"os"
	"testing"
	"time"

	"mip6d/test/testkernel"
)

// span is how long one connection sends.
const span = 2 * time.Second

// BenchmarkKernelDirectThroughput has a connection take each way in turn, so
// that the machine's load falls on all of them.
func BenchmarkKernelDirectThroughput(b *testing.B) {
	testkernel.Require(b)
	for _, o := range []offloads{on, wire, off} {
		for _, steered := range []bool{false, true} {
			if steered && o == wire {
				continue // what merges packets has a queue of its own already
			}
			for _, toCN := range []bool{true, false} {
				b.Run(fmt.Sprintf("offloads=%s/steered=%v/to=%s", o, steered, sink(toCN)), func(b *testing.B) {
					w := newWorld(b)
					w.setOffloads(o)
					if steered {
						w.steer()
					}
					w.compare(b, toCN, plain, tunnel, direct, device, filters)
				})
			}
		}
	}
}

// BenchmarkKernelOneSegmentAtATime takes from all ways what xfrm takes from the
// direct one: TCP hands down single segments. What still differs is xfrm's own
// cost.
func BenchmarkKernelOneSegmentAtATime(b *testing.B) {
	testkernel.Require(b)
	for _, o := range []offloads{on, off} {
		for _, toCN := range []bool{true, false} {
			b.Run(fmt.Sprintf("offloads=%s/to=%s", o, sink(toCN)), func(b *testing.B) {
				w := newWorld(b)
				w.setOffloads(o)
				w.steer()
				w.oneSegment()
				w.compare(b, toCN, plain, tunnel, direct)
			})
		}
	}
}

func sink(toCN bool) string {
	if toCN {
		return "cn"
	}
	return "mn"
}

func (w *world) compare(b *testing.B, toCN bool, ways ...way) {
	mbits, retrans := make(map[way]float64), make(map[way]float64)
	var runs, drops, refused float64
	for b.Loop() {
		runs++
		for _, by := range ways {
			w.take(by)
			r, err := w.flow(by, toCN, span)
			if err != nil {
				b.Fatalf("%s: %v", by, err)
			}
			if os.Getenv("DIRECTSPEED_VERBOSE") != "" {
				fmt.Printf("%-8s%s\n", by, r) // a benchmark's log keeps ten lines
			}
			mbits[by] += r.mbits
			retrans[by] += float64(r.info.Total_retrans)
			drops += float64(r.counters["softnet.dropped"])
			refused += float64(r.refused())
		}
	}
	for _, by := range ways {
		b.ReportMetric(mbits[by]/runs, string(by)+"-Mbit/s")
		b.ReportMetric(retrans[by]/runs, string(by)+"-retrans")
		if by != tunnel {
			b.ReportMetric(mbits[by]/mbits[tunnel], string(by)+"/tunnel")
		}
	}
	b.ReportMetric(drops, "backlog-drops")
	b.ReportMetric(refused, "xfrm-errors")
}
