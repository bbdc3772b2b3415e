package scale

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/internal/datapath"
	"mip6d/internal/engine"
	"mip6d/internal/homelink"
	"mip6d/internal/role"
)

// idleTime is how long it is watched. The runtime collects garbage every two minutes where nothing else has it do so, and one minute late at the most.
const idleTime = 4 * time.Minute

// BenchmarkIdle is what a home agent costs whose mobile nodes are all bound while nothing happens: the machines of bindings and
// of the home link, which advertises itself and has prefix advertisements to send to all of them, the engine on the real clock, and
// the runtime's own work. What mip6d has beside that waits in the kernel for something to read.
func BenchmarkIdle(b *testing.B) {
	for _, n := range []int{0, 10_000, 100_000} {
		b.Run(fmt.Sprintf("bindings=%d", n), func(b *testing.B) { benchmarkIdle(b, n) })
	}
}

func benchmarkIdle(b *testing.B, n int) {
	w := newWorld(b, n, 3)
	w.play(w.updates(1, 65535*4*time.Second), 64)
	if err := w.check(n, n); err != nil {
		b.Fatal(err)
	}
	steps := 0
	start := time.Now()
	now := func() time.Time { return w.now.Add(time.Since(start)) }
	links := homelink.New(homelink.Params{
		Links: []homelink.Link{{
			Ifindex: 3, Address: local, Prefixes: []homelink.Prefix{{Prefix: homePrefix, Valid: role.Infinite, Preferred: role.Infinite}},
			Advertise: &homelink.Advertise{
				MinInterval: 200 * time.Second, MaxInterval: 600 * time.Second, RouterLifetime: 1800 * time.Second,
				AnswerDelay: 500 * time.Millisecond, MinDelay: 3 * time.Second,
			},
		}},
		Deliveries: &homelink.Deliveries{MinInterval: 10 * time.Minute, MaxInterval: 24 * time.Hour},
		Binding:    func(home netip.Addr) (role.Binding, bool) { return w.machine.Binding(home) },
		Bindings:   func() iter.Seq[role.Binding] { return w.machine.All() },
	}, rand.NewChaCha8([32]byte{}))
	for x := range w.machine.All() {
		links.Registered(now(), x)
	}
	e := engine.New(engine.Config{
		Machines: []role.Machine{w.machine, links, counting{&steps}}, Kernel: datapath.Kernel{Main: datapath.NewHomeAgent(w.kernel)},
		Wire: &w.wire, Store: w.store, Counters: new(engine.Counters), Notify: func(time.Time, role.Notice) {},
		Failed: func(_ role.Effect, err error) { b.Error(err) }, Now: now,
	})
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	runtime.GC()
	time.Sleep(5 * time.Second) // the start, and what the collection sets off
	var woken int
	var took time.Duration
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	collected := mem.NumGC
	for b.Loop() {
		before, wakes := cpuTime(), switches()
		time.Sleep(idleTime)
		took += cpuTime() - before
		woken += switches() - wakes
	}
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	if w.machine.Len() != n {
		b.Fatalf("%d bindings are left of %d", w.machine.Len(), n)
	}
	seconds := float64(b.N) * idleTime.Seconds()
	b.ReportMetric(100*took.Seconds()/seconds, "%CPU")
	b.ReportMetric(float64(woken)/seconds, "wakeups/s")
	b.ReportMetric(float64(steps)/seconds, "steps/s")
	runtime.ReadMemStats(&mem)
	b.ReportMetric(float64(mem.NumGC-collected)/float64(b.N), "GCs")
	const collections = 10
	before := cpuTime()
	for range collections {
		runtime.GC()
	}
	b.ReportMetric((cpuTime()-before).Seconds()*1000/collections, "ms/GC")
	b.ReportMetric(0, "ns/op")
}

// counting is a machine that counts how often it is stepped.
type counting struct{ n *int }

func (c counting) Step(time.Time, role.Event) []role.Effect { *c.n++; return nil }
func (c counting) Deadline() time.Time                      { return time.Time{} }

// switches is how often a thread of this process has gone to sleep.
func switches() int {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return int(u.Nvcsw)
}
