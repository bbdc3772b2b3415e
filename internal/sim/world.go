package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"mip6d/internal/heap"
)

// epoch is when every story begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// stage is where a story takes place: its clock, its chance, and what is told of it.
type stage struct {
	Seed   uint64
	rng    *rand.Rand
	now    time.Time
	queue  heap.Heap[*event]
	serial uint64
	mute   bool // nobody will read the story
	story  []string
	broken error  // the first invariant that did not hold
	check  func() // what holds after every step of a machine; nil: nothing
	faults Faults

	total     int // steps of machines
	steps     int // in this virtual second
	stepsFrom time.Time
	maxSteps  int
}

// World is one simulated run.
type World struct {
	stage
	network network
	ha      *homeAgent
	mn      *mobileNode
	cn      *correspondent
	record  record

	mutants  Mutants
	rng4     *rand.Rand // of the other mobile node
	rivalSeq uint16
}

// event is something that will happen. Those of the same time happen in the
// order in which they were planned.
type event struct {
	heap.Place
	at     time.Time
	serial uint64
	do     func()
}

// Before implements heap.Item.
func (e *event) Before(other *event) bool {
	if !e.at.Equal(other.at) {
		return e.at.Before(other.at)
	}
	return e.serial < other.serial
}

// after plans something.
func (s *stage) after(d time.Duration, do func()) {
	s.serial++
	s.queue.Set(&event{at: s.now.Add(d), serial: s.serial, do: do})
}

// run lets time pass until an end, or until an invariant is broken.
func (s *stage) run(d time.Duration) {
	end := s.now.Add(d)
	for s.broken == nil {
		e, ok := s.queue.First()
		if !ok || e.at.After(end) {
			break
		}
		s.queue.Remove(e)
		s.now = e.at
		e.do()
	}
	if s.broken == nil {
		s.now = end
	}
}

// say adds a line to the story.
func (s *stage) say(format string, args ...any) {
	if s.mute {
		return
	}
	s.story = append(s.story, fmt.Sprintf("%10.3f  ", s.now.Sub(epoch).Seconds())+fmt.Sprintf(format, args...))
}

// Story tells what happened, the last lines of it.
func (s *stage) Story(lines int) string {
	from := max(len(s.story)-lines, 0)
	return strings.Join(s.story[from:], "\n")
}

// chance is true with a probability.
func (s *stage) chance(p float64) bool { return p > 0 && s.rng.Float64() < p }

// between draws a duration.
func (s *stage) between(least, most time.Duration) time.Duration {
	return least + time.Duration(s.rng.Int64N(int64(most-least)+1))
}

// random is an io.Reader over the seed, for the machines.
type random struct{ rng *rand.Rand }

func (r random) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r.rng.Uint32())
	}
	return len(b), nil
}
