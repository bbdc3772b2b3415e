package scale

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// kinds of registrations, in the order in which a mobile node makes them.
var kinds = []struct {
	name  string
	round int
	life  time.Duration
	bound bool
}{
	{"first", 1, lifetime, true},
	{"refresh", 1, lifetime, true},
	{"move", 2, lifetime, true},
	{"deregister", 2, 0, false},
}

// BenchmarkHomeAgent is what a registration costs with so many bindings there, by its kind and by how many wait
// together: the protocol, the engine and the store, on a file system in memory if TMPDIR says so. The kernel is a
// map. One iteration is all mobile nodes once.
func BenchmarkHomeAgent(b *testing.B) {
	for _, batch := range []int{1, 64} {
		for _, n := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("batch=%d/bindings=%d", batch, n), func(b *testing.B) { benchmarkHomeAgent(b, n, batch) })
		}
	}
}

func benchmarkHomeAgent(b *testing.B, n, batch int) {
	before := heapInUse()
	w := newWorld(b, n, 3)
	configured := heapInUse()
	var took [4]time.Duration
	var allocs, written, writes [4]uint64
	for range b.N {
		for k, kind := range kinds {
			events := w.updates(kind.round, kind.life)
			bytesBefore, callsBefore := output(b)
			took[k] += measure(func() { w.play(events, batch) }, &allocs[k])
			bytesAfter, callsAfter := output(b)
			written[k] += bytesAfter - bytesBefore
			writes[k] += callsAfter - callsBefore
			bound := 0
			if kind.bound {
				bound = n
			}
			if err := w.check(n, bound); err != nil {
				b.Fatal(kind.name, err)
			}
			if kind.name == "move" {
				events = nil
				b.ReportMetric((heapInUse()-configured)/float64(n), "heap-B/binding")
			}
		}
	}
	each := float64(b.N * n)
	for k, kind := range kinds {
		b.ReportMetric(float64(took[k].Nanoseconds())/each/1000, kind.name+"-µs")
		b.ReportMetric(float64(allocs[k])/each, kind.name+"-allocs")
		b.ReportMetric(float64(written[k])/each, kind.name+"-written-B")
		b.ReportMetric(float64(writes[k])/each, kind.name+"-writes")
	}
	b.ReportMetric((configured-before)/float64(n), "configured-B/node")
	b.ReportMetric(0, "ns/op")
}

// output is what this process has written to files so far, and in how many system calls.
func output(b *testing.B) (octets, calls uint64) {
	b.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "wchar: %d", &octets)
		_, _ = fmt.Sscanf(line, "syscw: %d", &calls)
	}
	return octets, calls
}

func measure(do func(), allocs *uint64) time.Duration {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := cpuTime()
	do()
	took := cpuTime() - start
	runtime.ReadMemStats(&after)
	*allocs += after.Mallocs - before.Mallocs
	return took
}

// cpuTime is what this process has used, the garbage collector's share included: other
// programs of the machine don't show in it.
func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heapInUse() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// TestRegistrationsWithoutAKernel: what the benchmark measures is what is asked for.
func TestRegistrationsWithoutAKernel(t *testing.T) {
	for _, ifindex := range []int{0, 3} {
		w := newWorld(t, 500, ifindex)
		for _, kind := range kinds {
			w.play(w.updates(kind.round, kind.life), 64)
			bound := 0
			if kind.bound {
				bound = w.n
			}
			if err := w.check(w.n, bound); err != nil {
				t.Fatal(kind.name, err)
			}
		}
	}
}
