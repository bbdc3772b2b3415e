package engine

import (
	"context"
	"errors"
	"time"

	"mip6d/internal/role"
)

const (
	batchLength = 256 // events stepped before their effects are carried out

	// minTick bounds what a machine that always wants to be called at once
	// can cost.
	minTick = time.Millisecond
)

// ErrStopped is returned by calls that reach the engine after its end.
var ErrStopped = errors.New("the engine has stopped")

// Config wires an engine. All fields are required except Store, Classify, Meter, Recorder and Now.
type Config struct {
	Machines []role.Machine
	Kernel   Applier // carries out what changes the data path
	Wire     Applier // carries out everything that sends
	Store    Applier // carries out StoreRegistration, StoreListEntry, StoreLease; nil: nothing is kept
	Counters *Counters
	Classify Classify // nil: all that is offered is of one class

	// Notify is told every Notice. Called on the engine's goroutine.
	Notify func(time.Time, role.Notice)

	// Failed is told every effect that could not be carried out, for the log.
	Failed func(role.Effect, error)

	// Meter is told how the engine works; nil: nobody measures.
	Meter Meter

	// Recorder is told what happens; nil: nobody writes it down.
	Recorder Recorder

	// Now reads the clock; nil means time.Now.
	Now func() time.Time
}

// Engine steps machines. Create it with New, feed it with Post and Offer, and
// run it once with Run.
type Engine struct {
	cfg     Config
	lanes   lanes
	calls   chan func()
	stopped chan struct{}

	// Scratch of one batch, kept to save allocations.
	batch  []role.Effect
	owners []role.Machine
	plans  []plan
	earned []answer
}

// New returns an engine that is not running yet. Events posted before Run are
// kept.
func New(cfg Config) *Engine {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Engine{
		cfg:     cfg,
		lanes:   newLanes(),
		calls:   make(chan func()),
		stopped: make(chan struct{}),
	}
}

// Post hands over an event that must not be lost, such as news from the
// kernel. It waits while too many of them wait, and gives up when the engine has
// stopped. It must not be called on the engine's goroutine.
func (e *Engine) Post(ev role.Event) {
	select {
	case e.lanes[ClassNews] <- ev:
	case <-e.stopped:
	}
}

// Offer hands over an event that its sender will repeat, such as a packet. It
// drops and counts the event when too many of its class wait.
func (e *Engine) Offer(ev role.Event) {
	c := e.classOf(ev)
	select {
	case e.lanes[c] <- ev:
	default:
		e.cfg.Counters.Add(dropped[c])
	}
}

// Do runs f on the engine's goroutine, between batches, and waits for it: the
// way to look at a machine.
func (e *Engine) Do(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case e.calls <- func() { f(); close(done) }:
		<-done
		return nil
	case <-e.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Step hands the machines an event, between batches, and waits until all is carried
// out that follows from it at once.
func (e *Engine) Step(ctx context.Context, ev role.Event) error {
	return e.Do(ctx, func() { e.process([]role.Event{ev}) })
}

// Prime hands the machines events, as one batch, and has their effects carried out before Run,
// on the caller's goroutine: what an earlier run has left is in force before
// anything is swept.
func (e *Engine) Prime(events ...role.Event) { e.process(events) }

// Run steps the machines until ctx ends; then it hands them Stop, carries out
// what they answer, and returns nil. Start is the first event.
func (e *Engine) Run(ctx context.Context) error {
	defer close(e.stopped)
	e.process([]role.Event{role.Start{}})
	timer := time.NewTimer(0)
	defer timer.Stop()
	events := make([]role.Event, 0, batchLength)
	for {
		e.setTimer(timer)
		events = events[:0]
		select {
		case <-ctx.Done():
			e.process([]role.Event{role.Stop{}})
			return nil
		case f := <-e.calls:
			f()
			continue
		case <-timer.C:
			events = append(events, role.Tick{})
		case ev := <-e.lanes[ClassNews]:
			events = e.lanes.fill(append(events, ev))
		case ev := <-e.lanes[ClassKnown]:
			events = e.lanes.fill(append(events, ev))
		case ev := <-e.lanes[ClassOther]:
			events = e.lanes.fill(append(events, ev))
		case ev := <-e.lanes[ClassStranger]:
			events = e.lanes.fill(append(events, ev))
		}
		e.process(events)
	}
}

// process steps every machine with every event, has the effects carried out,
// and goes on with the answers until there are none.
func (e *Engine) process(events []role.Event) {
	now := e.cfg.Now()
	if e.cfg.Meter != nil {
		e.cfg.Meter.Stepped(len(events))
	}
	e.plans = e.plans[:0]
	for _, ev := range events {
		if e.cfg.Recorder != nil {
			e.cfg.Recorder.Heard(now, ev)
		}
		for _, m := range e.cfg.Machines {
			e.step(now, m, ev)
		}
	}
	for len(e.plans) > 0 {
		answers := e.carryOut(now, e.plans)
		e.plans = e.plans[:0]
		now = e.cfg.Now()
		for _, a := range answers {
			e.step(now, a.machine, a.done)
		}
	}
}

func (e *Engine) step(now time.Time, m role.Machine, ev role.Event) {
	if effects := m.Step(now, ev); len(effects) > 0 {
		e.plans = append(e.plans, plan{m, effects})
	}
}

// setTimer aims the timer at the earliest deadline.
func (e *Engine) setTimer(timer *time.Timer) {
	var next time.Time
	for _, m := range e.cfg.Machines {
		if d := m.Deadline(); !d.IsZero() && (next.IsZero() || d.Before(next)) {
			next = d
		}
	}
	if next.IsZero() {
		timer.Stop()
		return
	}
	timer.Reset(max(next.Sub(e.cfg.Now()), minTick))
}
