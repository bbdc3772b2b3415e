package netns

import (
	"testing"
	"time"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
)

// bindings are in place while a further one is measured.
const bindings = 2000

// BenchmarkKernelRegistration is what one care-of change costs a home agent
// that has 2,000 bindings: a Binding Update verified, the kernel changed, the
// acknowledgement out.
func BenchmarkKernelRegistration(b *testing.B) {
	topo := topology.New(b, topology.Config{Unplug: true, Silent: map[topology.Link]bool{
		topology.Home: true, topology.Foreign1: true, topology.Foreign2: true}})
	ha := daemon.New(b, topo.HA, load.HomeAgent(bindings, bindings))
	g, err := load.New(topo, bindings, bindings)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	// In the first round each waits a second for DAD, many in parallel.
	if err := g.Round(0, bindings, 256, 20*time.Second); err != nil {
		b.Fatal(err)
	}
	const window = 64 // mobile nodes that move at the same time
	n, start := 0, time.Now()
	used, err := ha.CPUTime()
	if err != nil {
		b.Fatal(err)
	}
	for ; b.Loop(); n++ {
		if err := g.Send(1+n/bindings, n%bindings); err != nil {
			b.Fatal(err)
		}
		if g.Pending() == window {
			if err := g.Wait(10 * time.Second); err != nil {
				b.Fatal(err)
			}
		}
	}
	done := n - g.Pending()
	after, err := ha.CPUTime()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((after-used).Microseconds())/float64(done), "mip6d-µs/op")
	b.ReportMetric(float64(done)/time.Since(start).Seconds(), "bindings/s")
	b.ReportMetric(float64(g.Resent()), "resent")
}
