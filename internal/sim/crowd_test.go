package sim

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"mip6d/internal/role"
)

var (
	crowdSeed  = flag.Uint64("crowd.seed", 0, "run this seed's crowd alone and tell its story")
	crowdSeeds = flag.Int("crowd.seeds", 6, "how many seeds to run")
	crowdNodes = flag.Int("crowd.nodes", 40, "how many mobile nodes a crowd has")
)

// TestCrowds: `make soak` does it with more of all.
func TestCrowds(t *testing.T) {
	if *crowdSeed != 0 {
		c := NewCrowd(*crowdSeed, *crowdNodes, true, nil)
		err := c.Run()
		t.Log("\n" + c.Story(1<<20))
		if err != nil {
			t.Error(err)
		}
		return
	}
	var all Tally
	for seed := range uint64(*crowdSeeds) {
		c := NewCrowd(seed+1, *crowdNodes, false, nil)
		begun := time.Now()
		if err := c.Run(); err != nil {
			t.Errorf("seed %d: %v", seed+1, err)
			c = NewCrowd(seed+1, *crowdNodes, true, nil)
			_ = c.Run()
			t.Fatal("\n" + c.Story(60))
		}
		t.Logf("seed %d: %v, %+v", seed+1, time.Since(begun), c.Tally())
		all.Add(c.Tally())
	}
	if all.Accepted == 0 || all.Refused == 0 || all.KernelFaults == 0 || all.StoreFaults == 0 || all.Kills == 0 || all.Overruns == 0 || all.Replays == 0 {
		t.Errorf("something never happened: %+v", all)
	}
}

// TestCrowdsCatchMutants: each invariant is broken by a home agent that is made to.
func TestCrowdsCatchMutants(t *testing.T) {
	for _, c := range []struct {
		name   string
		mutant func(role.Machine) role.Machine
		want   string
	}{
		{"acknowledges before the kernel has it", each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
			if s, ok := e.(role.SetBinding); ok {
				return m.Step(now, role.Done{ID: s.ID})
			}
			return []role.Effect{e}
		}), "is acknowledged that is not in force"},
		{"acknowledges before the store has it", each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
			if s, ok := e.(role.StoreRegistration); ok && s.Registration.Bound {
				return append(m.Step(now, role.Done{ID: s.ID}), s)
			}
			return []role.Effect{e}
		}), "and stored: false"},
		{"acknowledges a de-registration before it is done", each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
			if c, ok := e.(role.ClearBinding); ok && c.ID != 0 {
				return append(m.Step(now, role.Done{ID: c.ID}), e)
			}
			return []role.Effect{e}
		}), "a de-registration of"},
		{"moves somebody else's", each(func(_ time.Time, _ role.Machine, e role.Effect) []role.Effect {
			if s, ok := e.(role.SetBinding); ok {
				s.Binding.HomeAddress = crowdHome(0)
				return []role.Effect{s}
			}
			return []role.Effect{e}
		}), "that its mobile node never asked for"},
		{"ends what it has promised", each(func(_ time.Time, _ role.Machine, e role.Effect) []role.Effect {
			if s, ok := e.(role.Send); ok && s.RoutingHome.IsValid() {
				return []role.Effect{e, role.ClearBinding{HomeAddress: s.RoutingHome}}
			}
			return []role.Effect{e}
		}), "before its end"},
		{"keeps what has ended", each(func(_ time.Time, _ role.Machine, e role.Effect) []role.Effect {
			if s, ok := e.(role.StoreRegistration); ok && s.Registration.Empty() {
				return nil
			}
			if _, ok := e.(role.ClearBinding); ok {
				return nil
			}
			return []role.Effect{e}
		}), "of quiet"},
		{"is busy", func(m role.Machine) role.Machine { return busy{m} }, "steps in a second"},
	} {
		caught := ""
		for seed := uint64(1); seed <= 20 && caught == ""; seed++ {
			if err := NewCrowd(seed, 12, false, c.mutant).Run(); err != nil {
				caught = err.Error()
			}
		}
		if caught == "" || !strings.Contains(caught, c.want) {
			t.Errorf("a home agent that %s: %q", c.name, caught)
		}
	}
}

// TestSameSeedSameCrowd: a failure can be looked at again.
func TestSameSeedSameCrowd(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		a, b := NewCrowd(seed, 20, true, nil), NewCrowd(seed, 20, true, nil)
		if fmt.Sprint(a.Run()) != fmt.Sprint(b.Run()) || a.Story(1<<20) != b.Story(1<<20) {
			t.Errorf("seed %d tells two stories", seed)
		}
	}
}
