package datapath

import (
	"errors"
	"fmt"
	"net/netip"

	"mip6d/internal/role"
)

// Part keeps one part of a binding in the kernel. Both methods take a batch,
// are idempotent, and return one error for each element, or nil when all are
// in force.
type Part interface {
	Set([]role.Binding) []error
	Clear([]netip.Addr) []error
}

// HomeAgent carries out SetBinding and ClearBinding.
//
// A binding comes into force from the inside out: the source check first, then
// the tunnel route, and the proxy entry last, because that is what attracts
// packets; without its route the kernel would do neighbour discovery for them
// on the home link. It ends the other way round (RFC 6275 §10.4.1, §10.4.5).
type HomeAgent struct {
	parts []Part
}

// NewHomeAgent joins the parts, given in the order in which they come into
// force.
func NewHomeAgent(parts ...Part) *HomeAgent { return &HomeAgent{parts: parts} }

// Apply carries out a batch. Runs of the same kind of effect go to each part in
// one call.
func (h *HomeAgent) Apply(effects []role.Effect) []error {
	errs := make([]error, len(effects))
	for i := 0; i < len(effects); {
		n := run(effects[i:])
		switch effects[i].(type) {
		case role.SetBinding:
			h.set(effects[i:i+n], errs[i:i+n])
		case role.ClearBinding:
			h.clear(effects[i:i+n], errs[i:i+n])
		default:
			errs[i] = fmt.Errorf("%T is nothing that a home agent's data path can do", effects[i])
		}
		i += n
	}
	return errs
}

// run counts the leading effects of the same kind.
func run(effects []role.Effect) int {
	kind := func(e role.Effect) int {
		switch e.(type) {
		case role.SetBinding:
			return 1
		case role.ClearBinding:
			return 2
		}
		return 0
	}
	n := 1
	for n < len(effects) && kind(effects[0]) != 0 && kind(effects[n]) == kind(effects[0]) {
		n++
	}
	return n
}

// set brings bindings into force, part after part. One that a part refuses
// goes no further; its machine undoes what the parts before have done.
func (h *HomeAgent) set(effects []role.Effect, errs []error) {
	bindings, at := make([]role.Binding, len(effects)), make([]int, len(effects))
	for i, e := range effects {
		bindings[i], at[i] = e.(role.SetBinding).Binding, i
	}
	for _, part := range h.parts {
		if len(bindings) == 0 {
			return
		}
		taken := 0
		refused := part.Set(bindings)
		for k := range refused {
			if errs[at[k]] = refused[k]; refused[k] == nil {
				bindings[taken], at[taken] = bindings[k], at[k]
				taken++
			}
		}
		if refused != nil {
			bindings, at = bindings[:taken], at[:taken]
		}
	}
}

// clear ends bindings in every part, whatever the others say.
func (h *HomeAgent) clear(effects []role.Effect, errs []error) {
	hoas := make([]netip.Addr, len(effects))
	for i, e := range effects {
		hoas[i] = e.(role.ClearBinding).HomeAddress
	}
	for p := len(h.parts) - 1; p >= 0; p-- {
		for i, err := range h.parts[p].Clear(hoas) {
			errs[i] = errors.Join(errs[i], err)
		}
	}
}
