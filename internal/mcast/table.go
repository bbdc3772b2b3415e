package mcast

import (
	"net/netip"
	"slices"
	"sync"

	"mip6d/internal/role"
)

// place is a group on a home link.
type place struct {
	ifindex int
	group   netip.Addr
}

// table is who listens to what, and where they are. A membership is one of a binding: it
// goes with it, at once.
type table struct {
	mu       sync.RWMutex
	bindings map[netip.Addr]binding
	places   map[place]map[netip.Addr][]netip.Addr // home address → sources; none: all
	tunnels  map[tunnelEnds]int                    // of how many bindings
}

// binding is what is kept of one: where its tunnel ends, and what it listens to.
type binding struct {
	tunnel  tunnelEnds
	ifindex int
	groups  []netip.Addr
}

// tunnelEnds are those of a tunnel.
type tunnelEnds struct{ homeAgent, careOf netip.Addr }

func newTable() *table {
	return &table{bindings: make(map[netip.Addr]binding), places: make(map[place]map[netip.Addr][]netip.Addr),
		tunnels: make(map[tunnelEnds]int)}
}

// set puts a binding where it is now. It returns the places that nobody listens to any
// more.
func (t *table) set(b role.Binding) (gone []place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	is := binding{tunnel: tunnelEnds{b.HomeAgent, b.CareOf}, ifindex: b.Ifindex}
	was, there := t.bindings[b.HomeAddress]
	switch {
	case there && was.ifindex != is.ifindex:
		gone = t.clear(b.HomeAddress)
	case there:
		is.groups = was.groups
		t.forget(was.tunnel)
	}
	t.bindings[b.HomeAddress] = is
	t.tunnels[is.tunnel]++
	return gone
}

// end removes a binding with its memberships. It returns the places that nobody listens to
// any more.
func (t *table) end(home netip.Addr) []place {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clear(home)
}

func (t *table) clear(home netip.Addr) (gone []place) {
	b, there := t.bindings[home]
	if !there {
		return nil
	}
	t.forget(b.tunnel)
	for _, g := range b.groups {
		if p := (place{b.ifindex, g}); t.remove(p, home) {
			gone = append(gone, p)
		}
	}
	delete(t.bindings, home)
	return gone
}

func (t *table) forget(e tunnelEnds) {
	if t.tunnels[e]--; t.tunnels[e] <= 0 {
		delete(t.tunnels, e)
	}
}

// bound says whether a binding has such a tunnel.
func (t *table) bound(e tunnelEnds) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.tunnels[e] > 0
}

func (t *table) remove(p place, home netip.Addr) (last bool) {
	delete(t.places[p], home)
	if len(t.places[p]) > 0 {
		return false
	}
	delete(t.places, p)
	return true
}

// listen sets a membership, of a binding with a home link.
func (t *table) listen(home, group netip.Addr, sources []netip.Addr) (p place, bound bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, bound := t.bindings[home]
	if !bound || b.ifindex == 0 {
		return p, false
	}
	p = place{b.ifindex, group}
	if t.places[p] == nil {
		t.places[p] = make(map[netip.Addr][]netip.Addr)
	}
	t.places[p][home] = sources
	if !slices.Contains(b.groups, group) {
		b.groups = append(slices.Clone(b.groups), group)
		t.bindings[home] = b
	}
	return p, true
}

// leave ends a membership. last says that nobody listens there any more.
func (t *table) leave(home, group netip.Addr) (p place, last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.bindings[home]
	at := slices.Index(b.groups, group)
	if at < 0 {
		return p, false
	}
	b.groups = slices.Delete(slices.Clone(b.groups), at, at+1)
	t.bindings[home] = b
	p = place{b.ifindex, group}
	return p, t.remove(p, home)
}

// wanted says whether anybody listens there.
func (t *table) wanted(p place) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.places[p]) > 0
}

// listeners appends the tunnels in which a packet from src to a group is to be copied: of all
// members but its sender.
func (t *table) listeners(to []tunnelEnds, p place, src netip.Addr) []tunnelEnds {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for home, sources := range t.places[p] {
		if home != src && (len(sources) == 0 || slices.Contains(sources, src)) {
			to = append(to, t.bindings[home].tunnel)
		}
	}
	return to
}

// homeOf returns the home link of a home address.
func (t *table) homeOf(home netip.Addr) (ifindex int, bound bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	b, bound := t.bindings[home]
	return b.ifindex, bound
}
