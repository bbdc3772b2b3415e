package ha

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var errNoBuffer = errors.New("no buffer space available")

// TestRefusedRequestMayBeHalfDone: after one, no refresh is acknowledged before
// the kernel was asked again.
func TestRefusedRequestMayBeHalfDone(t *testing.T) {
	b := bound(t, params())
	b.step(b.bu(2, from(coaB)))
	expect(t, "refused: back to what was", b.done(errNoBuffer), setA, "ba 130 seq 2 lifetime 0s")
	b.tick(100 * time.Millisecond)
	expect(t, "a refresh of that", b.step(b.bu(3)), setA)
	expect(t, "the way back has an end", b.done(nil))
	expect(t, "and the refresh", b.done(nil), "ba 0 seq 3 lifetime 6m40s")
	b.tick(time.Second)
	expect(t, "now the kernel is sure", b.step(b.bu(4)), "ba 0 seq 4 lifetime 6m40s")
}

func TestWayBackIsTriedUntilTheKernelTakesIt(t *testing.T) {
	b := bound(t, params())
	b.step(b.bu(2, from(coaB)))
	b.done(errNoBuffer)
	expect(t, "refused again", b.done(errNoBuffer))
	expect(t, "too early", b.tick(mendDelay-time.Millisecond))
	expect(t, "again", b.tick(time.Millisecond), setA)
	b.done(nil)
	expect(t, "no more", b.tick(10*mendDelay))
	if got := b.m.Bindings()[0]; got.CareOf != coaA || got.Sequence != 1 {
		t.Errorf("bound at %s by %d", got.CareOf, got.Sequence)
	}
}

func TestFirstBindingThatTheKernelRefusesLeavesNothing(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1))
	b.dad(false)
	expect(t, "refused", b.done(errNoBuffer), clear1, "ba 130 seq 1 lifetime 0s")
	b.done(errNoBuffer)
	expect(t, "cleared until it is", b.tick(mendDelay), clear1)
	b.done(nil)
	b.tick(maxDeleteTimeout)
	if len(b.m.Bindings())+len(b.m.asked)+b.m.making != 0 || !b.m.Deadline().IsZero() {
		t.Errorf("bindings %v, deadline %v", b.m.Bindings(), b.m.Deadline())
	}
}

// TestWhatIsRightIsNotSetAgain: a refresh that came between has set it right.
func TestWhatIsRightIsNotSetAgain(t *testing.T) {
	b := bound(t, params())
	b.step(b.bu(2, from(coaB)))
	b.done(errNoBuffer)
	b.done(errNoBuffer) // the way back
	b.tick(100 * time.Millisecond)
	b.step(b.bu(3))
	b.done(nil)
	expect(t, "nothing to do", b.tick(2*mendDelay))
}

// TestKernelIsAskedOnceAtATime, although it has refused twice.
func TestKernelIsAskedOnceAtATime(t *testing.T) {
	b := bound(t, params())
	b.step(b.bu(2, from(coaB)))
	b.done(errNoBuffer)
	b.done(errNoBuffer) // the way back
	b.tick(mendDelay / 2)
	b.step(b.bu(3, from(coaB)))
	expect(t, "refused once more", b.done(errNoBuffer), setA, "ba 130 seq 3 lifetime 0s")
	expect(t, "its way back has no answer yet", b.tick(mendDelay/2))
}

// TestNothingIsForgottenThatTheKernelMayStillHave: however long it refuses.
func TestNothingIsForgottenThatTheKernelMayStillHave(t *testing.T) {
	p := params()
	p.MobileNodes[0].Auth.Replay = ReplayNone
	b := bound(t, p)
	b.tick(400 * time.Second)
	for range 3 * int(maxDeleteTimeout/mendDelay) {
		b.done(errNoBuffer)
		expect(t, "again", b.tick(mendDelay), clear1)
	}
	b.done(nil)
	if want := b.now.Add(maxDeleteTimeout); !b.m.Deadline().Equal(want) {
		t.Errorf("forgotten at %v, want %v: the guard begins with the end", b.m.Deadline(), want)
	}
	b.tick(maxDeleteTimeout)
	if len(b.m.nodes) != 0 {
		t.Error("never forgotten")
	}
}

