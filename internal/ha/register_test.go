package ha

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

const (
	setA   = "set 2001:db8:1::100 at 2001:db8:f1::100"
	setB   = "set 2001:db8:1::100 at 2001:db8:f2::100"
	clear1 = "clear 2001:db8:1::100"
	dad1   = "dad 2001:db8:1::100"
	adv1   = "advertise 2001:db8:1::100 router=false"
)

// Requirements: 6275-6.1.8-6, 6275-8.4-1, 6275-8.4-7, 6275-10.1-1, 6275-10.3.1-7, 6275-10.3.1-8, 6275-10.3.1-11
// Requirements: 6275-10.3.1-13, 6275-10.3.1-24, 6275-10.3.1-25, 6275-10.3.1-29, 6275-10.4.1-2, 6275-10.4.1-3
func TestRFC6275_10_3_1_DetectionBeforeTheFirstAcceptance(t *testing.T) {
	b := newBed(t, params())
	expect(t, "first update", b.step(b.bu(1)), dad1)
	expect(t, "nobody has it", b.dad(false), setA)
	expect(t, "in force", b.done(nil), "ba 0 seq 1 lifetime 6m40s", adv1)
	b.tick(time.Second)
	expect(t, "a refresh needs no kernel", b.step(b.bu(2)), "ba 0 seq 2 lifetime 6m40s")
	b.tick(time.Second)
	expect(t, "a move needs no detection", b.step(b.bu(3, from(coaB))), setB)
	expect(t, "in force", b.done(nil), "ba 0 seq 3 lifetime 6m40s")
	if got := b.m.Bindings()[0]; !got.Created.Equal(t0) || got.Moves != 1 {
		t.Errorf("created %v, %d moves", got.Created, got.Moves)
	}
}

// Requirements: 6275-10.3.1-12
func TestRFC6275_10_3_1_DuplicateIsRefused(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1))
	expect(t, "another host has it", b.dad(true), "ba 134 seq 1 lifetime 0s")
	if len(b.m.Bindings()) != 0 {
		t.Error("there is a binding")
	}
	expect(t, "a late second answer", b.dad(false))
}

func TestDetectionThatFailedIsNoAcceptance(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1))
	expect(t, "no probe could be sent",
		b.step(role.DADDone{Ifindex: link, Addr: hoa, Err: errors.New("network is down")}), "ba 130 seq 1 lifetime 0s")
}

// Requirements: 6275-10.3.1-13, 6275-10.4.1-3
func TestRFC6275_10_4_1_LinkLocalAddressIsDefendedToo(t *testing.T) {
	b := newBed(t, params())
	expect(t, "with L", b.step(b.bu(1, func(u *update) { u.bu.LinkLocal = true })), dad1, "dad fe80::100")
	expect(t, "one of two", b.dad(false))
	expect(t, "both", b.step(role.DADDone{Ifindex: link, Addr: hoaLL}), setA)
	expect(t, "in force", b.done(nil), "ba 0 seq 1 lifetime 6m40s", adv1, "advertise fe80::100 router=false")
	if got := b.m.Bindings()[0].LinkLocal; got != hoaLL {
		t.Errorf("link-local address %s", got)
	}
}

func TestLinkLocalAddressAddedLater(t *testing.T) {
	b := bound(t, params())
	expect(t, "with L now", b.step(b.bu(2, func(u *update) { u.bu.LinkLocal = true })), "dad fe80::100")
	expect(t, "nobody has it", b.step(role.DADDone{Ifindex: link, Addr: hoaLL}), setA)
}

func TestVirtualHomeLinkNeedsNoDetection(t *testing.T) {
	p := params()
	p.Links[0].Ifindex = 0
	b := newBed(t, p)
	expect(t, "first update", b.step(b.bu(1)), setA)
	expect(t, "in force", b.done(nil), "ba 0 seq 1 lifetime 6m40s")
}

// TestFailedRequestBecomes130 : what could not be brought into force is undone
// and said.
//
// Requirements: 6275-9.5.4-5, 6275-10.3.1-5
func TestFailedRequestBecomes130(t *testing.T) {
	full := errors.New("no buffer space available")
	b := newBed(t, params())
	b.step(b.bu(1))
	b.dad(false)
	expect(t, "the first binding", b.done(full), clear1, "ba 130 seq 1 lifetime 0s")
	if len(b.m.Bindings()) != 0 {
		t.Error("there is a binding")
	}

	b = bound(t, params())
	b.step(b.bu(2, from(coaB)))
	expect(t, "a move", b.done(full), setA, "ba 130 seq 2 lifetime 0s")
	if got := b.m.Bindings()[0].CareOf; got != coaA {
		t.Errorf("bound at %s", got)
	}

	b = bound(t, params())
	b.step(b.bu(2, deregister))
	expect(t, "a de-registration", b.done(full), setA, "ba 130 seq 2 lifetime 0s")
	if len(b.m.Bindings()) != 1 {
		t.Error("the binding is gone")
	}
}

