package mn

import (
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

const (
	addWan    = "add 2001:db8:b:0:a8:bbff:fecc:dd01/64 on 3"
	tunnelWan = "path tunnelled 2001:db8:b:0:a8:bbff:fecc:dd01 to 2001:db8:1::1 on 3"
	buWan     = "BU lifetime 6m40s from 2001:db8:b:0:a8:bbff:fecc:dd01 home 2001:db8:1::100"
)

// both is a machine registered by eth0 with a care-of address on wwan0 at hand.
func both(t *testing.T) *bed {
	t.Helper()
	b := awayAt(t, defaultParams())
	b.step(up(wan))
	expect(t, "a second interface is made ready and not used", b.step(ra(wan, routerB, netB)), addWan)
	return b
}

// Requirements: 6275-11.5.4-4
func TestBestInterfaceCarriesTheBinding(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(wan))
	expect(t, "the worse one first", b.step(ra(wan, routerB, netB)), addWan, tunnelWan, buWan)
	b.ack(mh.StatusAccepted)
	b.step(up(eth))
	expect(t, "the better one", b.step(ra(eth, routerA, netA)), addA, "path "+tunnelWan[len("path "):]+", held")
	expect(t, "nothing is under way any more", b.wait(minDrain), buA)
	expect(t, "the worse one keeps its address", b.ack(mh.StatusAccepted), tunnelA)
}

func TestSwitchAtLinkDown(t *testing.T) {
	b := both(t)
	expect(t, "link down", b.step(down(eth)), tunnelWan, buWan)
	b.ack(mh.StatusAccepted)
	expect(t, "the lost link's address goes later", b.wait(10*time.Second), removeA)
}

func TestLinkUpWithoutRouterKeepsTheBindingForAMoment(t *testing.T) {
	b := both(t)
	expect(t, "link up", b.step(up(eth)), "solicit 2")
	expect(t, "half a second", b.wait(500*time.Millisecond), "solicit 2")
	expect(t, "the router is there", b.step(ra(eth, routerA, netA)))
	if len(b.bus) != 1 {
		t.Errorf("%d Binding Updates, want the first alone", len(b.bus))
	}
}

func TestLinkUpWithoutRouterSwitches(t *testing.T) {
	b := both(t)
	b.step(up(eth))
	expect(t, "ConfirmTimeout", b.wait(time.Second), "solicit 2", tunnelWan, buWan, "solicit 2")
}

func TestMoveOnTheBetterInterfaceStaysThere(t *testing.T) {
	b := both(t)
	b.manualReady = true
	b.step(up(eth))
	expect(t, "another link", b.step(ra(eth, routerB, netC)), "add 2001:db8:c:0:a8:bbff:fecc:ddee/64 on 2")
	expect(t, "the address takes a moment", b.wait(500*time.Millisecond))
	b.step(role.AddressReady{Ifindex: eth, Addr: coaC})
	if got := b.lastBU().coa; got != coaC || len(b.bus) != 2 {
		t.Errorf("%d Binding Updates, the last for %v", len(b.bus), got)
	}
}

func TestRouterOfTheBetterInterfaceDisappears(t *testing.T) {
	b := both(t)
	b.wait(time.Second)
	b.step(role.RouterUnreachable{Ifindex: eth, Router: routerA})
	b.wait(time.Second)
	if got := b.lastBU().coa; got != wanB {
		t.Errorf("registered %v, want %v", got, wanB)
	}
	expect(t, "the router is back", b.step(ra(eth, routerA, netA)), tunnelA, buA)
}

func TestEqualPreferenceDoesNotSwitch(t *testing.T) {
	p := defaultParams()
	p.Interfaces[1].Preference = 10
	b := started(t, p)
	b.step(up(wan))
	b.step(ra(wan, routerB, netB))
	b.ack(mh.StatusAccepted)
	b.step(up(eth))
	expect(t, "another, as good", b.step(ra(eth, routerA, netA)), addA)
}

func TestNoInterfaceLeft(t *testing.T) {
	b := both(t)
	b.step(down(eth))
	b.ack(mh.StatusAccepted)
	expect(t, "the last link goes", b.step(down(wan)))
	got := b.wait(time.Minute)
	expect(t, "later", got, removeA, "remove 2001:db8:b:0:a8:bbff:fecc:dd01 on 3", "path blocked")
}

func TestHomeLinkOnTheWorseInterface(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.step(up(wan))
	expect(t, "home", b.step(homeRA(wan)),
		"path deregistering on 3, home agent at 020000000001",
		"BU lifetime 0s from 2001:db8:1::100",
		"path answering on 3",
		"tell 020000000001 of 2001:db8:1::100 on 3")
	expect(t, "acknowledgement", b.ack(mh.StatusAccepted), "path home on 3", "advertise 2001:db8:1::100 on 3")
	expect(t, "leaving by the other, still ready", b.step(down(wan)), tunnelA, buA)
}

func TestHomeLinkByTwoInterfaces(t *testing.T) {
	b := homeAt(t, defaultParams())
	b.step(up(wan))
	expect(t, "a second way home", b.step(homeRA(wan)))
	expect(t, "the first goes", b.step(down(eth)), "path home on 3 with DAD")
}
