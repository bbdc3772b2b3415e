package ha

import (
	"net/netip"
	"testing"

	"mip6d/internal/role"
)

// reload returns the bindings that the kernel was asked for by new parameters, and grants
// them.
func (b *bed) reload(p Params) (list []role.Binding) {
	var done []role.Done
	for _, e := range b.m.Step(b.now, Reconfigured{Params: p}) {
		if s, ok := e.(role.SetBinding); ok {
			list = append(list, s.Binding)
			done = append(done, role.Done{ID: s.ID})
		}
	}
	for _, d := range done {
		b.step(d)
	}
	return list
}

// Route optimisation is denied by prefix. A reload changes it for the bindings that it
// concerns, in the kernel and nowhere else, and leaves others alone.
func TestRouteOptimizationIsDeniedByPolicy(t *testing.T) {
	denied := fleet()
	denied.Policies = []Policy{{Prefix: netip.PrefixFrom(hoa, 128), DenyDirect: true}}
	b := newBed(t, denied)
	b.enrol(b.bu(1))
	if list := b.m.Bindings(); len(list) != 1 || !list[0].NoRouteOptimization {
		t.Errorf("bindings %+v", list)
	}
	b = newBed(t, fleet())
	b.enrol(b.bu(1))
	before := b.m.Bindings()
	if len(before) != 1 || before[0].NoRouteOptimization {
		t.Fatalf("bindings %+v", before)
	}
	for _, c := range []struct {
		p    Params
		deny bool
	}{{denied, true}, {fleet(), false}} {
		got := b.reload(c.p)
		if len(got) != 1 || got[0].NoRouteOptimization != c.deny || got[0].CareOf != before[0].CareOf || !got[0].Expires.Equal(before[0].Expires) {
			t.Errorf("deny %v: %+v", c.deny, got)
		}
		if again := b.reload(c.p); len(again) != 0 {
			t.Errorf("deny %v, again: %+v", c.deny, again)
		}
		if now := b.m.Bindings(); len(now) != 1 || now[0].NoRouteOptimization != c.deny {
			t.Errorf("deny %v: bindings %+v", c.deny, now)
		}
	}
	// Another's policy is none of its business.
	other := fleet()
	other.Policies = []Policy{{Prefix: netip.PrefixFrom(hoa2, 128), DenyDirect: true}}
	if got := b.step(Reconfigured{Params: other}); len(got) != 0 {
		t.Errorf("another's policy: %v", got)
	}
}
