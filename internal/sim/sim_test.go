package sim

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	oneSeed = flag.Uint64("sim.seed", 0, "run this seed alone and tell its story")
	seeds   = flag.Int("sim.seeds", 2500, "how many seeds to run")
	first   = flag.Uint64("sim.first", 1, "the first of them")
)

func TestSeeds(t *testing.T) {
	if *oneSeed != 0 {
		w := New(*oneSeed, Mutants{})
		err := w.Run()
		t.Log("\n" + w.Story(1<<20))
		if err != nil {
			t.Error(err)
		}
		return
	}
	var next atomic.Uint64
	var failed atomic.Int32
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for failed.Load() < 5 {
				n := next.Add(1)
				if n > uint64(*seeds) {
					return
				}
				w := New(*first+n-1, Mutants{})
				if err := w.Run(); err != nil {
					failed.Add(1)
					t.Errorf("seed %d: %v\nrun again: go test ./internal/sim -run TestSeeds -sim.seed=%d -v\n%s", w.Seed, err, w.Seed, w.Story(40))
				}
			}
		})
	}
	wg.Wait()
}

// TestSameSeedSameStory: a failure can be looked at again.
func TestSameSeedSameStory(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		a, b := New(seed, Mutants{}), New(seed, Mutants{})
		if fmt.Sprint(a.Run()) != fmt.Sprint(b.Run()) || a.Story(1<<20) != b.Story(1<<20) {
			t.Errorf("seed %d tells two stories", seed)
		}
	}
}
