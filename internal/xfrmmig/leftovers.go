package xfrmmig

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"mip6d/internal/role"
)

// leftovers are the direct paths of an earlier run that were left in the kernel. What is there as it should be is not set
// again: each change has the kernel look for states and routes anew, and is told to all that listen.
type leftovers struct {
	states   []State
	policies []leftPolicy
}

type leftPolicy struct {
	Policy
	end time.Time // when the kernel deletes it; zero: never
}

// endSlack is how much a policy's end may differ from what is wanted: the kernel counts whole seconds.
const endSlack = 2 * time.Second

// sweep removes the direct paths of an earlier run, but for what belongs to those that are kept, and leaves signalling
// alone. What is left comes back.
func (c *Conn) sweep(kept []role.Direct) (left leftovers, err error) {
	states, err := c.States()
	if err != nil {
		return left, err
	}
	messages, err := c.dump(msgGetPolicy)
	if err != nil {
		return left, fmt.Errorf("list the xfrm policies: %w", err)
	}
	var errs []error
	for _, m := range messages {
		p, ok := decodePolicy(m.Data)
		switch {
		case !ok || !p.isOurs() || p.Priority != directPriority:
		case slices.ContainsFunc(kept, func(d role.Direct) bool { return slices.ContainsFunc(alone(d).policies(d.Pair), p.same) }):
			left.policies = append(left.policies, leftPolicy{p, decodeEnd(m.Data)})
		default:
			errs = append(errs, c.DeletePolicy(p))
		}
	}
	for _, s := range states {
		switch {
		case s.Reqid != Reqid || s.Wildcard:
		case slices.ContainsFunc(kept, func(d role.Direct) bool { return isStateOf(d, s) }):
			left.states = append(left.states, s)
		default:
			errs = append(errs, c.DeleteState(s))
		}
	}
	return left, errors.Join(errs...)
}

// alone is a pair of which one side is wanted.
func alone(d role.Direct) pairState {
	if d.Side == role.Ours {
		return pairState{ours: &d}
	}
	return pairState{theirs: &d}
}

// same says whether two policies differ in nothing but their lifetimes.
func (p Policy) same(q Policy) bool {
	q.Lifetime = p.Lifetime
	return p.Main == q.Main && p.equal(q)
}

func (l leftovers) hasState(s State) bool { return slices.Contains(l.states, s) }

func (l leftovers) hasPolicy(p Policy, now time.Time) bool {
	end := now.Add(p.Lifetime)
	return slices.ContainsFunc(l.policies, func(x leftPolicy) bool {
		return x.same(p) && end.Sub(x.end).Abs() <= endSlack
	})
}

// forget says that a pair was set or cleared: from now on it is as it was set.
func (l *leftovers) forget(pair role.Pair) {
	l.states = slices.DeleteFunc(l.states, func(s State) bool {
		return s.Src == pair.Local && s.Dst == pair.Peer || s.Src == pair.Peer && s.Dst == pair.Local
	})
	l.policies = slices.DeleteFunc(l.policies, func(p leftPolicy) bool {
		return p.Selector.Src.Addr() == pair.Local && p.Selector.Dst.Addr() == pair.Peer ||
			p.Selector.Src.Addr() == pair.Peer && p.Selector.Dst.Addr() == pair.Local
	})
}

func isStateOf(d role.Direct, s State) bool { return slices.Contains(states(d), s) }
