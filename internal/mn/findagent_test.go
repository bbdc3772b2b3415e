package mn

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/role"
)

// Where no advertisement tells the home agent's link-layer address it is asked for by the
// home address, from the unspecified address, and the de-registration goes to who answers.
// Nothing of the home address leaves before.
//
// Requirements: 6275-11.5.5-5
func TestRFC6275_11_5_5_TheHomeAgentIsAskedForByTheHomeAddress(t *testing.T) {
	const solicits = "solicit 2001:db8:1::100 on 2"
	b := awayAt(t, defaultParams())
	expect(t, "home", b.move(ra(eth, routerA, homeNet)), "path blocked", solicits, "remove "+coaA.String()+" on 2")
	sent := len(b.bus)
	expect(t, "no answer", b.wait(1100*time.Millisecond), solicits)
	for what, ev := range map[string]role.NeighborAdvertised{
		"another's":       {Ifindex: eth, Target: netip.MustParseAddr("2001:db8:1::101"), LinkAddr: haMAC},
		"elsewhere":       {Ifindex: wan, Target: hoa.Addr(), LinkAddr: haMAC},
		"without address": {Ifindex: eth, Target: hoa.Addr()},
		"our own":         {Ifindex: eth, Target: hoa.Addr(), LinkAddr: ethMAC},
	} {
		expect(t, what, b.step(ev))
	}
	b.step(role.NeighborAdvertised{Ifindex: eth, Target: hoa.Addr(), LinkAddr: haMAC})
	var deregistering *role.HomePath
	for _, p := range b.paths {
		if p.Mode == role.PathDeregistering {
			deregistering = &p
		}
	}
	if deregistering == nil || !bytes.Equal(deregistering.HomeAgentLinkAddr, haMAC) {
		t.Fatalf("paths %+v", b.paths)
	}
	if len(b.bus) != sent+1 || b.lastBU().bu.Lifetime != 0 || b.lastBU().send.Src != hoa.Addr() {
		t.Errorf("%d Binding Updates, the last %+v", len(b.bus)-sent, b.lastBU())
	}
}

// An advertisement that tells it, or a move, ends the question.
func TestQuestionForTheHomeAgentEnds(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.move(ra(eth, routerA, homeNet))
	b.step(homeRA(eth))
	if p := b.paths[len(b.paths)-2]; p.Mode != role.PathDeregistering || !bytes.Equal(p.HomeAgentLinkAddr, haMAC) {
		t.Errorf("an advertisement: %+v", b.paths)
	}
	b = awayAt(t, defaultParams())
	b.move(ra(eth, routerA, homeNet))
	b.move(ra(eth, routerB, netB))
	if b.lastBU().coa != coaB {
		t.Errorf("moved on: %+v", b.lastBU())
	}
	before := len(b.paths)
	b.step(role.NeighborAdvertised{Ifindex: eth, Target: hoa.Addr(), LinkAddr: haMAC})
	b.wait(10 * time.Second)
	for _, p := range b.paths[before:] {
		if p.Mode == role.PathDeregistering {
			t.Errorf("an answer of the link before: %+v", p)
		}
	}
}
