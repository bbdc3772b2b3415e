package scale

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// BenchmarkLatency is how long a refresh takes, with so many bindings there: one at a time, and with random arrivals at
// half of the rate that is reached with 64 under way. Time is that of the processor, and nobody waits for anything else:
// neither other programs nor the disk show in it. It is the engine's own, as where the garbage collector has another
// processor to itself, or that of both, as where there is one. What waits when a batch ends is the next one, as in the
// engine.
func BenchmarkLatency(b *testing.B) {
	for _, clock := range []struct {
		name string
		id   int32
	}{{"own", unix.CLOCK_THREAD_CPUTIME_ID}, {"all", unix.CLOCK_PROCESS_CPUTIME_ID}} {
		for _, n := range []int{1_000, 100_000} {
			b.Run(fmt.Sprintf("time=%s/bindings=%d", clock.name, n), func(b *testing.B) { benchmarkLatency(b, n, clock.id) })
		}
	}
}

func benchmarkLatency(b *testing.B, n int, clock int32) {
	runtime.LockOSThread() // whose clock it may be
	defer runtime.UnlockOSThread()
	const sample, most = 10_000, 256 // most: engine.batchLength
	w := newWorld(b, n, 3)
	for _, kind := range kinds[:1] {
		w.play(w.updates(kind.round, kind.life), 64)
	}
	if err := w.check(n, n); err != nil {
		b.Fatal(err)
	}
	for range b.N {
		refreshes := func() []role.Event {
			events := w.updates(1, lifetime)
			for len(events) < sample {
				events = append(events, w.updates(1, lifetime)...)
			}
			return events[:sample]
		}
		alone := queue(w, clock, refreshes(), 0, 1)
		events := refreshes()
		start := used(clock)
		w.play(events, 64)
		rate := sample / (used(clock) - start).Seconds()
		half := queue(w, clock, refreshes(), rate/2, most)
		w.wire.acks = 0
		b.ReportMetric(rate, "refreshes/s")
		b.ReportMetric(micros(alone, 0.5), "alone-p50-µs")
		b.ReportMetric(micros(alone, 0.99), "alone-p99-µs")
		b.ReportMetric(micros(half, 0.5), "half-p50-µs")
		b.ReportMetric(micros(half, 0.99), "half-p99-µs")
		b.ReportMetric(micros(half, 0.99)/micros(alone, 0.5), "p99-to-alone")
	}
	b.ReportMetric(0, "ns/op")
}

// queue hands events to the engine that arrive at random, so many in a second, up to most at a time; at a rate of 0 each
// arrives when the one before has been answered. It returns how long each took from its arrival.
func queue(w *world, clock int32, events []role.Event, rate float64, most int) (took []time.Duration) {
	r := rand.New(rand.NewPCG(1, 2))
	arrivals := make([]time.Duration, len(events))
	for i := range arrivals {
		if i > 0 && rate > 0 {
			arrivals[i] = arrivals[i-1] + time.Duration(r.ExpFloat64()/rate*float64(time.Second))
		}
	}
	var now time.Duration
	for i := 0; i < len(events); {
		if rate == 0 {
			arrivals[i] = now
		}
		now = max(now, arrivals[i])
		n := 1
		for n < most && i+n < len(events) && rate > 0 && arrivals[i+n] <= now {
			n++
		}
		start := used(clock)
		w.engine.Prime(events[i : i+n]...)
		now += used(clock) - start
		for _, at := range arrivals[i : i+n] {
			took = append(took, now-at)
		}
		i += n
	}
	return took
}

// used is what a clock of the processor says.
func used(clock int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

func micros(took []time.Duration, quantile float64) float64 {
	slices.Sort(took)
	return float64(took[int(quantile*float64(len(took)-1))].Nanoseconds()) / 1000
}
