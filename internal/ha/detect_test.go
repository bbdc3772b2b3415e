package ha

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/role"
)

// TestDetectionsRunInParallel: one mobile node does not wait for another.
func TestDetectionsRunInParallel(t *testing.T) {
	p, list := homes(50)
	b := newBed(t, p)
	for _, h := range list {
		expect(t, "detection", b.step(b.bu(1, func(u *update) { u.home = h })), "dad "+h.String())
	}
	if n := len(b.m.Detecting()); n != 50 {
		t.Errorf("%d are being detected for", n)
	}
	for i := len(list) - 1; i >= 0; i-- {
		expect(t, "in any order", b.step(role.DADDone{Ifindex: link, Addr: list[i]}), fmt.Sprintf("set %s at %s", list[i], coaA))
	}
}

// TestHomeAddressesMayShareALinkLocalAddress: a mobile node with home addresses
// from two prefixes of one link has one interface identifier.
func TestHomeAddressesMayShareALinkLocalAddress(t *testing.T) {
	b := newBed(t, twoHomesParams(2))
	second := func(u *update) { u.home = twoHomes[1] }
	expect(t, "the first", b.step(b.bu(1, withL)), dad1, "dad fe80::100")
	expect(t, "the second asks no more than it must", b.step(b.bu(1, withL, second)), "dad 2001:db8:2::100")
	expect(t, "one", b.dad(false))
	expect(t, "two", b.step(role.DADDone{Ifindex: link, Addr: twoHomes[1]}))
	expect(t, "what both wait for", b.step(role.DADDone{Ifindex: link, Addr: hoaLL}), setA, "set 2001:db8:2::100 at 2001:db8:f1::100")
	b.done(nil)
	b.done(nil)
	if len(b.m.Bindings()) != 2 || len(b.m.dads) != 0 {
		t.Errorf("bindings %v", b.m.Bindings())
	}
}

// TestRFC6275_10_3_1_DuplicateLinkLocalAddressIsRefused: the complete Binding
// Update is, although the home address itself is free.
//
// Requirements: 6275-10.3.1-12
func TestRFC6275_10_3_1_DuplicateLinkLocalAddressIsRefused(t *testing.T) {
	b := newBed(t, twoHomesParams(2))
	b.step(b.bu(1, withL))
	b.step(b.bu(1, withL, func(u *update) { u.home = twoHomes[1] }))
	b.dad(false)
	expect(t, "both", b.step(role.DADDone{Ifindex: link, Addr: hoaLL, Duplicate: true}),
		"ba 134 seq 1 lifetime 0s", "ba 134 seq 1 lifetime 0s")
	if b.counts[role.CountDADFailure] != 2 || b.m.making != 0 {
		t.Errorf("counters %v", b.counts)
	}
}

// TestRetransmissionUsesWhatIsDetected: an address that was found free is not
// asked for again, one that is no longer wanted does not matter.
func TestRetransmissionUsesWhatIsDetected(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1, withL))
	b.dad(false)
	b.tick(100 * time.Millisecond)
	expect(t, "a retransmission", b.step(b.bu(2, withL)))
	if b.counts[role.CountRetransmission] != 1 {
		t.Errorf("counters %v", b.counts)
	}
	b.tick(100 * time.Millisecond)
	expect(t, "without L nothing is left to wait for", b.step(b.bu(3)), setA)
	expect(t, "whoever has that", b.step(role.DADDone{Ifindex: link, Addr: hoaLL, Duplicate: true}))
	expect(t, "in force", b.done(nil), "ba 0 seq 3 lifetime 6m40s", adv1)
}

func TestDetectionThatCannotRunIsCounted(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1))
	b.step(role.DADDone{Ifindex: link, Addr: hoa, Err: errors.New("network is down")})
	if b.counts[role.CountRefused] != 1 || b.m.making != 0 {
		t.Errorf("counters %v, %d in the making", b.counts, b.m.making)
	}
	b.tick(time.Second)
	expect(t, "the next one asks anew", b.step(b.bu(2)), dad1)
}

func TestDetectionOfAnotherLinkIsNotOurs(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1))
	expect(t, "another link", b.step(role.DADDone{Ifindex: link + 1, Addr: hoa}))
	expect(t, "another address", b.step(role.DADDone{Ifindex: link, Addr: netip.MustParseAddr("2001:db8:1::5")}))
	expect(t, "ours", b.dad(false), setA)
}
