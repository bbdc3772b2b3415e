package metrics

import (
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// TestRegistrationTook: from the Binding Update's arrival to what tells that it is in
// force, by home address and sequence number.
func TestRegistrationTook(t *testing.T) {
	c := &clock{noon}
	m := NewMeter(c.now)
	m.Received(update(hoa, ha, 7))
	m.Received(update(hoa, peer, 7)) // the same number, with a correspondent node
	c.t = c.t.Add(100 * time.Millisecond)
	m.Received(update(hoa, ha, 8))
	m.Received(role.MessageIn{Src: coa, Dst: ha, Raw: []byte{59, 0, 5}}) // too short to have a number
	m.Received(role.LinkUp{Ifindex: 1})
	c.t = c.t.Add(20 * time.Millisecond)
	m.Told(role.Notice{Kind: role.NoticeBindingMoved, HoA: hoa, CoA: coa, HA: ha, Sequence: 8, HasStatus: true})
	m.Told(role.Notice{Kind: role.NoticeBindingCreated, HoA: hoa, CoA: coa, Peer: peer, Sequence: 7, HasStatus: true})
	m.Told(role.Notice{Kind: role.NoticeBindingRefused, HoA: hoa, HA: ha, Sequence: 7, Status: mh.StatusDADFailed, HasStatus: true})
	// Ended by a reload, and by time: nobody was answered.
	m.Told(role.Notice{Kind: role.NoticeBindingDeleted, HoA: hoa, HA: ha, Sequence: 8})
	m.Told(role.Notice{Kind: role.NoticeBindingExpired, HoA: hoa, HA: ha, Sequence: 8})
	equal(t, map[string]float64{
		`{change="moved",role="home_agent"}`:               1,
		`{change="moved",role="home_agent"}_sum`:           .02,
		`{change="created",role="correspondent_node"}`:     1,
		`{change="created",role="correspondent_node"}_sum`: .12,
	}, nonzero(t, m, registrationSeconds))
	equal(t, map[string]float64{
		`{binding="home",reason="Binding Update accepted",role="home_agent",status="0"}`:                  1,
		`{binding="correspondent",reason="Binding Update accepted",role="correspondent_node",status="0"}`: 1,
		`{binding="home",reason="` + mh.StatusDADFailed.String() + `",role="home_agent",status="134"}`:    1,
	}, nonzero(t, m, registrations))
	equal(t, map[string]float64{
		`{event="binding_moved"}`: 1, `{event="binding_created"}`: 1, `{event="binding_refused"}`: 1, `{event="binding_deleted"}`: 1,
		`{event="binding_expired"}`: 1,
	}, nonzero(t, m, events))
	if n := len(m.waits.since); n != 0 {
		t.Errorf("%d exchanges are still remembered", n)
	}
}

// TestRoundTrip: a mobile node's Binding Updates, to whom they went, and the last
// transmission of each.
func TestRoundTrip(t *testing.T) {
	c := &clock{noon}
	m := NewMeter(c.now)
	m.Told(role.Notice{Kind: role.NoticeUpdateSent, HoA: hoa, HA: ha, Sequence: 1})
	c.t = c.t.Add(time.Second)
	m.Told(role.Notice{Kind: role.NoticeUpdateSent, HoA: hoa, HA: ha, Sequence: 2})
	m.Told(role.Notice{Kind: role.NoticeUpdateSent, HoA: hoa, Peer: peer, Sequence: 2})
	c.t = c.t.Add(40 * time.Millisecond)
	m.Told(role.Notice{Kind: role.NoticeAckReceived, HoA: hoa, HA: ha, Sequence: 2, HasStatus: true})
	m.Told(role.Notice{Kind: role.NoticeAckReceived, HoA: hoa, HA: ha, Sequence: 2, Status: 146, HasStatus: true, Warn: true}) // forged
	m.Told(role.Notice{Kind: role.NoticeAckReceived, HoA: hoa, Peer: peer, Sequence: 2, Status: 129, HasStatus: true})
	equal(t, map[string]float64{
		`{binding="home"}`: 1, `{binding="home"}_sum`: .04, `{binding="correspondent"}`: 1, `{binding="correspondent"}_sum`: .04,
	}, nonzero(t, m, roundTripSeconds))
	equal(t, map[string]float64{
		`{binding="home",reason="Binding Update accepted",role="mobile_node",status="0"}`:                                         1,
		`{binding="correspondent",reason="` + mh.StatusAdministrativelyProhibited.String() + `",role="mobile_node",status="129"}`: 1,
	}, nonzero(t, m, registrations))
}

// a step of a mobile node's story.
type step struct {
	after time.Duration
	role.Notice
}

func up(i int) role.Notice     { return role.Notice{Kind: role.NoticeLinkUp, Ifindex: i} }
func down(i int) role.Notice   { return role.Notice{Kind: role.NoticeLinkDown, Ifindex: i} }
func router(i int) role.Notice { return role.Notice{Kind: role.NoticeRouter, Ifindex: i} }
func home(i int) role.Notice   { return role.Notice{Kind: role.NoticeAtHome, HoA: hoa, Ifindex: i} }
func registered(i int) role.Notice {
	return role.Notice{Kind: role.NoticeRegistered, HoA: hoa, HA: ha, Ifindex: i}
}

func TestHandovers(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name  string
		story []step
		want  map[string]float64
	}{
		{"one interface, another link", []step{
			{0, up(2)}, {10 * ms, router(2)}, {20 * ms, registered(2)}, // at the start
			{time.Hour, registered(2)}, // refreshed
			{time.Hour, down(2)}, {100 * ms, up(2)}, {10 * ms, router(2)}, {20 * ms, registered(2)},
		}, map[string]float64{
			`{since="link_up",to="foreign"}`: 2, `{since="link_up",to="foreign"}_sum`: .06,
			`{since="router_advertisement",to="foreign"}`: 2, `{since="router_advertisement",to="foreign"}_sum`: .04,
			`{since="link_down",to="foreign"}`: 1, `{since="link_down",to="foreign"}_sum`: .13,
		}},
		{"home", []step{{0, up(2)}, {10 * ms, router(2)}, {500 * ms, home(2)}}, map[string]float64{
			`{since="link_up",to="home"}`: 1, `{since="link_up",to="home"}_sum`: .51,
			`{since="router_advertisement",to="home"}`: 1, `{since="router_advertisement",to="home"}_sum`: .5,
		}},
		{"another router, the carrier stays", []step{
			{0, up(2)}, {10 * ms, router(2)}, {10 * ms, registered(2)}, {time.Hour, router(2)}, {30 * ms, registered(2)},
		}, map[string]float64{
			`{since="link_up",to="foreign"}`: 1, `{since="link_up",to="foreign"}_sum`: .02,
			`{since="router_advertisement",to="foreign"}`: 2, `{since="router_advertisement",to="foreign"}_sum`: .04,
		}},
		{"to an interface that was there before", []step{
			{0, up(2)}, {0, router(2)}, {0, up(3)}, {0, router(3)}, {10 * ms, registered(2)}, {2 * time.Minute, down(2)}, {15 * ms, registered(3)},
		}, map[string]float64{
			`{since="link_up",to="foreign"}`: 1, `{since="link_up",to="foreign"}_sum`: .01,
			`{since="router_advertisement",to="foreign"}`: 1, `{since="router_advertisement",to="foreign"}_sum`: .01,
			`{since="link_down",to="foreign"}`: 1, `{since="link_down",to="foreign"}_sum`: .015,
		}},
		{"no network for the night", []step{
			{0, up(2)}, {0, router(2)}, {10 * ms, registered(2)}, {time.Minute, down(2)}, {8 * time.Hour, up(2)}, {5 * ms, router(2)}, {5 * ms, registered(2)},
		}, map[string]float64{
			`{since="link_up",to="foreign"}`: 2, `{since="link_up",to="foreign"}_sum`: .02,
			`{since="router_advertisement",to="foreign"}`: 2, `{since="router_advertisement",to="foreign"}_sum`: .015,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &clock{noon}
			m := NewMeter(c.now)
			for _, s := range tt.story {
				c.t = c.t.Add(s.after)
				m.Told(s.Notice)
			}
			equal(t, tt.want, nonzero(t, m, handoverSeconds))
		})
	}
}

