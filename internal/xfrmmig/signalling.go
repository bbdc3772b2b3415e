package xfrmmig

import (
	"errors"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Reqid marks our states and templates.
const Reqid = 6275

// MH Types in selectors (RFC 6275 §6.1).
const (
	typeBindingUpdate = 5
)

// Priorities of policies; the lower goes first. Mobility Header messages and
// neighbour discovery come before data.
const (
	updatePriority     = 9  // Binding Updates, which may have a Home Address option
	signallingPriority = 10 // other messages, which may have a routing header
	exemptPriority     = 75
	directPriority     = 76
)

// Signalling is what a role needs in xfrm before there is any binding.
type Signalling struct {
	states   []State
	policies []Policy
}

// HomeAgentSignalling lets Binding Updates with a Home Address option in, from
// addresses without a binding, too (RFC 6275 §10.3.1): without the state the
// kernel drops the packet, without the policy it refuses what the state has
// processed.
func HomeAgentSignalling() Signalling {
	return signalling(ProtoHomeAddress, updatePriority, Selector{Proto: unix.IPPROTO_MH, MHType: typeBindingUpdate, HasType: true})
}

// MobileNodeSignalling lets Mobility Header messages with a type 2 routing
// header in. The kernel itself sees to it that the header holds one of our home
// addresses (RFC 6275 §6.4).
func MobileNodeSignalling() Signalling {
	return signalling(ProtoRouting, signallingPriority, Selector{Proto: unix.IPPROTO_MH})
}

// CorrespondentSignalling is what direct paths need beside that, at either end:
// Binding Updates come with a Home Address option, and what must not take a
// direct path doesn't. The kernel reports packets with a Home Address option that
// there is no binding for because of the same state.
func CorrespondentSignalling() Signalling {
	s := HomeAgentSignalling()
	s.policies = append(s.policies, exemptions()...)
	return s
}

// exemptions keep the Mobility Header messages and the neighbour discovery of
// pairs with a direct path free of extension headers (RFC 6275 §9.3.2, §11.3.1).
// They have no template to carry our mark; selector and priority must do.
func exemptions() []Policy {
	exempt := func(s Selector) Policy { return Policy{Selector: s, Dir: Out, Priority: exemptPriority} }
	list := []Policy{exempt(Selector{Proto: unix.IPPROTO_MH})}
	for _, typ := range []uint8{133, 134, 135, 136, 137} {
		list = append(list, exempt(Selector{Proto: unix.IPPROTO_ICMPV6, MHType: typ, HasType: true}))
	}
	return list
}

func signalling(proto uint8, priority uint32, sel Selector) Signalling {
	any6 := netip.IPv6Unspecified()
	return Signalling{
		states: []State{{Proto: proto, Src: any6, Dst: any6, CareOf: any6, Reqid: Reqid, Wildcard: true}},
		policies: []Policy{{
			Selector: sel, Dir: In, Priority: priority,
			Templates: []Template{{Proto: proto, Src: any6, Dst: any6, Reqid: Reqid, Optional: true}},
		}},
	}
}

// Set brings everything into force: policies first, so that nothing that a
// state lets in is refused. What an earlier run has left as it is to be is not
// touched.
func (c *Conn) Set(s Signalling) error {
	policies, err := c.Policies()
	if err != nil {
		return err
	}
	states, err := c.States()
	if err != nil {
		return err
	}
	for _, p := range s.policies {
		if slices.ContainsFunc(policies, p.equal) {
			continue
		}
		if err := c.SetPolicy(p); err != nil {
			return err
		}
	}
	for _, st := range s.states {
		if slices.Contains(states, st) {
			continue
		}
		if err := c.SetState(st); err != nil {
			return err
		}
	}
	return nil
}

func (p Policy) equal(q Policy) bool {
	return p.Selector == q.Selector && p.Dir == q.Dir && p.Priority == q.Priority && p.Lifetime == q.Lifetime && p.IfID == q.IfID &&
		slices.Equal(p.Templates, q.Templates)
}

// Clear removes everything.
func (c *Conn) Clear(s Signalling) error {
	var errs []error
	for _, st := range s.states {
		errs = append(errs, c.DeleteState(st))
	}
	for _, p := range s.policies {
		errs = append(errs, c.DeletePolicy(p))
	}
	return errors.Join(errs...)
}