// TestRefusedNodeIsNotForgotten: as above, of a binding that never was.
func TestRefusedNodeIsNotForgotten(t *testing.T) {
	p := params()
	p.MobileNodes[0].Auth.Replay = ReplayNone
	b := newBed(t, p)
	b.step(b.bu(1))
	b.dad(false)
	b.done(errNoBuffer)
	for range 3 * int(maxDeleteTimeout/mendDelay) {
		b.done(errNoBuffer)
		b.tick(mendDelay)
	}
	if len(b.m.nodes) != 1 {
		t.Errorf("%d nodes", len(b.m.nodes))
	}
	b.done(nil)
	b.tick(maxDeleteTimeout)
	if len(b.m.nodes) != 0 {
		t.Error("never forgotten")
	}
}

// TestEndDuringDetectionIsAcknowledgedWhenTheKernelIsFree of an expired binding.
func TestEndDuringDetectionIsAcknowledgedWhenTheKernelIsFree(t *testing.T) {
	b := bound(t, params())
	b.tick(400 * time.Second)
	b.done(errNoBuffer)
	b.step(b.bu(2))
	b.now = b.now.Add(100 * time.Millisecond)
	expect(t, "never mind", b.step(b.bu(3, deregister)), clear1)
	expect(t, "free", b.done(nil), "ba 0 seq 3 lifetime 0s")
	expect(t, "for good", b.tick(2*mendDelay))
}

// TestAnotherHomeAgentAddressIsAnotherTunnel: a refresh by it asks the kernel.
func TestAnotherHomeAgentAddressIsAnotherTunnel(t *testing.T) {
	p := params()
	other := netip.MustParseAddr("2001:db8:1::2")
	p.Links = append(p.Links, Link{Ifindex: link, Address: other})
	b := bound(t, p)
	ev := b.bu(2)
	ev.Dst = other
	mh.SetChecksum(ev.Raw, hoa, other)
	expect(t, "by another of our addresses", b.step(ev), setA)
	b.done(nil)
	if a := b.lastAck(); a.Src != other || b.m.Bindings()[0].HomeAgent != other {
		t.Errorf("answered from %s, bound to %s", a.Src, b.m.Bindings()[0].HomeAgent)
	}
}

// TestExpiredBindingIsGoneAlthoughTheKernelRefuses: one notice, no refresh, and
// detection before it comes back.
func TestExpiredBindingIsGoneAlthoughTheKernelRefuses(t *testing.T) {
	b := bound(t, params())
	b.tick(400 * time.Second)
	b.done(errNoBuffer)
	if len(b.m.Bindings()) != 0 {
		t.Error("it is listed")
	}
	if kinds := b.notices(role.Tick{}); len(kinds) != 0 {
		t.Errorf("told again: %v", kinds)
	}
	expect(t, "a new registration", b.step(b.bu(2)), dad1)
	expect(t, "meanwhile the kernel is asked again", b.tick(mendDelay), clear1)
	b.done(nil)
	expect(t, "detected", b.dad(false), setA)
	expect(t, "in force", b.done(nil), "ba 0 seq 2 lifetime 6m40s", adv1)
}

// notices hands in an event and returns what people are told.
func (b *bed) notices(ev role.Event) (kinds []role.NoticeKind) {
	for _, e := range b.m.Step(b.now, ev) {
		if n, ok := e.(role.Notice); ok {
			kinds = append(kinds, n.Kind)
		}
	}
	return kinds
}

func TestDeregistrationThatTheKernelRefuses(t *testing.T) {
	b := bound(t, params())
	b.step(b.bu(2, deregister))
	expect(t, "refused: everything as it was", b.done(errNoBuffer), setA, "ba 130 seq 2 lifetime 0s")
	b.done(nil)
	if len(b.m.Bindings()) != 1 {
		t.Error("the binding is gone")
	}
	b.tick(time.Second)
	expect(t, "once more", b.step(b.bu(3, deregister)), clear1)
	expect(t, "cleared", b.done(nil), "ba 0 seq 3 lifetime 0s")
}

