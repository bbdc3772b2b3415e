package mn

import (
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// What internal/sim found: links that change without a word of it, and answers
// that come when something else is being waited for.

// Seed 310 of the simulation: the home address was used while the home agent
// defended it.
//
// Requirements: 6275-11.5.5-2
func TestRFC6275_11_5_5_RegistrationsLateAnswerEndsNoReturn(t *testing.T) {
	p := defaultParams()
	p.MaxUpdateRate = 1
	b := awayAt(t, p)
	b.wait(2 * time.Second)
	b.move(ra(eth, routerB, netB))
	registration := b.lastBU()
	if registration.coa != coaB {
		t.Fatalf("registering %v, want %v", registration.coa, coaB)
	}
	// MAX_UPDATE_RATE holds the de-registration back. Until it has left,
	// nothing is answered (§11.5.5).
	b.move(homeRA(eth))
	if got := b.path().Mode; got != role.PathDeregistering {
		t.Errorf("path %v before the de-registration has left", got)
	}
	expect(t, "the registration's answer", b.step(b.ba(registration, mh.StatusAccepted)))
	expect(t, "a second later", b.wait(time.Second), deregBU, answering, tell)
	expect(t, "the registration's answer again", b.step(b.ba(registration, mh.StatusAccepted)))
	if got := b.path().Mode; got != role.PathAnswering {
		t.Errorf("path %v, though the home agent still defends the home address", got)
	}
	expect(t, "the de-registration's answer", b.ack(mh.StatusAccepted), "path home on 2", advertise)
}

// Seed 403: a stranger in a doubt that had another reason, after the home router
// had dispelled that.
func TestStrangerInADoubtAlreadyDispelled(t *testing.T) {
	b := homeAt(t, defaultParams())
	b.wait(10 * time.Second)
	expect(t, "a hint", b.step(role.RouterUnreachable{Ifindex: eth, Router: haRouter}), "solicit 2")
	b.wait(100 * time.Millisecond)
	expect(t, "the home router is there", b.step(homeRA(eth)))
	expect(t, "a stranger", b.step(ra(eth, routerB, netB)), "path blocked")
	b.wait(200 * time.Millisecond)
	expect(t, "the home router is still there", b.step(homeRA(eth)), "path home on 2")
}

// While the router we rely on has not answered, a stranger does not prolong the
// doubt: it may be where we are.
func TestStrangerInADoubtEndsItNoLater(t *testing.T) {
	b := homeAt(t, defaultParams())
	b.wait(10 * time.Second)
	b.step(role.RouterUnreachable{Ifindex: eth, Router: haRouter})
	b.wait(900 * time.Millisecond)
	b.step(ra(eth, routerB, netB))
	b.wait(100 * time.Millisecond) // UnreachableTimeout
	if got := b.lastBU().coa; got != coaB {
		t.Errorf("registered %v, want %v", got, coaB)
	}
}

// Seeds 257, 364, 495: the second interface was on the home link once, and then
// was not, without a word of it.
func TestHomeLinkOfOldIsAskedFirst(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(*bed)
	}{
		{"heard long ago", func(b *bed) { b.wait(10 * time.Second) }},
		{"another router spoke last", func(b *bed) { b.step(ra(wan, routerB, netB)) }},
		{"the same router spoke of another prefix last", func(b *bed) { b.step(ra(wan, haRouter, netB)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := homeAt(t, defaultParams())
			b.step(up(wan))
			b.step(homeRA(wan))
			c.then(b)
			b.step(down(eth))
			if got := b.path(); got.Mode != role.PathBlocked {
				t.Errorf("path %s on the strength of old news", renderPath(got))
			}
			b.wait(100 * time.Millisecond)
			expect(t, "the home router answers", b.step(homeRA(wan)), "path home on 3 with DAD")
		})
	}
}

func TestHomeLinkJustHeardIsTakenAtOnce(t *testing.T) {
	b := homeAt(t, defaultParams())
	b.step(up(wan))
	b.step(homeRA(wan))
	b.wait(time.Second)
	expect(t, "the other home link goes", b.step(down(eth)), "path home on 3 with DAD")
}

// Seed 308: no care-of address from a prefix that only an earlier link had.
func TestPrefixFromBeforeTheLinkCameUpMakesNoCareOf(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.step(ra(eth, routerB, netB)) // taken for a neighbour
	b.step(ra(eth, routerA, netA))
	b.wait(4 * time.Second)
	if v := b.m.Interfaces(b.now)[0]; len(v.Routers) != 2 {
		t.Fatalf("%d routers known, want both", len(v.Routers))
	}
	b.step(down(eth))
	b.wait(11 * time.Second) // LinkLinger
	b.step(up(eth))
	expect(t, "one of the two is there", b.step(ra(eth, routerB, netB)), addB, tunnelB, buB)
}
