package homelink

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// Who leaves says at once that it is no home agent: H is clear, and then there is no Home
// Agent Information option. It is a router as before, and says so again when it stays.
//
// Requirements: 6275-7.4-8
func TestRFC6275_7_4_WhoDrainsIsNoHomeAgentInItsAdvertisements(t *testing.T) {
	b := newBed(t, func(p *Params) { p.Links[0].Preference, p.Routers = 9, true })
	was := b.start()
	for _, on := range []bool{true, false} {
		b.until(b.now.Add(2 * time.Minute)) // no other one is due
		b.step(Drain{On: on})
		ra := b.advertised(only[role.AdvertiseRouter](b)).ra
		_, info := icmp6.Find[icmp6.HomeAgentInformation](ra.Options)
		if ra.HomeAgent == on || info == on {
			t.Errorf("drains %v: H %v, Home Agent Information %v", on, ra.HomeAgent, info)
		}
		p, _ := icmp6.Find[icmp6.PrefixInformation](ra.Options)
		if ra.RouterLifetime != was.RouterLifetime || !p.RouterAddress || p.Prefix != self {
			t.Errorf("drains %v: %+v", on, ra)
		}
		if a := b.m.Agents()[0]; !a.Self || a.Leaving != on {
			t.Errorf("drains %v: listed as %+v", on, a)
		}
		b.step(Drain{On: on}) // no news
		b.none()
	}
}

// The least time between two advertisements holds for this news, too, and a new
// configuration doesn't end it.
func TestDrainIsToldNoSoonerThanAllowedAndOutlivesAReload(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	b.now = b.now.Add(time.Second)
	b.step(Drain{On: true})
	b.none()
	b.step(Reconfigured{Params: b.withCache(Params{Links: []Link{homeLinkDefault()}})})
	sent := b.until(t0.Add(3 * time.Second))
	if len(sent) != 1 || !sent[0].at.Equal(t0.Add(3*time.Second)) || sent[0].ra.HomeAgent {
		t.Errorf("%+v", sent)
	}
}

// A home agent that hears such an advertisement takes its sender out of its list and its
// answers (§10.5.1), so that nobody is sent to who refuses everybody.
//
// Requirements: 6275-10.5.1-1
func TestRFC6275_10_5_1_WhoDrainsIsInNobodysAnswer(t *testing.T) {
	leaving, staying := newBed(t, nil), newBed(t, nil)
	leaving.start()
	staying.start()
	tell := func() {
		leaving.now = leaving.now.Add(time.Minute)
		staying.now = leaving.now
		for _, s := range leaving.until(leaving.now.Add(16 * time.Minute)) {
			staying.now = s.at
			ra := *s.ra
			p := ra.Options[1].(icmp6.PrefixInformation)
			p.Prefix = agentAddress(1) // both beds have the same address
			ra.Options = slices.Clone(ra.Options)
			ra.Options[1] = p
			staying.step(role.RouterSeen{Ifindex: homeLink, Router: linkLocal(1), RA: &ra})
		}
	}
	tell()
	if _, r := staying.ask(nil); len(r.HomeAgents) != 2 {
		t.Fatalf("before: %v", r.HomeAgents)
	}
	leaving.step(Drain{On: true})
	tell()
	staying.now = staying.now.Add(time.Minute)
	if _, r := staying.ask(nil); !slices.Equal(r.HomeAgents, []netip.Addr{self}) {
		t.Errorf("after: %v", r.HomeAgents)
	}
}

// Its own answers name the others. Where it knows of nobody it is silent: who lists nobody
// means itself (mn.agentsFound).
//
// Requirements: 6275-10.5.1-9
func TestRFC6275_10_5_1_WhoDrainsAnswersWithTheOthers(t *testing.T) {
	b := newBed(t, func(p *Params) { p.Links[0].Preference, p.Routers = 9, true })
	b.start()
	b.step(Drain{On: true})
	b.request(nil)
	b.none()
	if n := only[role.Count](b); n.Counter != CountNoAgent {
		t.Errorf("counted as %s", n.Counter)
	}
	other := b.hear(1, nil)
	if s, r := b.ask(nil); s.Src != self || !slices.Equal(r.HomeAgents, []netip.Addr{other}) {
		t.Errorf("from %v: %v", s.Src, r.HomeAgents)
	}
	// Nobody else serves mobile routers (RFC 3963 §7.2).
	if _, r := b.ask(func(_ *role.ICMPIn, q *icmp6.HomeAgentDiscoveryRequest) { q.Router = true }); r.Router {
		t.Errorf("R is set: %v", r.HomeAgents)
	}
	b.step(Drain{})
	if _, r := b.ask(nil); !slices.Equal(r.HomeAgents, []netip.Addr{self, other}) {
		t.Errorf("serving again: %v", r.HomeAgents)
	}
}
