package scale

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// BenchmarkLatency is how long a refresh takes, with so many bindings there: one at a time, and with random arrivals at half
// of the rate that is reached with 64 under way.
func BenchmarkLatency(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("bindings=%d", n), func(b *testing.B) { benchmarkLatency(b, n) })
	}
}

func benchmarkLatency(b *testing.B, n int) {
	w := newWorld(b, n, 0)
	w.now = time.Now().Add(-2 * time.Second)
	w.play(w.updates(1, lifetime), 64)
	if err := w.check(n, n); err != nil {
		b.Fatal(err)
	}
	heard := make(chan answered, 1<<16)
	w.now, w.wire.heard = time.Time{}, heard
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.engine.Run(ctx) }()
	l := latencies{w: w, heard: heard}
	for range b.N {
		alone := l.run(2*time.Second, 1, 0)
		full := l.run(3*time.Second, 64, 0)
		rate := float64(len(full)) / 3
		half := l.run(5*time.Second, 0, rate/2)
		b.ReportMetric(rate, "refreshes/s")
		b.ReportMetric(micros(alone, 0.5), "alone-p50-µs")
		b.ReportMetric(micros(half, 0.5), "half-p50-µs")
		b.ReportMetric(micros(half, 0.99), "half-p99-µs")
		b.ReportMetric(micros(half, 0.99)/micros(alone, 0.5), "p99-to-alone")
		b.ReportMetric(float64(l.lost), "lost")
	}
	b.ReportMetric(0, "ns/op")
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// latencies has mobile nodes refresh, one after the other.
type latencies struct {
	w     *world
	heard <-chan answered
	next  int
	lost  int
}

// patience is how long an answer is waited for.
const patience = 2 * time.Second

// run has them do so for a time: window under way at a time, or else begun at random at a rate in a second. A latency
// counts from when a refresh was due.
func (l *latencies) run(span time.Duration, window int, rate float64) (took []time.Duration) {
	began := make(map[[16]byte]time.Time)
	r := rand.New(rand.NewPCG(1, 2))
	end, due := time.Now().Add(span), time.Now()
	take := func(a answered) {
		if at, ok := began[a.home.As16()]; ok {
			took = append(took, a.at.Sub(at))
			delete(began, a.home.As16())
		}
	}
	for now := due; now.Before(end) || len(began) > 0; now = time.Now() {
		if !now.Before(end) || window > 0 && len(began) >= window {
			select {
			case a := <-l.heard:
				take(a)
			case <-time.After(patience):
				l.lost += len(began) // dropped, as too many waited, or overtaken by the next of the same mobile node
				clear(began)
			}
			continue
		}
		if window == 0 && now.Before(due) {
			select {
			case a := <-l.heard:
				take(a)
			default:
			}
			continue
		}
		if window > 0 {
			due = now
		}
		began[homeAddress(l.next).As16()] = due
		l.w.engine.Offer(l.w.update(now, 1, l.next, lifetime))
		l.next = (l.next + 1) % l.w.n
		if window == 0 {
			due = due.Add(time.Duration(r.ExpFloat64() / rate * float64(time.Second)))
		}
	}
	return took
}

func micros(took []time.Duration, quantile float64) float64 {
	slices.Sort(took)
	return float64(took[int(quantile*float64(len(took)-1))].Nanoseconds()) / 1000
}
