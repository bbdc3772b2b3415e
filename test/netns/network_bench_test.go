package netns

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// BenchmarkKernelMobileRouters is what 1,000 mobile routers with four prefixes each
// cost a home agent that has 1,000 mobile hosts: the rate at which they move, and
// the kernel's memory for each prefix beyond what a host takes.
func BenchmarkKernelMobileRouters(b *testing.B) {
	const hosts, routers = 1000, 1000
	topo := topology.New(b, topology.Config{Unplug: true, Silent: map[topology.Link]bool{
		topology.Home: true, topology.Foreign1: true, topology.Foreign2: true}})
	daemon.New(b, topo.HA, load.HomeAgent(hosts+routers, hosts))
	g, err := load.New(topo, hosts+routers, hosts)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	all := kernelMemory(b)
	register := func(round, from, n int) time.Duration {
		start := time.Now()
		for i := from; i < from+n; i++ {
			if err := g.Send(round, i); err != nil {
				b.Fatal(err)
			}
			if g.Pending() == 64 {
				if err := g.Wait(20 * time.Second); err != nil {
					b.Fatal(err)
				}
			}
		}
		for g.Pending() > 0 {
			if err := g.Wait(20 * time.Second); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(start)
	}
	register(0, 0, hosts)
	withHosts := kernelMemory(b)
	register(0, hosts, routers)
	withRouters := kernelMemory(b)
	var ofHosts, ofRouters time.Duration
	round := 0
	for b.Loop() {
		round++
		ofHosts += register(round, 0, hosts)
		ofRouters += register(round, hosts, routers)
	}
	b.ReportMetric(float64(round*hosts)/ofHosts.Seconds(), "host-moves/s")
	b.ReportMetric(float64(round*routers)/ofRouters.Seconds(), "router-moves/s")
	host := float64(withHosts-all) / hosts
	b.ReportMetric(host, "kernel-B/host")
	b.ReportMetric((float64(withRouters-withHosts)/routers-host)/load.Prefixes, "kernel-B/prefix")
}

// kernelMemory is what slabs and per-CPU data take.
func kernelMemory(b *testing.B) (octets int64) {
	b.Helper()
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		b.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) >= 2 && (f[0] == "Slab:" || f[0] == "Percpu:") {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			octets += n << 10
		}
	}
	return octets
}

// BenchmarkKernelMobileNetworkHandover moves a mobile router between foreign links,
// and measures the interruption of its own address and of a host's behind it in the
// same handovers.
func BenchmarkKernelMobileNetworkHandover(b *testing.B) {
	w, _, addr := newRouterWorld(b, "explicit")
	own := startPing(b, func() (*traffic.Ping, error) {
		return traffic.StartPing(w.CN, topology.CNAddr, topology.HoA, 2*time.Millisecond)
	})
	behind := startPing(b, func() (*traffic.Ping, error) {
		return traffic.StartPing(w.CN, topology.CNAddr, addr, 2*time.Millisecond)
	})
	time.Sleep(time.Second)
	var gaps [2][]time.Duration
	for b.Loop() {
		for _, to := range slices.Repeat([]topology.Link{topology.Foreign2, topology.Foreign1}, 4) {
			up, err := w.Move(to)
			if err != nil {
				b.Fatal(err)
			}
			time.Sleep(1500 * time.Millisecond)
			end := time.Now()
			for k, p := range []*traffic.Ping{own, behind} {
				gaps[k] = append(gaps[k], traffic.Measure(p.Probes(), up.Add(-200*time.Millisecond), end, up).Largest)
			}
		}
	}
	for k, name := range []string{"router-ms", "network-ms"} {
		slices.Sort(gaps[k])
		b.ReportMetric(float64(gaps[k][len(gaps[k])/2].Microseconds())/1000, name)
	}
}

// BenchmarkKernelPlannedSwitch counts what a planned change between two interfaces
// loses of a stream with a packet each millisecond.
func BenchmarkKernelPlannedSwitch(b *testing.B) {
	w := newTwoInterfaces(b)
	ping := startPing(b, func() (*traffic.Ping, error) {
		return traffic.StartPing(w.CN, topology.CNAddr, topology.HoA, time.Millisecond)
	})
	time.Sleep(time.Second)
	from := time.Now()
	for b.Loop() { // a single time: the way back is no planned one
		if err := w.PlugInterface("wlan0", topology.Foreign2); err != nil {
			b.Fatal(err)
		}
		time.Sleep(2 * time.Second)
	}
	g := traffic.Measure(ping.Stop(time.Second), from, time.Now().Add(-time.Second), from)
	b.ReportMetric(float64(g.Lost), "lost")
	b.ReportMetric(float64(g.Sent), "sent")
	b.ReportMetric(float64(g.Largest.Microseconds())/1000, "largest-gap-ms")
}
