package mn

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var (
	ethLinkLocal = netip.MustParseAddr("fe80::a8:bbff:fecc:ddee") // made of ethMAC
	otherLocal   = netip.MustParseAddr("fe80::77")
)

// madeLinkLocal returns the link-local addresses that were asked for in the last step.
func madeLinkLocal(effects []string) (list []string) {
	for _, e := range effects {
		if strings.Contains(e, "fe80::") {
			list = append(list, e)
		}
	}
	return list
}

// A link-local address made of the link-layer address is somebody else's: another
// interface takes over although it is preferred less, and gives back on another link.
func TestRFC4862_5_4_5_DuplicateLinkLayerAddress(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.step(up(wan))
	b.step(ra(wan, routerB, netB))
	if c := b.path().CareOf; c != coaA {
		t.Fatalf("the better interface has the care-of address %v", c)
	}
	b.step(role.DADFailed{Ifindex: eth, Addr: ethLinkLocal, Kept: true})
	b.wait(500 * time.Millisecond) // a planned handoff
	if bu := b.lastBU(); bu.coa != wanB {
		t.Errorf("the binding is at %v", bu.coa)
	}
	b.ack(mh.StatusAccepted)
	if v := b.m.Interfaces(b.now)[0]; !slices.Equal(v.Duplicates, []netip.Addr{ethLinkLocal}) {
		t.Errorf("shown: %+v", v)
	}
	if i := slices.IndexFunc(b.notices, func(n role.Notice) bool { return n.Kind == role.NoticeDADFailed }); i < 0 {
		t.Errorf("nobody is told: %+v", b.notices)
	} else if n := b.notices[i]; !n.Warn || n.Ifindex != eth || !strings.Contains(n.Text, ethLinkLocal.String()) {
		t.Errorf("told %+v", n)
	}
	b.wait(time.Minute)
	if bu := b.lastBU(); bu.coa != wanB {
		t.Errorf("later the binding is at %v", bu.coa)
	}
	b.ack(mh.StatusAccepted)
	b.move(ra(eth, routerB, netC))
	b.wait(500 * time.Millisecond)
	if bu := b.lastBU(); bu.coa != coaC {
		t.Errorf("on another link the binding is at %v", bu.coa)
	}
}

// Without another interface we go on, with random interface identifiers.
func TestDuplicateLinkLayerAddressOfTheOnlyInterface(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(role.DADFailed{Ifindex: eth, Addr: ethLinkLocal, Kept: true})
	b.step(ra(eth, routerA, netA))
	bu := b.lastBU()
	if bu.coa == coaA || !netA.Contains(bu.coa) {
		t.Errorf("the care-of address is %v", bu.coa)
	}
	b.ack(mh.StatusAccepted)
	if got := madeLinkLocal(b.wait(2 * time.Second)); len(got) != 1 || strings.Contains(got[0], ethLinkLocal.String()) {
		t.Errorf("link-local addresses made: %q", got)
	}
	if v := b.m.Interfaces(b.now)[0]; !v.LinkLocal.IsValid() {
		t.Errorf("shown: %+v", v)
	}
	if got := madeLinkLocal(b.wait(time.Hour)); len(got) != 0 {
		t.Errorf("and again: %q", got)
	}
}

// A link-local address of another kind says nothing of the interface. It is replaced,
// unless there is one that works; three times on a link.
func TestFailedLinkLocalAddressIsReplaced(t *testing.T) {
	b := awayAt(t, defaultParams())
	sent := len(b.bus)
	b.step(role.AddressReady{Ifindex: eth, Addr: netip.MustParseAddr("fe80::1234")})
	b.step(role.DADFailed{Ifindex: eth, Addr: otherLocal, Kept: true})
	if got := madeLinkLocal(b.wait(time.Minute)); len(got) != 0 {
		t.Errorf("with another that works: %q", got)
	}
	b.step(role.AddressGone{Ifindex: eth, Addr: netip.MustParseAddr("fe80::1234")})
	b.manualReady = true
	for try := range dadTries + 2 {
		got := madeLinkLocal(b.wait(2 * time.Second))
		if want := try < dadTries; (len(got) > 0) != want {
			t.Fatalf("try %d: %q", try, got)
		}
		if made := b.m.link(eth).linkLocal; made.IsValid() {
			b.step(role.DADFailed{Ifindex: eth, Addr: made, Kept: true})
		}
	}
	if len(b.bus) != sent {
		t.Errorf("%d Binding Updates", len(b.bus)-sent)
	}
}

// An address of somebody's own fails: people are told, and again that it is well.
func TestForeignDuplicateIsShownUntilItIsWell(t *testing.T) {
	b := awayAt(t, defaultParams())
	static := netip.MustParseAddr("2001:db8:a::5")
	for _, well := range []role.Event{
		role.AddressReady{Ifindex: eth, Addr: static}, role.AddressGone{Ifindex: eth, Addr: static},
	} {
		expect(t, "fails", b.step(role.DADFailed{Ifindex: eth, Addr: static, Kept: true}))
		if v := b.m.Interfaces(b.now)[0]; !slices.Equal(v.Duplicates, []netip.Addr{static}) {
			t.Errorf("shown: %+v", v)
		}
		b.step(well)
		if v := b.m.Interfaces(b.now)[0]; len(v.Duplicates) != 0 {
			t.Errorf("shown after %T: %+v", well, v)
		}
	}
	b.step(role.DADFailed{Ifindex: eth, Addr: static}) // and is gone at once
	if v := b.m.Interfaces(b.now)[0]; len(v.Duplicates) != 0 {
		t.Errorf("shown although it is gone: %+v", v)
	}
}
