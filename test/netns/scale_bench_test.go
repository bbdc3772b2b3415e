package netns

import (
	"fmt"
	"testing"
	"time"

	"mip6d/internal/role"
	"mip6d/internal/store"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
)

// BenchmarkKernelBindings is what a home agent with so many bindings costs: to have them back after a restart, for each
// registration of a sample of mobile nodes by its kind, and in memory. The others' come from a store that was
// filled before. Times are the daemon's CPU time, its kernel's part included; what each costs must not depend on how many
// there are.
func BenchmarkKernelBindings(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("bindings=%d", n), func(b *testing.B) { benchmarkBindings(b, n, 0) })
	}
}

// BenchmarkKernelTenThousandMobileRouters is the same where each has four prefixes.
func BenchmarkKernelTenThousandMobileRouters(b *testing.B) {
	benchmarkBindings(b, 10_000, load.Prefixes)
}

func benchmarkBindings(b *testing.B, n, prefixes int) {
	const sample = 1000
	step, routers := n/sample, n
	topo := topology.New(b, quiet)
	cfg := load.Sample(n, step, routers)
	if prefixes > 0 {
		routers = 0
		cfg = load.HomeAgent(n, routers) // their prefixes are to be configured
	}
	cfg.Patience = 10 * time.Minute
	empty := daemon.New(b, topo.HA, cfg)
	alone := memory(b, empty)
	if err := empty.Stop(); err != nil {
		b.Fatal(err)
	}
	slabs := kernelMemory(b)
	cfg.Store = func(dir string) error { return fill(dir, n, prefixes) }
	ha := daemon.New(b, topo.HA, cfg)
	each := func(d time.Duration, n int) float64 { return float64(d.Microseconds()) / float64(n) }
	restart, kernel := cpu(b, ha), kernelMemory(b)-slabs
	g, err := load.New(topo, n, routers)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	spent := make(map[string]time.Duration)
	rounds := 0
	for ; b.Loop(); rounds++ {
		for _, kind := range []struct {
			name  string
			round int
			life  time.Duration
		}{
			{"move", 2*rounds + 1, load.Lifetime}, {"refresh", 2*rounds + 1, load.Lifetime}, {"deregister", 2*rounds + 1, 0},
			{"first", 2*rounds + 2, load.Lifetime},
		} {
			before := cpu(b, ha)
			if err := g.Each(kind.round, n, step, 128, kind.life, time.Minute); err != nil {
				b.Fatal(kind.name, err)
			}
			spent[kind.name] += cpu(b, ha) - before
		}
	}
	b.ReportMetric(each(restart, n), "restart-µs") // not before the loop, which forgets it
	b.ReportMetric(float64(kernel)/float64(n), "kernel-B/binding")
	for kind, d := range spent {
		b.ReportMetric(each(d, rounds*n/step), kind+"-µs")
	}
	b.ReportMetric(float64(memory(b, ha)-alone)/float64(n), "daemon-B/binding")
	b.ReportMetric(0, "ns/op")
	if err := inForce(b, ha, n, n*prefixes); err != nil {
		b.Fatal(err)
	}
}

// fill makes a store with n mobile nodes' bindings.
func fill(dir string, n, prefixes int) error {
	k, err := store.Open(dir, nil, func(string, error) {})
	if err != nil {
		return err
	}
	now := time.Now()
	var effects []role.Effect
	for i := range n {
		home := load.HomeAddress(i)
		r := role.Registration{
			HomeAddress: home, Bound: true, Sequence: 0, Sequent: true, Binding: role.Binding{
				HomeAddress: home, CareOf: load.CareOf(0, i), HomeAgent: topology.HAAddr, Router: prefixes > 0, MobileRouter: prefixes > 0,
				Lifetime: time.Hour, Expires: now.Add(time.Hour), Created: now,
			},
		}
		for p := range prefixes {
			r.Binding.MobilePrefixes = append(r.Binding.MobilePrefixes, load.Prefix(i, p))
		}
		if effects = append(effects, role.StoreRegistration{Registration: r}); len(effects) == 4096 || i == n-1 {
			if errs := k.Apply(effects); errs != nil {
				return errs[0]
			}
			effects = effects[:0]
		}
	}
	return k.Close()
}

func cpu(t testing.TB, d *daemon.Daemon) time.Duration {
	t.Helper()
	used, err := d.CPUTime()
	if err != nil {
		t.Fatal(err)
	}
	return used
}

func memory(t testing.TB, d *daemon.Daemon) int64 {
	t.Helper()
	used, err := d.Memory()
	if err != nil {
		t.Fatal(err)
	}
	return used
}