// Requirements: 6275-6.1.7-9, 6275-10.3.2-2, 6275-10.3.2-3, 6275-10.3.2-5, 6275-10.3.2-6, 6275-10.3.2-9
func TestRFC6275_10_3_2_DeregistrationAway(t *testing.T) {
	b := bound(t, params())
	expect(t, "asked", b.step(b.bu(2, deregister)), clear1)
	expect(t, "done", b.done(nil), "ba 0 seq 2 lifetime 0s")
	if a := b.lastAck(); a.Dst != coaA || a.RoutingHome != hoa {
		t.Errorf("sent to %s by %s", a.Dst, a.RoutingHome)
	}
	if len(b.m.Bindings()) != 0 {
		t.Error("the binding is there")
	}
}

// Requirements: 6275-9.5.4-11, 6275-10.3.2-2
func TestRFC6275_10_3_2_DeregistrationFromHomeIsAnsweredDirectly(t *testing.T) {
	b := bound(t, params())
	b.step(b.bu(2, atHome))
	expect(t, "done", b.done(nil), "ba 0 seq 2 lifetime 0s")
	if a := b.lastAck(); a.Dst != hoa || a.RoutingHome.IsValid() {
		t.Errorf("sent to %s by %s", a.Dst, a.RoutingHome)
	}
}

// Requirements: 6275-10.3.2-1
func TestRFC6275_10_3_2_NothingToDeregister(t *testing.T) {
	b := newBed(t, params())
	expect(t, "no binding", b.step(b.bu(1, deregister)), "ba 133 seq 1 lifetime 0s")
}

// TestRFC6275_9_5_4_AnswerGoesToThePacketsSource, not to the alternate care-of
// address.
//
// Requirements: 6275-6.2.5-1, 6275-9.5.1-16, 6275-9.5.1-17, 6275-9.5.4-9, 6275-9.5.4-10, 6275-10.3.1-32
func TestRFC6275_9_5_4_AnswerGoesToThePacketsSource(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1, func(u *update) { u.alternate = coaB }))
	expect(t, "bound at the alternate one", b.dad(false), setB)
	b.done(nil)
	if a := b.lastAck(); a.Dst != coaA || a.RoutingHome != hoa || a.Src != local {
		t.Errorf("%s → %s by %s", a.Src, a.Dst, a.RoutingHome)
	}
}

// TestRFC6275_10_3_1_AnswersWithoutTheAFlag: a home agent always does.
//
// Requirements: 6275-10.3.1-17
func TestRFC6275_10_3_1_AnswersWithoutTheAFlag(t *testing.T) {
	b := bound(t, params())
	expect(t, "A clear", b.step(b.bu(2, func(u *update) { u.bu.Ack = false })), "ba 0 seq 2 lifetime 6m40s")
}

// Requirements: 6275-10.3.1-14, 6275-10.3.1-15, 6275-10.3.1-25, 6275-10.6.4-1
func TestRFC6275_10_3_1_LifetimeIsNeverMoreThanAskedConfiguredOrValid(t *testing.T) {
	for _, c := range []struct {
		name                     string
		asked, most, own, prefix time.Duration
		want                     time.Duration
	}{
		{"as asked", 400 * time.Second, time.Hour, 0, 0, 400 * time.Second},
		{"as configured", 2 * time.Hour, time.Hour, 0, 0, time.Hour},
		{"as configured for this one", 2 * time.Hour, time.Hour, time.Minute, 0, time.Minute},
		{"never nothing", 2 * time.Hour, time.Second, 0, 0, 4 * time.Second},
		{"nor for this one", 2 * time.Hour, time.Hour, time.Second, 0, 4 * time.Second},
		{"as long as the prefix", 2 * time.Hour, time.Hour, 0, 1001 * time.Second, 1000 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := params()
			p.MaxLifetime, p.MobileNodes[0].MaxLifetime = c.most, c.own
			if c.prefix != 0 {
				p.Links[0].Prefixes[0].Valid = c.prefix
			}
			b := newBed(t, p)
			b.step(b.bu(1, func(u *update) { u.bu.Lifetime = c.asked }))
			b.dad(false)
			b.done(nil)
			if got := b.lastAck().ba.Lifetime; got != c.want {
				t.Errorf("granted %v, want %v", got, c.want)
			}
		})
	}
}

