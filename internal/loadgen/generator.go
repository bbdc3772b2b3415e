package loadgen

import (
	"context"
	"iter"
	"math/rand/v2"
	"time"
)

// Generator plays a population. Not for use by several goroutines.
type Generator struct {
	conn    *conn
	fleet   *fleet
	random  *rand.Rand
	packets [][]byte
}

// Options of a Generator.
type Options struct {
	Interface int           // index of the one on which acknowledgements come; 0: any
	Patience  time.Duration // a registration not acknowledged for as long is lost; 0: 10 s
	NoResend  bool          // no retransmissions meanwhile
	Seed      uint64        // of the times at which registrations begin
}

// Open opens the sockets in the current network namespace, in which the
// Generator then stays.
func Open(p Population, o Options) (*Generator, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	c, err := open(p.HomeAgent, o.Interface)
	if err != nil {
		return nil, err
	}
	return &Generator{conn: c, fleet: newFleet(&p, o.Patience, !o.NoResend), random: rand.New(rand.NewPCG(o.Seed, 0))}, nil
}

// Close closes the sockets.
func (g *Generator) Close() error { return g.conn.close() }

// Load says how registrations arrive.
type Load struct {
	Order Order

	// Rate is how many begin in a second, at random times (a Poisson process),
	// whether earlier ones were answered or not. 0: Window are under way at any
	// time, and the next begins when one ends.
	Rate   float64
	Window int // 64

	For time.Duration // no more begin after it; 0: as long as Order goes on
}

// defaultWindow is how many are under way where nothing is said.
const defaultWindow = 64

// longestWait is how soon the loop looks for the end of its context.
const longestWait = 100 * time.Millisecond

// Run has registrations begin as load says, waits until all have ended, and
// returns the figures of each kind that there was. It fails only where the
// sockets do, or with ctx.
func (g *Generator) Run(ctx context.Context, load Load) ([]Result, error) {
	if load.Window == 0 {
		load.Window = defaultWindow
	}
	load.Window = min(load.Window, g.fleet.Nodes)
	g.fleet.tally = [kinds]tally{}
	a := &arrivals{Load: load, random: g.random, began: time.Now()}
	a.due = a.began
	var stop func()
	a.next, stop = iter.Pull2(load.Order)
	defer stop()
	for !a.over || g.fleet.busy > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		now := time.Now()
		for len(g.packets) < batchSize && a.ready(now, g.fleet.busy) {
			i, kind, ok := a.take()
			if !ok {
				break
			}
			packet, err := g.fleet.begin(now, a.due, i, kind)
			if err != nil {
				return nil, err
			}
			if packet != nil {
				g.packets = append(g.packets, packet)
			}
			a.advance()
		}
		if err := g.turn(now, a); err != nil {
			return nil, err
		}
	}
	var results []Result
	for k := range kinds {
		if r, ok := g.fleet.tally[k].result(k, load.Rate); ok {
			results = append(results, r)
		}
	}
	return results, nil
}

// arrivals is a Load that is being worked through.
type arrivals struct {
	Load
	next   func() (int, Kind, bool)
	random *rand.Rand
	began  time.Time
	due    time.Time // when the next one begins
	over   bool      // there is no next one
}

// ready says whether a registration begins now, while so many are under way.
func (a *arrivals) ready(now time.Time, busy int) bool {
	if a.For > 0 && now.Sub(a.began) >= a.For {
		a.over = true
	}
	switch {
	case a.over:
		return false
	case a.Rate > 0:
		return !a.due.After(now)
	}
	a.due = now
	return busy < a.Window
}

func (a *arrivals) take() (int, Kind, bool) {
	i, kind, ok := a.next()
	a.over = !ok
	return i, kind, ok
}

// advance makes up when the next one is due.
func (a *arrivals) advance() {
	if a.Rate > 0 {
		a.due = a.due.Add(time.Duration(a.random.ExpFloat64() / a.Rate * float64(time.Second)))
	}
}

// turn sends what waits and what must be sent again, and takes what has come. It
// waits for that until the next registration is due, if there is one.
func (g *Generator) turn(now time.Time, a *arrivals) error {
	for len(g.packets) < batchSize {
		packet, err := g.fleet.expired(now)
		if err != nil {
			return err
		}
		if packet == nil {
			break
		}
		g.packets = append(g.packets, packet)
	}
	if err := g.flush(); err != nil {
		return err
	}
	wait := longestWait
	if !a.over && a.Rate > 0 {
		wait = min(wait, time.Until(a.due))
	} else if a.ready(now, g.fleet.busy) {
		wait = 0
	}
	if next := g.fleet.next(); !next.IsZero() {
		wait = min(wait, time.Until(next))
	}
	var failed error
	_, err := g.conn.receive(wait, func(at time.Time, b []byte) {
		ack, err := g.fleet.acknowledgement(b)
		if err != nil {
			return // of somebody else, or no message at all
		}
		packet, err := g.fleet.answered(at, ack)
		if err != nil {
			failed = err
		}
		if packet != nil {
			g.packets = append(g.packets, packet)
		}
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	return g.flush()
}

func (g *Generator) flush() error {
	defer func() { g.packets = g.packets[:0] }()
	if len(g.packets) == 0 {
		return nil
	}
	return g.conn.send(g.packets)
}
