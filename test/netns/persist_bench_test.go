package netns

import (
	"fmt"
	"testing"
	"time"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
)

// BenchmarkKernelRestart is the time from a home agent's start until it answers
// mip6ctl, with bindings in the store and in the kernel.
func BenchmarkKernelRestart(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("bindings=%d", n), func(b *testing.B) {
			topo := topology.New(b, topology.Config{Unplug: true, Silent: map[topology.Link]bool{
				topology.Home: true, topology.Foreign1: true, topology.Foreign2: true}})
			ha := daemon.New(b, topo.HA, load.HomeAgent(n, n))
			g, err := load.New(topo, n, n)
			if err != nil {
				b.Fatal(err)
			}
			defer g.Close()
			if err := g.Round(0, n, 512, 120*time.Second); err != nil {
				b.Fatal(err)
			}
			var down time.Duration
			for b.Loop() {
				ha.Kill()
				began := time.Now()
				if err := ha.Start(b.Context()); err != nil {
					b.Fatal(err)
				}
				down += time.Since(began)
			}
			b.ReportMetric(float64(down.Milliseconds())/float64(b.N), "ms/start")
			client := ha.Client()
			defer client.Close()
			if list, err := client.Bindings(b.Context()); err != nil || len(list) != n {
				b.Fatalf("%d bindings of %d (%v)", len(list), n, err)
			}
		})
	}
}
