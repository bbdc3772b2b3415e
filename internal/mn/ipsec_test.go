package mn

import (
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

const sa = 0x62750004

func protectedParams() Params {
	p := defaultParams()
	p.Homes[0].SA = sa
	return p
}

// awayProtected waits for the answer to its first Binding Update.
func awayProtected(t *testing.T) *bed {
	t.Helper()
	b := started(t, protectedParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	return b
}

// Requirements: 6275-5.1-1, 6275-11.7.3-2
func TestRFC6275_11_7_3_AcknowledgementThroughTheHomeAgentsAssociation(t *testing.T) {
	b := awayProtected(t)
	ba := b.ba(b.lastBU(), mh.StatusAccepted)
	for _, number := range []uint32{0, sa + 4} {
		ba.SA = number
		b.step(ba)
	}
	if v := b.m.Bindings(b.now)[0]; v.Registered || b.counts[role.CountUnprotected] != 2 {
		t.Errorf("registered by what anybody can have sent: %+v, counts %v", v, b.counts)
	}
	ba.SA = sa
	b.step(ba)
	if v := b.m.Bindings(b.now)[0]; !v.Registered {
		t.Errorf("not registered: %+v", v)
	}
}

// K stays clear with static keys (§11.7.1: MUST), and the care-of address is inside
// what ESP protects (RFC 3776 §4.3: MUST).
//
// Requirements: 6275-11.7.1-9, 6275-11.7.1-15, 3776-4.3-3
func TestRFC3776_4_3_BindingUpdateHasItsCareOfAddressInside(t *testing.T) {
	b := awayProtected(t)
	bu := b.lastBU().bu
	alt, ok := mh.Find[mh.AlternateCareOfAddress](bu.Options)
	if !ok || alt.CareOf != coaA || bu.KeyMgmt {
		t.Errorf("%+v", bu)
	}
}

// Tunnels move before the Binding Update leaves, at a planned change too: what would be
// held on the way would be in the wrong one.
//
// Requirements: 6275-11.6.3-2
func TestRFC6275_11_6_3_TunnelMovesBeforeTheUpdate(t *testing.T) {
	b := started(t, protectedParams())
	b.step(up(wan))
	b.step(ra(wan, routerB, netB))
	ba := b.ba(b.lastBU(), mh.StatusAccepted)
	ba.SA = sa
	b.step(ba)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	if p := b.path(); p.Hold || p.CareOf != coaA || b.lastBU().coa != coaA {
		t.Errorf("path %+v, Binding Update from %s", p, b.lastBU().coa)
	}
	moved := false
	for _, e := range b.effects {
		switch e := e.(type) {
		case role.SetHomePath:
			moved = moved || e.Path.CareOf == coaA
		case role.Send:
			if !moved {
				t.Error("the Binding Update leaves first")
			}
		}
	}
}

// Requirements: 6275-11.4.3-5
func TestRFC6275_11_4_3_PrefixesThroughTheHomeAgentsAssociation(t *testing.T) {
	b := awayProtected(t)
	ba := b.ba(b.lastBU(), mh.StatusPrefixDiscoveryNecessary)
	ba.SA = sa
	b.step(ba)
	told := b.mpa(b.asks(), pio(homeNet, 4*time.Hour, 0))
	for _, number := range []uint32{0, sa + 4} {
		told.SA = number
		b.step(told)
		if b.m.homes[0].prefix.told {
			t.Errorf("told through %#x", number)
		}
	}
	if n := b.counts[role.CountUnprotected]; n != 2 {
		t.Errorf("%d counted", n)
	}
	told.SA = sa
	if b.step(told); !b.m.homes[0].prefix.told {
		t.Error("not told through its own")
	}
}

// K is set where the management of dynamic keys follows us, and goes on at once when
// there are keys: the kernel has dropped what there were none for.
//
// Requirements: 6275-11.7.1-9
func TestRFC6275_11_7_1_KeyManagementMoves(t *testing.T) {
	p := protectedParams()
	p.Homes[0].KeyMgmt = true
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	first := b.lastBU()
	if !first.bu.KeyMgmt {
		t.Errorf("K is clear: %+v", first.bu)
	}
	b.step(role.KeysMade{HomeAddress: hoa.Addr().Next()})
	if b.lastBU().bu.Sequence != first.bu.Sequence {
		t.Error("sent again for another's keys")
	}
	b.step(role.KeysMade{HomeAddress: hoa.Addr()})
	if b.lastBU().bu.Sequence != first.bu.Sequence+1 {
		t.Error("not sent again when there are keys")
	}
}

// A home agent whose key management stays where it was has ours not follow, from its word on: IKE has to begin anew at the
// next care-of address. That goes on until it says otherwise.
//
// Requirements: 6275-11.7.3-15, 6275-11.7.3-16
func TestRFC6275_11_7_3_KeyManagementFollowsWhereBothDo(t *testing.T) {
	p := protectedParams()
	p.Homes[0].KeyMgmt = true
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	follows := func(when string, want bool) {
		t.Helper()
		if path := b.m.homes[0].path; path.Mode != role.PathTunnelled || path.KeyMgmt != want {
			t.Errorf("%s: %+v", when, path)
		}
	}
	follows("before there is an answer", true)
	for _, both := range []bool{true, false, false, true} {
		ba := b.ba(b.lastBU(), mh.StatusAccepted, func(ba *mh.BindingAcknowledgement) { ba.KeyMgmt = both })
		ba.SA = sa
		b.step(ba)
		follows("answered", both)
		b.wait(6 * time.Minute) // a refreshment
	}
}
