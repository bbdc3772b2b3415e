// Command soak runs the simulation's crowds, one home agent with many mobile nodes in each,
// over many seeds, and says what they went through. It ends with status 1 when an invariant
// did not hold; how to see that seed's story is printed.
//
//	go run ./test/soak/cmd/soak [-for 1h] [-seeds 2000] [-first 1] [-nodes 1000] [-tell]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"mip6d/internal/sim"
)

func main() {
	limit := flag.Duration("for", time.Hour, "begin no more seeds after this time; 0: no limit")
	seeds := flag.Int("seeds", 2000, "how many seeds to run at most")
	first := flag.Uint64("first", 1, "the first of them")
	nodes := flag.Int("nodes", 1000, "mobile nodes in each")
	tell := flag.Bool("tell", false, "tell the first seed's story, and run no other")
	flag.Parse()
	if flag.NArg() > 0 || *nodes < 1 || *seeds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if *tell {
		c := sim.NewCrowd(*first, *nodes, true, nil)
		err := c.Run()
		fmt.Println(c.Story(1 << 30))
		if err != nil {
			fmt.Printf("seed %d: %v\n", *first, err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *limit)
		defer cancel()
	}
	s := soak{next: *first, end: *first + uint64(*seeds), nodes: *nodes, begun: time.Now(), reported: time.Now()}
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() { s.work(ctx) })
	}
	wg.Wait()
	s.report("in the end")
	if s.failed > 0 || s.done == 0 {
		os.Exit(1)
	}
}

// soak is a run over many seeds, by several goroutines.
type soak struct {
	nodes int
	begun time.Time

	mu           sync.Mutex
	next, end    uint64
	done, failed int
	tally        sim.Tally
	reported     time.Time
}

// work runs one seed after the other.
func (s *soak) work(ctx context.Context) {
	for {
		s.mu.Lock()
		seed := s.next
		over := seed == s.end || s.failed >= 5
		if !over {
			s.next++
		}
		s.mu.Unlock()
		if over || ctx.Err() != nil {
			return
		}
		c := sim.NewCrowd(seed, s.nodes, false, nil)
		s.ended(seed, c, c.Run())
	}
}

func (s *soak) ended(seed uint64, c *sim.Crowd, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done++
	s.tally.Add(c.Tally())
	if err != nil {
		s.failed++
		fmt.Printf("seed %d: %v\nits story: go run ./test/soak/cmd/soak -first %d -nodes %d -tell\n", seed, err, seed, s.nodes)
	}
	if time.Since(s.reported) > time.Minute {
		s.report("so far")
	}
}

func (s *soak) report(when string) {
	s.reported = time.Now()
	t := s.tally
	fmt.Printf("%s: %d seeds with %d mobile nodes, %d failed; %.1f hours of virtual time for each home agent in %v\n"+
		"  %d steps of machines, %d moves, %d Binding Updates sent and %d replayed, %d accepted, %d refused; %d faults of kernels, %d of stores, %d overruns of kernels' news, %d kills\n",
		when, s.done, s.nodes, s.failed, (time.Duration(s.done) * sim.CrowdTime).Hours(), time.Since(s.begun).Round(time.Second),
		t.Steps, t.Moves, t.Updates, t.Replays, t.Accepted, t.Refused, t.KernelFaults, t.StoreFaults, t.Overruns, t.Kills)
}
