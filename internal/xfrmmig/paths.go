package xfrmmig

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"mip6d/internal/role"
)

// Paths carries out SetDirect, ClearDirect and AskTraffic. It is an
// engine.Applier.
//
// A direct path comes into force with its states first, then the policy for what
// comes in, then the one that sends packets its way; it ends the other way
// round. A policy has the kernel look for its states anew, and for the route: a
// care-of address that changes in a state alone would leave packets on the way
// to the router of the old one.
type Paths struct {
	post  func(role.Event)
	posts sync.WaitGroup

	mu    sync.Mutex // Traffic is called from elsewhere than Apply
	conn  *Conn
	pairs map[role.Pair]wanted
	left  leftovers // of an earlier run
}

// wanted is what is wanted of one pair, by side, and until when.
type wanted struct {
	side  [2]*role.Direct
	until [2]time.Time
}

// left is the same with what is left of the lifetimes: setting one side anew must
// not give the other a new life.
func (w wanted) left(now time.Time) pairState {
	at := func(s role.Side) *role.Direct {
		if w.side[s] == nil {
			return nil
		}
		d := *w.side[s]
		d.Lifetime = w.until[s].Sub(now)
		return &d
	}
	return pairState{ours: at(role.Ours), theirs: at(role.Theirs)}
}

// OpenPaths opens the applier in the current network namespace. It needs
// CAP_NET_ADMIN. Of the direct paths of an earlier run those of kept stay as they
// are until they are set or cleared; the others are removed: who uses one is told,
// and begins anew. post hands over what AskTraffic has asked for; it is called on a
// goroutine of its own.
func OpenPaths(post func(role.Event), kept []role.Direct) (*Paths, error) {
	c, err := Dial()
	if err != nil {
		return nil, err
	}
	p := &Paths{post: post, conn: c, pairs: make(map[role.Pair]wanted)}
	if p.left, err = c.sweep(kept); err != nil {
		c.Close()
		return nil, err
	}
	return p, nil
}

// Close releases the socket, once all that was asked for has been handed over.
// What is set stays in force until its lifetime ends.
func (p *Paths) Close() error {
	p.posts.Wait()
	return p.conn.Close()
}

// Apply carries out effects in their order.
func (p *Paths) Apply(effects []role.Effect) []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := make([]error, len(effects))
	for i, e := range effects {
		switch e := e.(type) {
		case role.SetDirect:
			errs[i] = p.set(e.Direct)
		case role.ClearDirect:
			errs[i] = p.clear(e.Pair, e.Side)
		case role.AskTraffic:
			errs[i] = p.ask(e.Pair)
		default:
			errs[i] = fmt.Errorf("%T is nothing that direct paths know", e)
		}
	}
	return errs
}

func (p *Paths) set(d role.Direct) error {
	now := time.Now()
	pair := p.pairs[d.Pair]
	pair.side[d.Side], pair.until[d.Side] = &d, now.Add(d.Lifetime)
	p.pairs[d.Pair] = pair
	for _, s := range states(d) {
		if p.left.hasState(s) {
			continue
		}
		if err := p.conn.SetState(s); err != nil {
			return err
		}
	}
	for _, policy := range pair.left(now).policies(d.Pair) {
		if p.left.hasPolicy(policy, now) {
			continue
		}
		if err := p.conn.SetPolicy(policy); err != nil {
			return err
		}
	}
	p.left.forget(d.Pair)
	return nil
}

// clear also ends what another run has set.
func (p *Paths) clear(pair role.Pair, side role.Side) error {
	p.left.forget(pair)
	rest := p.pairs[pair]
	rest.side[side] = nil
	state := rest.left(time.Now())
	var errs []error
	for _, policy := range slices.Backward(state.policies(pair)) {
		if state.empty() {
			errs = append(errs, p.conn.DeletePolicy(policy))
		} else {
			errs = append(errs, p.conn.SetPolicy(policy))
		}
	}
	for _, s := range states(role.Direct{Pair: pair, Side: side}) {
		errs = append(errs, p.conn.DeleteState(s))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	p.pairs[pair] = rest
	if state.empty() {
		delete(p.pairs, pair)
	}
	return nil
}

// ask answers in an event of its own, or not at all where nothing is known.
func (p *Paths) ask(pair role.Pair) error {
	t, ok, err := p.traffic(pair)
	if ok {
		p.posts.Go(func() { p.post(role.TrafficSeen{Pair: pair, Traffic: t}) })
	}
	return err
}

// Traffic counts what took the direct path of a pair since that was set; it is
// false where there is none.
func (p *Paths) Traffic(pair role.Pair) (role.Traffic, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.traffic(pair)
}

// traffic looks at one side: both see the same packets.
func (p *Paths) traffic(pair role.Pair) (t role.Traffic, ok bool, err error) {
	for _, d := range p.pairs[pair].side {
		if d == nil {
			continue
		}
		s := states(*d)
		var out, in bool
		if t.PacketsOut, t.BytesOut, out, err = p.conn.traffic(s[0]); err != nil {
			return t, false, err
		}
		if t.PacketsIn, t.BytesIn, in, err = p.conn.traffic(s[1]); err != nil {
			return t, false, err
		}
		return t, out && in, nil
	}
	return t, false, nil
}
