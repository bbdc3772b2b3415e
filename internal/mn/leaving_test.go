package mn

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// by answers the last Binding Update as another home agent.
func (b *bed) by(agent netip.Addr, status mh.Status) []string {
	b.t.Helper()
	in := b.ba(b.lastBU(), status)
	mh.SetChecksum(in.Raw, agent, hoa.Addr())
	in.Src = agent
	return b.step(in)
}

// modes are how packets travelled in the paths asked for since the n-th.
func (b *bed) modes(n int) (list []role.PathMode) {
	for _, p := range b.paths[n:] {
		list = append(list, p.Mode)
	}
	return list
}

// A home agent that drains asks for a Binding Update and refuses it (ha.Drain). Where
// another one is known, the mobile node goes there in the same moment: tunnel to tunnel,
// and nothing else is waited for.
//
// Requirements: 6275-11.4.1-4
func TestRFC6275_11_4_1_TheHomeAgentDrains(t *testing.T) {
	b, q := seeker(t, seeking())
	b.found(q.Identifier, ha, ha2)
	b.ack(mh.StatusAccepted)
	b.wait(time.Minute)
	b.step(message(t, &mh.BindingRefreshRequest{}, ha))
	b.wantAgent("asked to leave", ha)
	n := len(b.paths)
	b.ack(mh.StatusInsufficientResources)
	b.wantAgent("refused", ha2)
	if got := b.modes(n); !slices.Equal(got, []role.PathMode{role.PathTunnelled}) || b.path().HomeAgent != ha2 || len(b.requests()) != 0 {
		t.Errorf("paths %v, the last to %v, %d requests", got, b.path().HomeAgent, len(b.requests()))
	}
	b.by(ha2, mh.StatusAccepted)
	if v := b.m.Bindings(b.now)[0]; !v.Registered || v.HomeAgent != ha2 {
		t.Errorf("%+v", v)
	}
}

// Where no other home agent is known, one is looked for at once, and the tunnel is kept
// while its binding lasts: it is what there is.
//
// Requirements: 6275-11.4.1-4
func TestRFC6275_11_4_1_TheOnlyHomeAgentThatIsKnownDrains(t *testing.T) {
	drained := func(t *testing.T) (*bed, uint16) {
		b, q := seeker(t, seeking())
		b.found(q.Identifier, ha)
		b.ack(mh.StatusAccepted)
		b.wait(time.Minute)
		b.step(message(t, &mh.BindingRefreshRequest{}, ha))
		n := len(b.paths)
		b.ack(mh.StatusInsufficientResources)
		if len(b.paths) != n || b.path().Mode != role.PathTunnelled {
			t.Errorf("paths %v when it refuses", b.modes(n))
		}
		return b, b.request().Identifier
	}
	t.Run("another is found", func(t *testing.T) {
		b, id := drained(t)
		n := len(b.paths)
		b.found(id, ha, ha2) // of a home agent that does not know that ha drains
		b.wantAgent("found", ha2)
		if got := b.modes(n); !slices.Equal(got, []role.PathMode{role.PathTunnelled}) || b.path().HomeAgent != ha2 {
			t.Errorf("paths %v, the last to %v", got, b.path().HomeAgent)
		}
		if b.by(ha2, mh.StatusAccepted); b.m.homes[0].found.leaving {
			t.Error("it leaves the new one, too")
		}
	})
	t.Run("no other is found", func(t *testing.T) {
		b, id := drained(t)
		ends := b.lastBU().at.Add(-time.Minute).Add(400 * time.Second)
		n := len(b.paths)
		b.found(id, ha)
		for b.now.Before(ends.Add(-40 * time.Second)) {
			sent := len(b.bus)
			b.wait(32 * time.Second)
			if len(b.bus) == sent {
				t.Fatalf("at %v it is not asked any more", b.now.Sub(t0))
			}
			b.wantAgent("meanwhile", ha)
			b.ack(mh.StatusInsufficientResources)
		}
		if len(b.paths) != n {
			t.Errorf("paths %v while the binding lasts", b.modes(n))
		}
		b.wait(80 * time.Second)
		if b.path().Mode != role.PathBlocked {
			t.Errorf("path %v after its end", b.path().Mode)
		}
		b.wait(10 * time.Minute)
		if len(b.requests()) == 0 {
			t.Error("the search has ended")
		}
	})
	t.Run("nobody answers and it serves again", func(t *testing.T) {
		b, id := drained(t)
		n := len(b.paths)
		b.wait(40 * time.Second)
		b.wantAgent("meanwhile", ha)
		b.ack(mh.StatusAccepted)
		b.wait(2 * time.Minute)
		if v := b.m.Bindings(b.now)[0]; len(b.requests()) != 0 || !v.Registered || len(b.paths) != n {
			t.Errorf("%d requests, paths %v, %+v", len(b.requests()), b.modes(n), v)
		}
		b.found(id, ha2)
		b.wantAgent("a late reply", ha)
	})
	t.Run("it comes home", func(t *testing.T) {
		b, _ := drained(t)
		b.move(homeRA(eth))
		if s := b.lastBU(); s.send.Dst != ha || s.bu.Lifetime != 0 {
			t.Fatalf("to %v for %v, no de-registration", s.send.Dst, s.bu.Lifetime)
		}
		b.wait(time.Minute) // unanswered: nothing else is to be done meanwhile
		if len(b.requests()) != 0 {
			t.Error("it looks for a home agent at home")
		}
	})
	t.Run("it moves", func(t *testing.T) {
		b, _ := drained(t)
		b.move(ra(eth, routerB, netB))
		b.wantAgent("after a move", ha) // MUST: first with that one
		b.ack(mh.StatusInsufficientResources)
		// The binding is of another care-of address: no tunnel to be kept.
		if b.path().Mode != role.PathBlocked || len(b.requests()) != 1 {
			t.Errorf("path %v, %d requests", b.path().Mode, len(b.requests()))
		}
	})
}

// A home agent that is configured is the only one: it is asked again until it serves, and
// its tunnel is kept.
func TestTheConfiguredHomeAgentDrains(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.step(message(t, &mh.BindingRefreshRequest{}, ha))
	n := len(b.paths)
	b.ack(mh.StatusInsufficientResources)
	for range 3 {
		b.wait(32 * time.Second)
		b.wantAgent("again", ha)
		b.ack(mh.StatusInsufficientResources)
	}
	if len(b.paths) != n || b.path().Mode != role.PathTunnelled || len(b.requests()) != 0 {
		t.Errorf("paths %v, %d requests", b.modes(n), len(b.requests()))
	}
}

// In the midst of a planned change of the care-of address it is the new one that the next
// home agent's tunnel begins at, and nothing is held back: what was under way went to the
// home agent that refuses.
func TestTheHomeAgentDrainsDuringAPlannedSwitch(t *testing.T) {
	b := started(t, seeking())
	b.step(up(wan))
	b.step(ra(wan, routerB, netB))
	reply := b.reply(b.request().Identifier, false, ha, ha2)
	reply.Dst = wanB
	b.step(reply)
	b.wait(30 * time.Millisecond)
	b.ack(mh.StatusAccepted)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.wait(30 * time.Millisecond)
	if p := b.path(); !p.Hold || b.lastBU().coa != coaA {
		t.Fatalf("path %+v, Binding Update from %v", p, b.lastBU().coa)
	}
	b.ack(mh.StatusInsufficientResources)
	b.wantAgent("refused", ha2)
	if p := b.path(); p.Hold || p.CareOf != coaA || p.HomeAgent != ha2 {
		t.Errorf("path %+v", p)
	}
}
