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

// World is one simulated run.
type World struct {
	Seed    uint64
	rng     *rand.Rand
	now     time.Time
	queue   heap.Heap[*event]
	serial  uint64
	story   []string
	broken  error // the first invariant that did not hold
	faults  Faults
	network network
	ha      *homeAgent
	mn      *mobileNode
	cn      *correspondent
	record  record

	mutants  Mutants
	rng4     *rand.Rand // of the other mobile node
	rivalSeq uint16

	steps     int // of machines, in this virtual second
	stepsFrom time.Time
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
func (w *World) after(d time.Duration, do func()) {
	w.serial++
	w.queue.Set(&event{at: w.now.Add(d), serial: w.serial, do: do})
}

// run lets time pass until an end, or until an invariant is broken.
func (w *World) run(d time.Duration) {
	end := w.now.Add(d)
	for w.broken == nil {
		e, ok := w.queue.First()
		if !ok || e.at.After(end) {
			break
		}
		w.queue.Remove(e)
		w.now = e.at
		e.do()
	}
	if w.broken == nil {
		w.now = end
	}
}

// say adds a line to the story.
func (w *World) say(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf("%10.3f  ", w.now.Sub(epoch).Seconds())+fmt.Sprintf(format, args...))
}

// Story tells what happened, the last lines of it.
func (w *World) Story(lines int) string {
	from := max(len(w.story)-lines, 0)
	return strings.Join(w.story[from:], "\n")
}

// chance is true with a probability.
func (w *World) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// between draws a duration.
func (w *World) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.rng.Int64N(int64(most-least)+1))
}

// random is an io.Reader over the seed, for the machines.
type random struct{ rng *rand.Rand }

func (r random) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r.rng.Uint32())
	}
	return len(b), nil
}