// TestBindingExpiresWhileTheKernelIsAsked: the answer decides.
func TestBindingExpiresWhileTheKernelIsAsked(t *testing.T) {
	for _, c := range []struct {
		name string
		req  []func(*update)
		err  error
		want []string
		left int
	}{
		{"a move in time", []func(*update){from(coaB)}, nil, []string{"ba 0 seq 2 lifetime 6m40s"}, 1},
		{"a move refused", []func(*update){from(coaB)}, errNoBuffer, []string{clear1, "ba 130 seq 2 lifetime 0s"}, 0},
		{"an end", []func(*update){deregister}, nil, []string{"ba 0 seq 2 lifetime 0s"}, 0},
		{"an end refused", []func(*update){deregister}, errNoBuffer, []string{clear1, "ba 130 seq 2 lifetime 0s"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bound(t, params())
			b.tick(399*time.Second - time.Millisecond)
			b.step(b.bu(2, c.req...))
			expect(t, "expires", b.tick(time.Second))
			expect(t, "the kernel's answer", b.done(c.err), c.want...)
			if n := len(b.m.Bindings()); n != c.left {
				t.Errorf("%d bindings, want %d", n, c.left)
			}
		})
	}
}

// TestExpiryWhileTheKernelIsAskedIsTold, when it turns out to be one.
func TestExpiryWhileTheKernelIsAskedIsTold(t *testing.T) {
	b := bound(t, params())
	b.tick(399*time.Second - time.Millisecond)
	b.step(b.bu(2, from(coaB)))
	b.tick(time.Second)
	got := b.notices(role.Done{ID: b.asked[0], Err: errNoBuffer})
	if len(got) != 2 || got[0] != role.NoticeBindingExpired || got[1] != role.NoticeBindingRefused {
		t.Errorf("told %v", got)
	}
}

// TestBindingExpiresDuringDetection of its link-local address: then the home
// address is nobody's, and is detected for as well.
func TestBindingExpiresDuringDetection(t *testing.T) {
	b := bound(t, params())
	b.tick(399*time.Second - time.Millisecond)
	expect(t, "L is new", b.step(b.bu(2, withL)), "dad fe80::100")
	expect(t, "expires", b.tick(time.Second), clear1, dad1)
	if b.m.making != 1 {
		t.Errorf("%d in the making", b.m.making)
	}
	b.done(nil)
	expect(t, "one of two", b.step(role.DADDone{Ifindex: link, Addr: hoaLL}))
	expect(t, "both", b.dad(false), setA)
	expect(t, "in force", b.done(nil), "ba 0 seq 2 lifetime 6m40s", adv1, "advertise fe80::100 router=false")
}

func withL(u *update) { u.bu.LinkLocal = true }

// TestRFC6275_10_4_1_NewAddressOfABindingIsAdvertised: L set later.
//
// Requirements: 6275-10.4.1-3
func TestRFC6275_10_4_1_NewAddressOfABindingIsAdvertised(t *testing.T) {
	b := bound(t, params())
	expect(t, "L is new", b.step(b.bu(2, withL)), "dad fe80::100")
	expect(t, "nobody has it", b.step(role.DADDone{Ifindex: link, Addr: hoaLL}), setA)
	expect(t, "only that one", b.done(nil), "ba 0 seq 2 lifetime 6m40s", "advertise fe80::100 router=false")
	b.tick(time.Second)
	expect(t, "a move needs none", b.step(b.bu(3, withL, from(coaB))), setB)
	expect(t, "in force", b.done(nil), "ba 0 seq 3 lifetime 6m40s")
	b.tick(time.Second)
	expect(t, "without L", b.step(b.bu(4, from(coaB))), setB)
	expect(t, "not defended any more", b.done(nil), "ba 0 seq 4 lifetime 6m40s")
	if b.m.Bindings()[0].LinkLocal.IsValid() {
		t.Error("the link-local address is still defended")
	}
}

func TestAdvertisedAgainWhenItBecomesARouter(t *testing.T) {
	b := bound(t, params())
	p := params()
	p.MobileNodes[0].Router = true
	b.step(Reconfigured{Params: p})
	expect(t, "a refresh", b.step(b.bu(2)), setA)
	expect(t, "in force", b.done(nil), "ba 0 seq 2 lifetime 6m40s", "advertise 2001:db8:1::100 router=true")
}

