package ha

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

const sa = 0x62750004

// protectedParams are those of a mobile node that IPsec protects and nothing else.
func protectedParams() Params {
	p := params()
	p.MobileNodes[0].Auth, p.MobileNodes[0].SA = nil, sa
	return p
}

// plain is a Binding Update without RFC 4285's options.
func plain(u *update) { u.spi, u.stamp, u.alternate = 0, time.Time{}, u.src }

// through says by which security association a message came.
func through(number uint32, ev role.MessageIn) role.MessageIn {
	ev.SA = number
	return ev
}

// boundBySA is a bed with a binding of sequence number 1 that came through its
// security association.
func boundBySA(t *testing.T) *bed {
	t.Helper()
	b := newBed(t, protectedParams())
	b.step(through(sa, b.bu(1, plain)))
	b.dad(false)
	b.done(nil)
	b.tick(time.Second)
	if len(b.m.Bindings()) != 1 {
		t.Fatal("no binding to begin with")
	}
	return b
}

// A Binding Update that did not come through the security association of its home
// address is nobody's, whatever the kernel let in.
//
// Requirements: 6275-5.1-1, 6275-5.1-3, 6275-10.3.1-2
func TestRFC6275_5_1_OnlyThroughTheHomeAddressesAssociation(t *testing.T) {
	b := boundBySA(t)
	for _, number := range []uint32{0, sa + 4} {
		silent(t, b, "move", through(number, b.bu(2, plain, from(coaB))), role.CountUnprotected)
		silent(t, b, "end", through(number, b.bu(2, plain, deregister)), role.CountUnprotected)
		silent(t, b, "end at home", through(number, b.bu(2, plain, atHome, func(u *update) { u.alternate = netip.Addr{} })), role.CountUnprotected)
	}
	expect(t, "through its own", b.step(through(sa, b.bu(2, plain))), "ba 0 seq 2 lifetime 6m40s")
}

// The care-of address outside of ESP is anybody's.
//
// Requirements: 3776-4.3-5
func TestRFC3776_4_3_TheCareOfAddressIsInside(t *testing.T) {
	b := boundBySA(t)
	bare := func(u *update) { plain(u); u.alternate = netip.Addr{} }
	silent(t, b, "without the option", through(sa, b.bu(2, bare)), role.CountBadCareOf)
	expect(t, "an end has none", b.step(through(sa, b.bu(2, bare, atHome))), "clear "+hoa.String())
}

// Static keys have no other protection against replay than the sequence number, which
// is remembered after the binding has ended (RFC 3776 §4.4).
func TestRFC3776_4_4_SequenceNumberIsRemembered(t *testing.T) {
	b := boundBySA(t)
	b.step(through(sa, b.bu(2, plain, deregister)))
	b.done(nil)
	b.tick(time.Hour)
	expect(t, "replay", b.step(through(sa, b.bu(1, plain))), "ba 135 seq 2 lifetime 0s")
	expect(t, "later", b.step(through(sa, b.bu(3, plain))), dad1)
}

// With a key besides, both must be right.
func TestBothProtections(t *testing.T) {
	p := params()
	p.MobileNodes[0].SA = sa
	b := newBed(t, p)
	withOption := func(u *update) { u.alternate = u.src }
	silent(t, b, "only the key", b.bu(1, withOption), role.CountUnprotected)
	silent(t, b, "only IPsec", through(sa, b.bu(1, plain)), role.CountNoAuth)
	expect(t, "both", b.step(through(sa, b.bu(1, withOption))), dad1)
}

// What is refused at home passes IPsec like everything else: it is not put on the link
// past the kernel.
func TestRefusalAtHomeIsProtected(t *testing.T) {
	b := boundBySA(t)
	b.step(through(sa, b.bu(1, plain, atHome, func(u *update) { u.alternate = netip.Addr{} })))
	last := b.lastAck()
	if last.ba.Status != mh.StatusSequenceOutOfWindow || last.Neighbour || last.Ifindex != link || last.Dst != hoa {
		t.Errorf("%+v", last)
	}
}

// K is granted where the key management of both follows a care-of address, and the
// binding says so to who moves IKE's end point; with either one's clear it stays clear
// (§10.3.1: SHOULD).
//
// Requirements: 6275-10.3.1-23
func TestRFC6275_10_3_1_KeyManagementMovesWhereBothCan(t *testing.T) {
	k := func(u *update) { plain(u); u.bu.KeyMgmt = true }
	for _, c := range []struct{ agent, node bool }{{true, true}, {true, false}, {false, true}} {
		p := protectedParams()
		p.MobileNodes[0].KeyMgmt = c.agent
		b := newBed(t, p)
		change := plain
		if c.node {
			change = k
		}
		b.step(through(sa, b.bu(1, change)))
		b.dad(false)
		b.done(nil)
		want := c.agent && c.node
		if len(b.acks) != 1 || b.acks[0].ba.KeyMgmt != want || len(b.m.Bindings()) != 1 || b.m.Bindings()[0].KeyMgmt != want {
			t.Errorf("%+v: %+v %+v", c, b.acks, b.m.Bindings())
		}
	}
}
