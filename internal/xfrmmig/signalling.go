package xfrmmig

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Reqid marks our states and templates.
const Reqid = 6275

// MH Types in selectors (RFC 6275 §6.1).
const (
	typeBindingUpdate = 5
)

const signallingPriority = 9

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
	return signalling(ProtoHomeAddress, Selector{Proto: unix.IPPROTO_MH, MHType: typeBindingUpdate, HasType: true})
}

// MobileNodeSignalling lets Mobility Header messages with a type 2 routing
// header in. The kernel itself sees to it that the header holds one of our home
// addresses (RFC 6275 §6.4).
func MobileNodeSignalling() Signalling {
	return signalling(ProtoRouting, Selector{Proto: unix.IPPROTO_MH})
}

func signalling(proto uint8, sel Selector) Signalling {
	any6 := netip.IPv6Unspecified()
	return Signalling{
		states: []State{{Proto: proto, Src: any6, Dst: any6, CareOf: any6, Reqid: Reqid, Wildcard: true}},
		policies: []Policy{{
			Selector: sel, Dir: In, Priority: signallingPriority,
			Template: &Template{Proto: proto, Src: any6, Dst: any6, Reqid: Reqid, Optional: true},
		}},
	}
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