// TestRFC6275_10_3_1_PrefixDiscoveryNecessary: status 1 where the home prefix is
// deprecated or will be during the lifetime, or ends with it; compared in units
// of four seconds.
//
// Requirements: 6275-10.3.1-16, 6275-10.3.1-18, 6275-10.3.1-19, 6275-10.3.1-20, 6275-10.3.2-3
func TestRFC6275_10_3_1_PrefixDiscoveryNecessary(t *testing.T) {
	const asked = 400 * time.Second
	for _, c := range []struct {
		name             string
		valid, preferred time.Duration
		deprecated       bool
		want             mh.Status
		lifetime         time.Duration
	}{
		{"without end", 0, 0, false, 0, asked},
		{"infinite", role.Infinite, role.Infinite, false, 0, asked},
		{"deprecated", 0, 0, true, 1, asked},
		{"deprecated before the end", 0, 399 * time.Second, false, 1, asked},
		{"preferred to the end", 0, asked, false, 0, asked},
		{"preferred to the end, in units", 0, asked + 3*time.Second, false, 0, asked},
		{"invalid at the end", asked, 0, false, 1, asked},
		{"invalid at the end, in units", asked + 3*time.Second, 0, false, 1, asked},
		{"valid one unit longer", asked + 4*time.Second, 0, false, 0, asked},
		{"invalid earlier", 100 * time.Second, 0, false, 1, 100 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := params()
			x := &p.Links[0].Prefixes[0]
			x.Valid, x.Preferred, x.Deprecated = c.valid, c.preferred, c.deprecated
			b := newBed(t, p)
			b.step(b.bu(1))
			b.dad(false)
			b.done(nil)
			if ba := b.lastAck().ba; ba.Status != c.want || ba.Lifetime != c.lifetime {
				t.Errorf("status %d, lifetime %v; want %d, %v", ba.Status, ba.Lifetime, c.want, c.lifetime)
			}
			b.tick(time.Second)
			b.step(b.bu(2, deregister))
			b.done(nil)
			if ba := b.lastAck().ba; ba.Status != 0 {
				t.Errorf("de-registered with status %d (§10.3.2: 0)", ba.Status)
			}
		})
	}
}

func TestPrefixThatIsAsGoodAsGone(t *testing.T) {
	p := params()
	p.Links[0].Prefixes[0].Valid = 3 * time.Second
	b := newBed(t, p)
	expect(t, "no lifetime to give", b.step(b.bu(1)), "ba 132 seq 1 lifetime 0s")
}

func TestRestoredBindingThatTheKernelRefusesIsTriedAgain(t *testing.T) {
	b := newBed(t, params())
	old := role.Binding{
		HomeAddress: hoa, CareOf: coaA, HomeAgent: local, Ifindex: 99, Lifetime: 400 * time.Second, Expires: t0.Add(time.Minute),
	}
	elsewhere := old
	elsewhere.HomeAgent = netip.MustParseAddr("2001:db8:1::2")
	expect(t, "an address that is not ours any more", b.step(restored(elsewhere)))
	expect(t, "restored", b.step(restored(old)), setA)
	if got := b.m.Bindings()[0].Ifindex; got != link {
		t.Errorf("on link %d, which was its number before a reboot", got)
	}
	b.done(errNoBuffer)
	expect(t, "again", b.tick(mendDelay), setA)
	b.done(nil)
	expect(t, "expires", b.tick(time.Minute), clear1)
}

// TestVirtualHomeLink: nobody to ask, nothing to defend (Ifindex 0).
func TestVirtualHomeLink(t *testing.T) {
	p := params()
	p.Links[0].Ifindex = 0
	b := newBed(t, p)
	expect(t, "no detection, not for the link-local address either", b.step(b.bu(1, withL)), setA)
	expect(t, "no advertisement", b.done(nil), "ba 0 seq 1 lifetime 6m40s")
	if got := b.m.Bindings()[0]; got.LinkLocal.IsValid() || got.Ifindex != 0 {
		t.Errorf("binding %+v", got)
	}
}
