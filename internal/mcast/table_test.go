package mcast

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mip6d/internal/role"
)

const homeLinkIndex = 7

var compare = cmp.Options{
	cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty(), cmp.AllowUnexported(tunnelEnds{}, place{}),
	cmpopts.SortSlices(func(a, b tunnelEnds) bool { return a.careOf.Less(b.careOf) }),
}

func bindingOf(home, careOf netip.Addr) role.Binding {
	return role.Binding{HomeAddress: home, CareOf: careOf, HomeAgent: agent, Ifindex: homeLinkIndex}
}

func (t *table) of(p place, src netip.Addr) []tunnelEnds { return t.listeners(nil, p, src) }

func TestTable(t *testing.T) {
	x := newTable()
	here := place{homeLinkIndex, group}
	want := func(what string, src netip.Addr, careOf ...netip.Addr) {
		t.Helper()
		var ends []tunnelEnds
		for _, c := range careOf {
			ends = append(ends, tunnelEnds{agent, c})
		}
		if diff := cmp.Diff(ends, x.of(here, src), compare); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		if x.wanted(here) != (len(careOf) > 0) && src == sender {
			t.Errorf("%s: wanted is wrong", what)
		}
	}
	if _, bound := x.listen(hoa, group, nil); bound {
		t.Error("listens without a binding")
	}
	x.set(bindingOf(hoa, coa))
	x.set(bindingOf(hoa2, coa2))
	if p, bound := x.listen(hoa, group, nil); p != here || !bound {
		t.Error(p, bound)
	}
	x.listen(hoa, group, nil)
	want("one", sender, coa)
	x.listen(hoa2, group, []netip.Addr{sender})
	want("two", sender, coa, coa2)
	want("another source", agent, coa)
	want("the sender gets no copy", hoa)
	if got := x.of(place{homeLinkIndex, unheard}, sender); len(got) > 0 {
		t.Error(got)
	}
	if got := x.of(place{homeLinkIndex + 1, group}, sender); len(got) > 0 {
		t.Error("another link's", got)
	}
	if gone := x.set(bindingOf(hoa2, coa)); len(gone) > 0 { // it moves
		t.Error(gone)
	}
	want("moved", sender, coa, coa)
	if !x.bound(tunnelEnds{agent, coa}) || x.bound(tunnelEnds{agent, coa2}) || x.bound(tunnelEnds{coa, agent}) {
		t.Errorf("tunnels: %v", x.tunnels)
	}
	if _, last := x.leave(hoa, group); last {
		t.Error("the last, but for the other")
	}
	if _, last := x.leave(hoa, group); last {
		t.Error("left twice")
	}
	want("left", sender, coa)
	if gone := x.end(hoa2); !slices.Equal(gone, []place{here}) {
		t.Error(gone)
	}
	want("ended", sender)
	x.set(bindingOf(hoa2, coa2))
	want("bound again, nothing is left", sender)
	x.listen(hoa2, group, nil)
	elsewhere := bindingOf(hoa2, coa2)
	elsewhere.Ifindex++
	if gone := x.set(elsewhere); !slices.Equal(gone, []place{here}) {
		t.Error("on another home link", gone)
	}
	x.end(hoa)
	x.end(hoa)
	if x.bound(tunnelEnds{agent, coa}) || !x.bound(tunnelEnds{agent, coa2}) || len(x.tunnels) != 1 {
		t.Errorf("tunnels: %v", x.tunnels)
	}
	if i, bound := x.homeOf(hoa2); i != homeLinkIndex+1 || !bound {
		t.Error(i, bound)
	}
	if _, bound := x.homeOf(agent); bound {
		t.Error("a home address of nobody")
	}
}
