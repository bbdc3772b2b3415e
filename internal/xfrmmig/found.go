package xfrmmig

import (
	"errors"
	"net/netip"
	"slices"
)

// found is what of ours is in the kernel.
type found struct {
	policies []Policy
	sas      []SA
	wanted   []Policy
	kept     []SA
}

func (f *found) keepPolicy(p Policy) { f.wanted = append(f.wanted, p) }

func (f *found) hasPolicy(p Policy) bool {
	return slices.ContainsFunc(f.policies, func(x Policy) bool { return x.Selector == p.Selector && x.Dir == p.Dir })
}

// keepSA says whether an association is there already.
func (f *found) keepSA(s SA) bool {
	f.kept = append(f.kept, s)
	return slices.ContainsFunc(f.sas, s.same)
}

func (g *Guard) find() (*found, error) {
	f := new(found)
	policies, err := g.conn.Policies()
	if err != nil {
		return nil, err
	}
	for _, p := range policies {
		if p.Main && p.isOurs() {
			f.policies = append(f.policies, p)
		}
	}
	sas, err := g.conn.SAs()
	if err != nil {
		return nil, err
	}
	for _, s := range sas {
		if isESPReqid(s.Reqid) {
			f.sas = append(f.sas, s.SA)
		}
	}
	return f, nil
}

// number gives each home address the number that it has in the kernel, or a free
// one, so that a change of the configuration leaves the others' associations
// alone.
func (g *Guard) number(list []Protection, f *found) map[netip.Addr]Number {
	out, taken := make(map[netip.Addr]Number), make(map[Number]bool)
	for _, p := range list {
		if p.Managed != nil {
			out[p.HomeAddress], taken[p.Managed.Number] = p.Managed.Number, true
		}
	}
	for _, p := range f.policies {
		if len(p.Templates) == 0 || !isESPReqid(p.Templates[0].Reqid) {
			continue
		}
		n, u := numberOf(p.Templates[0].Reqid)
		home := p.Selector.Src
		if p.Dir == Out == (g.end == AtHomeAgent) {
			home = p.Selector.Dst
		}
		known := slices.ContainsFunc(list, func(x Protection) bool { return x.HomeAddress == home.Addr() })
		if _, again := out[home.Addr()]; u == ForSignalling && known && !again && !taken[n] {
			out[home.Addr()], taken[n] = n, true
		}
	}
	next := Number(0)
	for _, p := range list {
		if _, ok := out[p.HomeAddress]; ok {
			continue
		}
		for taken[next] {
			next++
		}
		out[p.HomeAddress], taken[next] = next, true
	}
	return out
}

// sweep removes what is ours and not wanted.
func (g *Guard) sweep(f *found) error {
	var errs []error
	for _, p := range f.policies {
		if !slices.ContainsFunc(f.wanted, func(w Policy) bool { return w.Selector == p.Selector && w.Dir == p.Dir }) {
			errs = append(errs, g.conn.DeletePolicy(p))
		}
	}
	for _, s := range f.sas {
		if !slices.ContainsFunc(f.kept, func(k SA) bool { return k.SPI == s.SPI && k.Dst == s.Dst }) {
			errs = append(errs, g.conn.deleteSA(s))
		}
	}
	return errors.Join(errs...)
}