// TestWaitsAreBounded: Binding Updates that nobody answers take no memory without end,
// and the youngest are remembered.
func TestWaitsAreBounded(t *testing.T) {
	var w waits
	for round := range 3 {
		for i := range maxWaits {
			e := exchange{home: hoa, other: ha, sequence: uint16(i)}
			if round == 1 {
				e.other = peer
			}
			w.begin(e, noon)
			if len(w.since) > maxWaits || len(w.ring) > maxWaits {
				t.Fatalf("%d exchanges, a ring of %d", len(w.since), len(w.ring))
			}
			if i%2 == 0 {
				if _, ok := w.end(e, noon); !ok {
					t.Fatalf("round %d: number %d is forgotten at once", round, i)
				}
			}
		}
	}
	last := exchange{home: hoa, other: ha, sequence: maxWaits - 1}
	if took, ok := w.end(last, noon.Add(time.Second)); !ok || took != time.Second {
		t.Errorf("the last one: %v, %v", took, ok)
	}
	if _, ok := w.end(last, noon); ok {
		t.Error("an exchange ends twice")
	}
}

// TestWaitsThatBeganAgain: the place in the ring of an exchange that has ended does not
// end the one that has the same numbers since.
func TestWaitsThatBeganAgain(t *testing.T) {
	var w waits
	again := exchange{home: hoa, other: ha}
	w.begin(again, noon)
	w.end(again, noon)
	w.begin(again, noon)
	for i := range maxWaits - 1 { // the last one takes the first one's place
		w.begin(exchange{home: hoa, other: peer, sequence: uint16(i)}, noon)
	}
	if _, ok := w.end(again, noon); !ok {
		t.Error("it is forgotten, though it is among the youngest")
	}
}

func TestApplied(t *testing.T) {
	m := NewMeter(nil)
	m.Stepped(256)
	for i, where := range []string{"kernel", "wire", "store"} {
		m.Applied(where, time.Duration(i+1)*time.Second)
	}
	all := values(t, NewRegistry(&Fake{}, m))
	for series, want := range map[string]float64{
		batchEvents.Name: 256, kernelSeconds.Name: 1, sendSeconds.Name: 2, commitSeconds.Name: 3,
	} {
		if got := all[series+"{}_sum"]; got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
}