// Requirements: 6275-6.2.4-3, 6275-10.3.1-27
func TestRefreshAdvice(t *testing.T) {
	p := params()
	p.RefreshAdvice = 100 * time.Second
	b := bound(t, p)
	if o, ok := mh.Find[mh.BindingRefreshAdvice](b.lastAck().ba.Options); !ok || o.Interval != 100*time.Second {
		t.Errorf("advice %v %v", o, ok)
	}
	b.step(b.bu(2, func(u *update) { u.bu.Lifetime = 100 * time.Second }))
	if _, ok := mh.Find[mh.BindingRefreshAdvice](b.lastAck().ba.Options); ok {
		t.Error("advice that is not shorter than the lifetime (RFC 6275 §6.2.4)")
	}
}

// Requirements: 6275-6.1.7-8, 6275-6.1.8-4
func TestBindingExpires(t *testing.T) {
	b := bound(t, params())
	at := b.m.Deadline()
	if want := t0.Add(400 * time.Second); !at.Equal(want) {
		t.Fatalf("expires at %v, want %v", at, want)
	}
	expect(t, "a moment before", b.tick(at.Sub(b.now)-time.Millisecond))
	expect(t, "expired", b.tick(time.Millisecond), clear1)
	if len(b.m.Bindings()) != 0 {
		t.Error("the binding is there")
	}
	expect(t, "the kernel has cleared it", b.done(nil))
}

// TestExpiredBindingIsClearedUntilTheKernelDoesIt: an address must not go on
// being served because one request failed.
func TestExpiredBindingIsClearedUntilTheKernelDoesIt(t *testing.T) {
	b := bound(t, params())
	b.tick(400 * time.Second)
	b.done(errors.New("no buffer space available"))
	if b.m.Deadline().IsZero() {
		t.Fatal("nothing is planned")
	}
	expect(t, "again", b.tick(b.m.Deadline().Sub(b.now)), clear1)
}

// TestLatestRequestWins: while one is in work, others are accepted or not, and
// nothing is acknowledged that is not in force.
func TestLatestRequestWins(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1))
	b.tick(100 * time.Millisecond)
	expect(t, "a retransmission during detection", b.step(b.bu(2)))
	b.tick(100 * time.Millisecond)
	expect(t, "a move during detection", b.step(b.bu(3, from(coaB))))
	expect(t, "detection ends", b.dad(false), setB)
	b.tick(100 * time.Millisecond)
	expect(t, "a move back while the kernel works", b.step(b.bu(4)))
	expect(t, "the kernel has the first", b.done(nil), "ba 0 seq 3 lifetime 6m40s", adv1, setA)
	expect(t, "and the second", b.done(nil), "ba 0 seq 4 lifetime 6m40s")
	if got := b.m.Bindings()[0]; got.CareOf != coaA || got.Sequence != 4 {
		t.Errorf("bound at %s by %d", got.CareOf, got.Sequence)
	}
}

func TestDeregistrationDuringDetection(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1))
	b.tick(100 * time.Millisecond)
	expect(t, "never mind", b.step(b.bu(2, deregister)), "ba 0 seq 2 lifetime 0s")
	expect(t, "the detection's late end", b.dad(false))
	if len(b.m.Bindings()) != 0 {
		t.Error("there is a binding")
	}
}

func TestRestoredBindingsComeBackWithoutDetection(t *testing.T) {
	p := params()
	p.MobileNodes = append(p.MobileNodes, MobileNode{
		HomeAddress: netip.MustParseAddr("2001:db8:1::101"), Auth: &Auth{SPI: 256, Key: key},
	})
	b := newBed(t, p)
	old := role.Binding{
		HomeAddress: hoa, CareOf: coaA, HomeAgent: local, Ifindex: link, Sequence: 7, Lifetime: 400 * time.Second,
		Expires: t0.Add(time.Minute), ReplayStamp: toNTP(t0.Add(-time.Second)),
	}
	expired, foreign := old, old
	expired.HomeAddress, expired.Expires = netip.MustParseAddr("2001:db8:1::101"), t0
	foreign.HomeAddress = netip.MustParseAddr("2001:db8:9::1")
	expect(t, "restored", b.step(restored(old, expired, foreign)), setA)
	expect(t, "the kernel has it", b.done(nil))
	if len(b.m.Bindings()) != 1 {
		t.Errorf("%d bindings", len(b.m.Bindings()))
	}
	expect(t, "what was acknowledged before is a replay",
		b.step(b.bu(7, func(u *update) { u.stamp = t0.Add(-time.Second) })), "ba 144 seq 7 lifetime 0s")
	expect(t, "a refresh", b.step(b.bu(8)), "ba 0 seq 8 lifetime 6m40s")
}

func TestRouterFlagIsAdvertised(t *testing.T) {
	p := params()
	p.MobileNodes[0].Router = true
	b := newBed(t, p)
	b.step(b.bu(1))
	b.dad(false)
	expect(t, "in force", b.done(nil), "ba 0 seq 1 lifetime 6m40s", "advertise 2001:db8:1::100 router=true")
}
