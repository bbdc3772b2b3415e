package engine

import (
	"time"

	"mip6d/internal/role"
)

// Class says who is served first when more comes than can be done.
type Class uint8

// The classes, the first to be served first.
const (
	ClassNews     Class = iota // the kernel's, and our own: must not be lost
	ClassKnown                 // of those who have a binding, and who have shown that it is they
	ClassOther                 // of whom nothing speaks for or against
	ClassStranger              // anybody may have made it
	classes
)

// laneLength is how many events of each class may wait. Those of strangers are the ones
// of which a flood is made: fewer of them wait, and the memory that they hold is less.
var laneLength = [classes]int{ClassNews: 4096, ClassKnown: 4096, ClassOther: 4096, ClassStranger: 1024}

// laneShare is what each class has for certain of a batch, so that a flood of a better
// class does not silence it. What one does not need the others get, the best first, up to
// laneMost.
//
// Strangers get no whole batch: who comes next waits for its end, and among strangers are
// also those who have all that the kernel is asked for, but too often.
var (
	laneShare = [classes]int{ClassNews: 64, ClassKnown: 112, ClassOther: 64, ClassStranger: 16}
	laneMost  = [classes]int{ClassNews: batchLength, ClassKnown: batchLength, ClassOther: batchLength, ClassStranger: 32}
)

// dropped counts an event for which its lane had no room. News are never dropped.
var dropped = [classes]role.Counter{
	ClassKnown: role.CountKnownDropped, ClassOther: role.CountQueueFull, ClassStranger: role.CountStrangerDropped,
}

// lanes are the events that wait, by class.
type lanes [classes]chan role.Event

func newLanes() (l lanes) {
	for c := range l {
		l[c] = make(chan role.Event, laneLength[c])
	}
	return l
}

// waiting is how many events wait.
func (l *lanes) waiting() (n int) {
	for _, lane := range l {
		n += len(lane)
	}
	return n
}

// fill takes what is waiting, up to a batch: of each class its share, and then the best
// first.
func (l *lanes) fill(events []role.Event) []role.Event {
	var taken [classes]int
	for _, most := range [...][classes]int{laneShare, laneMost} {
		for c, lane := range l {
			before := len(events)
			events = take(events, lane, min(most[c]-taken[c], batchLength-before))
			taken[c] += len(events) - before
		}
	}
	return events
}

// take takes what is waiting in a lane, up to so many.
func take(events []role.Event, lane chan role.Event, most int) []role.Event {
	for range most {
		select {
		case ev := <-lane:
			events = append(events, ev)
		default:
			return events
		}
	}
	return events
}

// pressure is how many events wait before it matters whose they are. Below it everybody is
// served in turn, and nothing is spent on finding out.
const pressure = batchLength

// classOf says into which lane an event goes that its sender will repeat.
func (e *Engine) classOf(ev role.Event) Class {
	if e.cfg.Classify == nil || e.lanes.waiting() < pressure {
		return ClassOther
	}
	return e.cfg.Classify(e.cfg.Now(), ev)
}

// Classify says of which class an event is that its sender will repeat. It is called on
// any goroutine.
type Classify func(time.Time, role.Event) Class
