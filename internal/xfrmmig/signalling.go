package xfrmmig

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Reqid marks our states and templates.
const Reqid = 6275

// Types in selectors.
const (
	typeBindingUpdate       = 5   // Mobility Header, RFC 6275 §6.1.7
	typePrefixSolicitation  = 146 // ICMPv6, RFC 6275 §6.7
	typePrefixAdvertisement = 147 // ICMPv6, RFC 6275 §6.8
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

var updates = Selector{Proto: unix.IPPROTO_MH, MHType: typeBindingUpdate, HasType: true}

// HomeAgentSignalling lets Binding Updates and Mobile Prefix Solicitations with a
// Home Address option in, from addresses without a binding, too (RFC 6275 §10.3.1):
// without the state the kernel drops the packet, without the policy it refuses what
// the state has processed. The home agent's machines say what is answered.
func HomeAgentSignalling() Signalling {
	return signalling(ProtoHomeAddress, updatePriority, updates,
		Selector{Proto: unix.IPPROTO_ICMPV6, MHType: typePrefixSolicitation, HasType: true})
}

// MobileNodeSignalling lets Mobility Header messages and Mobile Prefix
// Advertisements with a type 2 routing header in. The kernel itself sees to it that the header holds one of our home
// addresses (RFC 6275 §6.4).
func MobileNodeSignalling() Signalling {
	return signalling(ProtoRouting, signallingPriority, Selector{Proto: unix.IPPROTO_MH},
		Selector{Proto: unix.IPPROTO_ICMPV6, MHType: typePrefixAdvertisement, HasType: true})
}

// CorrespondentSignalling is what direct paths need beside that, at either end:
// Binding Updates come with a Home Address option, and what must not take a
// direct path doesn't. The kernel reports packets with a Home Address option that
// there is no binding for because of the same state.
func CorrespondentSignalling() Signalling {
	s := signalling(ProtoHomeAddress, updatePriority, updates)
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

func signalling(proto uint8, priority uint32, selectors ...Selector) Signalling {
	any6 := netip.IPv6Unspecified()
	s := Signalling{states: []State{{Proto: proto, Src: any6, Dst: any6, CareOf: any6, Reqid: Reqid, Wildcard: true}}}
	for _, sel := range selectors {
		s.policies = append(s.policies, Policy{
			Selector: sel, Dir: In, Priority: priority,
			Templates: []Template{{Proto: proto, Src: any6, Dst: any6, Reqid: Reqid, Optional: true}},
		})
	}
	return s
}

// Set brings everything into force: policies first, so that nothing that a
// state lets in is refused.
func (c *Conn) Set(s Signalling) error {
	for _, p := range s.policies {
		if err := c.SetPolicy(p); err != nil {
			return err
		}
	}
	for _, st := range s.states {
		if err := c.SetState(st); err != nil {
			return err
		}
	}
	return nil
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
