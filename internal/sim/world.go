package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// epoch is when every story begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// World is one simulated run.
type World struct {
	Seed    uint64
	rng     *rand.Rand
	now     time.Time
	queue   events
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
	at     time.Time
	serial uint64
	do     func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, k int) bool {
	if !q[i].at.Equal(q[k].at) {
		return q[i].at.Before(q[k].at)
	}
	return q[i].serial < q[k].serial
}
func (q events) Swap(i, k int) { q[i], q[k] = q[k], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	*q = (*q)[:last]
	return e
}

// after plans something.
func (w *World) after(d time.Duration, do func()) {
	w.serial++
	heap.Push(&w.queue, event{w.now.Add(d), w.serial, do})
}

// run lets time pass until an end, or until an invariant is broken.
func (w *World) run(d time.Duration) {
	end := w.now.Add(d)
	for w.broken == nil && len(w.queue) > 0 && !w.queue[0].at.After(end) {
		e := heap.Pop(&w.queue).(event)
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
