package netns

import (
	"slices"
	"testing"
	"time"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// protections are what the benchmarks compare, by the beginning of their metrics' names.
// Route optimisation is off in all of them, as payload in a tunnel has it.
var protections = []struct {
	name   string
	ha, mn daemon.Config
}{
	{"plain", daemon.HomeAgent(), daemon.MobileNode()},
	{"signalling", daemon.HomeAgentIPsec(""), daemon.MobileNodeIPsec("")},
	{"payload", daemon.HomeAgentIPsec(", payload: on"), daemon.MobileNodeIPsec(", payload: on")},
}

// eachProtection runs f in a world of each protection, with the mobile node away.
func eachProtection(b *testing.B, f func(b *testing.B, name string, w *world)) {
	for _, p := range protections {
		b.Run(p.name, func(b *testing.B) {
			mn := p.mn // this is run more than once
			mn.Text += "  route_optimization: {default: off}\n"
			w := newWorld(b, settings{Config: topology.Config{Start: topology.Foreign1}, haConfig: &p.ha, mnConfig: &mn})
			answered(b, w.pingMN(b), time.Time{}, 20*time.Second)
			f(b, p.name, w)
		})
	}
}

// BenchmarkKernelIPsecHandover is the interruption of a stream to the mobile node when it moves
// between foreign links: without IPsec, with protected signalling, with payload in the
// tunnel as well.
func BenchmarkKernelIPsecHandover(b *testing.B) {
	eachProtection(b, func(b *testing.B, name string, w *world) {
		ping := startPing(b, func() (*traffic.Ping, error) {
			return traffic.StartPing(w.CN, topology.CNAddr, topology.HoA, 5*time.Millisecond)
		})
		time.Sleep(time.Second)
		var gaps []time.Duration
		for b.Loop() {
			for _, to := range slices.Repeat([]topology.Link{topology.Foreign2, topology.Foreign1}, 10) {
				up, err := w.Move(to)
				if err != nil {
					b.Fatal(err)
				}
				answered(b, ping, up, 20*time.Second)
				time.Sleep(500 * time.Millisecond)
				gaps = append(gaps, traffic.Measure(ping.Probes(), up.Add(-200*time.Millisecond), time.Now().Add(-100*time.Millisecond), up).Largest)
			}
		}
		slices.Sort(gaps)
		b.ReportMetric(float64(gaps[len(gaps)/2].Microseconds())/1000, name+"-ms")
		b.ReportMetric(float64(gaps[len(gaps)/4].Microseconds())/1000, name+"-lower-quartile-ms")
		b.ReportMetric(float64(gaps[len(gaps)*3/4].Microseconds())/1000, name+"-upper-quartile-ms")
	})
}

// BenchmarkKernelIPsecThroughput is what TCP carries through the tunnel, from the mobile
// node and to it.
func BenchmarkKernelIPsecThroughput(b *testing.B) {
	eachProtection(b, func(b *testing.B, name string, w *world) {
		var octets [2]int64
		var took [2]time.Duration
		for b.Loop() {
			for range 5 {
				for k := range octets {
					from, to, src, dst := w.MN, w.CN, topology.HoA, topology.CNAddr
					if k == 1 {
						from, to, src, dst = to, from, dst, src
					}
					begin := time.Now()
					n, err := bulk(within(b, time.Minute), from, src, to, dst)
					if err != nil {
						b.Fatal(err)
					}
					octets[k] += n
					took[k] += time.Since(begin)
				}
			}
		}
		for k, way := range []string{"-from-mn-Mbit/s", "-to-mn-Mbit/s"} {
			b.ReportMetric(float64(octets[k])*8/1e6/took[k].Seconds(), name+way)
		}
	})
}
