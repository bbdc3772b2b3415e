package xfrmmig

import (
	"errors"
	"fmt"
	"sync"

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
	post func(role.Event)

	mu    sync.Mutex // Traffic is called from elsewhere than Apply
	conn  *Conn
	pairs map[role.Pair]pairState
}

// OpenPaths opens the applier in the current network namespace. It needs
// CAP_NET_ADMIN. post hands over what AskTraffic has asked for; it is called on
// a goroutine of its own.
func OpenPaths(post func(role.Event)) (*Paths, error) {
	c, err := Dial()
	if err != nil {
		return nil, err
	}
	return &Paths{post: post, conn: c, pairs: make(map[role.Pair]pairState)}, nil
}

// Close releases the socket. What is set stays in force until its lifetime ends.
func (p *Paths) Close() error { return p.conn.Close() }

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
	state := p.pairs[d.Pair]
	if d.Side == role.Ours {
		state.ours = &d
	} else {
		state.theirs = &d
	}
	p.pairs[d.Pair] = state
	for _, s := range states(d) {
		if err := p.conn.SetState(s); err != nil {
			return err
		}
	}
	for _, policy := range state.policies(d.Pair) {
		if err := p.conn.SetPolicy(policy); err != nil {
			return err
		}
	}
	return nil
}

func (p *Paths) clear(pair role.Pair, side role.Side) error {
	state := p.pairs[pair]
	before := state
	if side == role.Ours {
		state.ours = nil
	} else {
		state.theirs = nil
	}
	var errs []error
	policies := state.policies(pair)
	for i := len(policies) - 1; i >= 0; i-- {
		if state.empty() {
			errs = append(errs, p.conn.DeletePolicy(policies[i]))
		} else {
			errs = append(errs, p.conn.SetPolicy(policies[i]))
		}
	}
	if d := before.side(side); d != nil {
		for _, s := range states(*d) {
			errs = append(errs, p.conn.DeleteState(s))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	p.pairs[pair] = state
	if state.empty() {
		delete(p.pairs, pair)
	}
	return nil
}

func (p pairState) side(s role.Side) *role.Direct {
	if s == role.Ours {
		return p.ours
	}
	return p.theirs
}

func (p *Paths) ask(pair role.Pair) error {
	t, err := p.traffic(pair)
	if err == nil {
		go p.post(role.TrafficSeen{Pair: pair, Traffic: t})
	}
	return err
}

// Traffic counts what took the direct path of a pair since that was set.
func (p *Paths) Traffic(pair role.Pair) (role.Traffic, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.traffic(pair)
}

func (p *Paths) traffic(pair role.Pair) (t role.Traffic, err error) {
	state := p.pairs[pair]
	for _, d := range []*role.Direct{state.ours, state.theirs} {
		if d == nil {
			continue
		}
		s := states(*d)
		// Both sides see the same packets.
		t = role.Traffic{}
		if t.PacketsOut, t.BytesOut, err = p.conn.traffic(s[0]); err != nil {
			return t, err
		}
		if t.PacketsIn, t.BytesIn, err = p.conn.traffic(s[1]); err != nil {
			return t, err
		}
	}
	return t, nil
}
