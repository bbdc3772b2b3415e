package mn

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

func wantTypes(t *testing.T, what string, got []mh.Type, want ...mh.Type) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: sent %v, want %v", what, got, want)
	}
}

// Requirements: 6275-6.1-2, 6275-8.5-9, 6275-11.6.1-1, 6275-11.6.1-2, 6275-11.6.1-4
func TestRFC6275_11_6_1_TestInitsInParallel(t *testing.T) {
	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN, Inbound: true})
	sends, messages := b.sentTo(cn)
	wantTypes(t, "traffic", b.types(), mh.TypeCareOfTestInit, mh.TypeHomeTestInit)
	if sends[0].Src != coaA || sends[1].Src != hoa.Addr() {
		t.Errorf("from %s and %s", sends[0].Src, sends[1].Src)
	}
	for i, s := range sends {
		if s.HomeAddress.IsValid() || s.RoutingHome.IsValid() || !mh.ChecksumOK(s.Raw, s.Src, cn) {
			t.Errorf("message %d: %+v", i, s)
		}
	}
	if messages[0].(*mh.CareOfTestInit).Cookie == messages[1].(*mh.HomeTestInit).Cookie {
		t.Error("both have the same cookie")
	}
	if v := b.view(); v.State != "testing" || v.HomeToken >= 0 {
		t.Errorf("%+v", v)
	}
}

// Requirements: 6275-11.6.2-1, 6275-11.6.2-2, 6275-11.6.2-4, 6275-11.6.2-5, 6275-11.6.2-6, 6275-11.6.2-8
// Requirements: 6275-11.6.2-10, 6275-11.6.2-11, 6275-11.6.2-12
func TestRFC6275_11_6_2_TestsThatAreIgnored(t *testing.T) {
	for name, spoil := range map[string]func(hot, cot *role.MessageIn){
		"Home Test outside the tunnel":          func(h, _ *role.MessageIn) { h.Tunnelled = false },
		"Home Test from another node":           func(h, _ *role.MessageIn) { h.Src = cn2; mh.SetChecksum(h.Raw, cn2, hoa.Addr()) },
		"Home Test with another cookie":         func(h, _ *role.MessageIn) { h.Raw[9] ^= 1; mh.SetChecksum(h.Raw, cn, hoa.Addr()) },
		"Home Test with a routing header":       func(h, _ *role.MessageIn) { h.RoutingHome, h.Dst = hoa.Addr(), coaA },
		"Care-of Test with another cookie":      func(_, c *role.MessageIn) { c.Raw[9] ^= 1; mh.SetChecksum(c.Raw, cn, coaA) },
		"Care-of Test to another address":       func(_, c *role.MessageIn) { c.Dst = coaB; mh.SetChecksum(c.Raw, cn, coaB) },
		"Care-of Test from another node":        func(_, c *role.MessageIn) { c.Src = cn2; mh.SetChecksum(c.Raw, cn2, coaA) },
		"Care-of Test through the tunnel":       func(_, c *role.MessageIn) { c.Tunnelled = true },
		"Care-of Test with Home Address option": func(_, c *role.MessageIn) { c.HomeAddress = cn2; mh.SetChecksum(c.Raw, cn2, coaA) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newROBed(t)
			b.step(role.PeerSeen{Pair: toCN})
			answers := b.answers()
			c, h := answers[0].(role.MessageIn), answers[1].(role.MessageIn)
			spoil(&h, &c)
			b.step(h, c)
			if len(b.types()) != 0 || b.counts[role.CountBadTest] != 1 {
				t.Errorf("sent %v, counted %v", b.types(), b.counts)
			}
		})
	}
}

// Requirements: 6275-11.6.2-3
func TestRFC6275_11_6_2_ASecondHomeTestIsIgnored(t *testing.T) {
	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN})
	h := b.answers()[1].(role.MessageIn)
	b.step(h)
	other := role.MessageIn{Src: h.Src, Dst: h.Dst, Tunnelled: true, Raw: bytes.Clone(h.Raw)}
	other.Raw[20] ^= 1
	mh.SetChecksum(other.Raw, cn, hoa.Addr())
	b.step(other)
	if b.counts[role.CountBadTest] != 1 {
		t.Error("it is taken")
	}
}

// Requirements: 6275-6.1.7-3, 6275-6.2-1, 6275-6.2.6-1, 6275-6.2.7-1, 6275-6.2.7-4, 6275-8.5-10, 6275-11.3.1-7
// Requirements: 6275-11.6.2-7, 6275-11.6.2-13, 6275-11.6.2-14, 6275-11.7.2-4, 6275-11.7.2-8, 6275-11.7.2-9
// Requirements: 6275-11.7.2-10
func TestRFC6275_11_7_2_CorrespondentRegistration(t *testing.T) {
	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN})
	b.step(b.answers()...)
	s, bu := b.update()
	if s.Src != coaA || s.HomeAddress != hoa.Addr() || s.Dst != cn {
		t.Errorf("sent %+v", s)
	}
	if !bu.Ack || bu.Home || bu.KeyMgmt || bu.LinkLocal || bu.Lifetime != 400*time.Second {
		t.Errorf("Binding Update %+v", bu)
	}
	n, _ := mh.Find[mh.NonceIndices](bu.Options)
	if n.Home != cnNonce.Index || n.CareOf != cnNonce.Index {
		t.Errorf("nonce indices %+v", n)
	}
	key := kbm(s, bu)
	a, _ := mh.Find[mh.BindingAuthorizationData](bu.Options)
	if a.Authenticator != rr.Authenticator(key[:], coaA, cn, mh.Covered(s.Raw, mh.OptionBindingAuthorizationData, 0)) {
		t.Error("the authenticator is wrong")
	}
	if set, _ := b.directs(); len(set) != 0 {
		t.Error("the direct path is used before the correspondent has answered")
	}
	b.step(b.answers()...)
	set, _ := b.directs()
	want := role.Direct{Pair: toCN, Side: role.Ours, CareOf: coaA, Lifetime: 400 * time.Second}
	if len(set) != 1 || set[0].Direct != want {
		t.Errorf("direct path %+v", set)
	}
}

// Requirements: 6275-5.2.6-1
func TestRFC6275_5_2_6_NoLongerThanMaxRRBindingLifetime(t *testing.T) {
	b := newROBed(t, func(p *Params) { p.Homes[0].Lifetime = time.Hour })
	b.step(role.PeerSeen{Pair: toCN})
	b.step(b.answers()...)
	if _, bu := b.update(); bu.Lifetime != 420*time.Second {
		t.Errorf("lifetime %v", bu.Lifetime)
	}
}

// Requirements: 6275-11.4.2-5, 6275-11.7.2-5
func TestRFC6275_11_7_2_NotLongerThanTheHomeRegistration(t *testing.T) {
	b := newROBed(t)
	b.wait(100 * time.Second)
	b.step(role.PeerSeen{Pair: toCN})
	b.step(b.answers()...)
	if _, bu := b.update(); bu.Lifetime != 300*time.Second {
		t.Errorf("lifetime %v", bu.Lifetime)
	}
}

// A handover costs one Care-of Test, at once, and a Binding Update as soon as
// the home agent has agreed.
//
// Requirements: 6275-11.3.1-7, 6275-11.7.2-1, 6275-11.7.2-14
func TestRFC6275_5_2_7_HandoverKeepsTheHomeToken(t *testing.T) {
	b := newROBed(t)
	b.optimize()
	b.wait(10 * time.Second)
	b.step(down(eth))
	if _, cleared := b.directs(); cleared != 1 {
		t.Error("the direct path outlives the link")
	}
	b.step(up(eth))
	b.step(ra(eth, routerB, netB))
	wantTypes(t, "new care-of address", b.types(), mh.TypeCareOfTestInit)
	tested := b.answers()
	b.step(tested...)
	wantTypes(t, "care-of test passed", b.types())
	b.ack(mh.StatusAccepted)
	s, bu := b.update()
	if s.Src != coaB || bu.Lifetime == 0 {
		t.Errorf("%+v", s)
	}
	b.step(b.answers()...)
	if set, _ := b.directs(); len(set) != 1 || set[0].Direct.CareOf != coaB {
		t.Errorf("direct path %+v", set)
	}
}

// Requirements: 6275-5.2.7-3, 6275-11.6.1-3
func TestRFC6275_11_6_1_HomeTestWaitsForTheHomeAgent(t *testing.T) {
	b := newROBed(t)
	b.optimize()
	b.wait(205 * time.Second) // nobody uses it: the home token grows old
	b.move()
	wantTypes(t, "before the acknowledgement", b.types(), mh.TypeCareOfTestInit)
	b.step(b.answers()...)
	b.ack(mh.StatusAccepted)
	wantTypes(t, "after it", b.types(), mh.TypeHomeTestInit)
	b.step(b.answers()...)
	wantTypes(t, "home test passed", b.types(), mh.TypeBindingUpdate)
}

func TestRFC6275_5_2_7_TokensAreRenewedWhileInUse(t *testing.T) {
	b := newROBed(t)
	b.optimize()
	b.use(199 * time.Second)
	if got := b.view(); got.State != "direct" {
		t.Fatalf("%+v", got)
	}
	b.use(2 * time.Second)
	b.converse()
	v := b.view()
	if v.State != "direct" || v.HomeToken > 5*time.Second || v.Remaining < 190*time.Second {
		t.Errorf("after 201 s: %+v", v)
	}
}

func TestIdlePeersAreDropped(t *testing.T) {
	b := newROBed(t)
	b.optimize()
	b.wait(399 * time.Second)
	wantTypes(t, "idle", b.types())
	b.wait(2 * time.Second)
	if _, cleared := b.directs(); cleared != 1 {
		t.Error("the path outlives the binding")
	}
	if views := b.m.Peers(b.now); len(views) != 0 {
		t.Errorf("still there: %+v", views)
	}
}

// Requirements: 6275-11.7.3-2, 6275-11.7.3-10, 6275-11.7.3-12
func TestRFC6275_11_7_3_Acknowledgements(t *testing.T) {
	for _, c := range []struct {
		name   string
		status mh.Status
		forged bool
		want   string // state
		sent   []mh.Type
	}{
		{"accepted", 0, false, "direct", nil},
		{"accepted without authenticator", 0, true, "registering", nil},
		{"sequence", 135, false, "registering", []mh.Type{mh.TypeBindingUpdate}},
		{"sequence without authenticator", 135, true, "registering", nil},
		{"home nonce", 136, true, "testing", []mh.Type{mh.TypeHomeTestInit}},
		{"care-of nonce", 137, true, "testing", []mh.Type{mh.TypeCareOfTestInit}},
		{"both nonces", 138, true, "testing", []mh.Type{mh.TypeCareOfTestInit, mh.TypeHomeTestInit}},
		{"prohibited", 129, false, "barred", nil},
		{"prohibited without authenticator", 129, true, "registering", nil},
		{"resources", 130, false, "barred", nil},
		{"type change", 139, false, "barred", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newROBed(t)
			b.step(role.PeerSeen{Pair: toCN})
			b.step(b.answers()...)
			s, bu := b.update()
			answer := peerBA(t, s, bu, c.status)
			if c.forged {
				answer = unauthenticBA(t, s, bu, c.status)
			}
			b.wait(time.Second / 2)
			b.step(answer)
			wantTypes(t, "after it", b.types(), c.sent...)
			if v := b.view(); v.State != c.want {
				t.Errorf("state %q, want %q", v.State, c.want)
			}
		})
	}
}

// Requirements: 6275-11.7.3-9
func TestRFC6275_11_7_3_SequenceNumberIsAdopted(t *testing.T) {
	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN})
	b.m.bul.Seed(b.m.peers[0].key(), 65499)
	b.step(b.answers()...)
	s, bu := b.update()
	b.step(peerBA(t, s, bu, mh.StatusSequenceOutOfWindow, sequenceOf(65535)))
	if _, bu := b.update(); bu.Sequence != 0 {
		t.Errorf("sequence number %d, want 0 after 65535", bu.Sequence)
	}
}

// An acknowledgement that was long on its way must not lead back to numbers
// that were used already.
//
// Requirements: 6275-11.7.2-11, 6275-11.7.2-13
func TestRFC6275_11_7_2_NoSequenceNumberTwice(t *testing.T) {
	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN})
	b.step(b.answers()...)
	s, bu := b.update()
	b.wait(2 * time.Second)
	b.step(peerBA(t, s, bu, mh.StatusSequenceOutOfWindow, sequenceOf(bu.Sequence-2)))
	if _, again := b.update(); again.Sequence != bu.Sequence+2 {
		t.Errorf("sequence number %d after %d and one more", again.Sequence, bu.Sequence)
	}
}

// Requirements: 6275-11.7.3-8
func TestRFC6275_11_7_3_ShorterLifetimeOfACorrespondent(t *testing.T) {
	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN})
	b.step(b.answers()...)
	s, bu := b.update()
	b.wait(time.Second / 2)
	b.step(peerBA(t, s, bu, 0, lifetimeOf(40*time.Second)))
	if v := b.view(); v.Remaining != 40*time.Second-time.Second/2 {
		t.Errorf("remaining %v", v.Remaining)
	}
}

// Requirements: 6275-11.7.3-13
func TestRFC6275_11_7_3_RefreshAdviceOfACorrespondentIsIgnored(t *testing.T) {
	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN})
	b.step(b.answers()...)
	s, bu := b.update()
	b.step(peerBA(t, s, bu, 0, withOption(mh.BindingRefreshAdvice{Interval: 20 * time.Second})))
	b.use(30 * time.Second)
	wantTypes(t, "after the advised time", b.types())
}

// Requirements: 6275-11.3.5-1, 6275-11.7.3-12
func TestABarredPeerIsLeftAloneUntilWeMove(t *testing.T) {
	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN})
	b.step(b.answers()...)
	s, bu := b.update()
	b.step(peerBA(t, s, bu, mh.StatusAdministrativelyProhibited))
	b.step(role.PeerSeen{Pair: toCN})
	b.wait(299 * time.Second)
	wantTypes(t, "barred", b.types())
	b.step(role.PeerSeen{Pair: toCN})
	b.wait(2 * time.Second)
	if got := b.types(); len(got) == 0 || got[0] != mh.TypeCareOfTestInit {
		t.Errorf("after 301 s: sent %v", got)
	}
}

// Requirements: 6275-8.5-5, 6275-11.3.6-1, 6275-11.3.6-3, 6275-11.3.6-4, 6275-11.3.6-5
func TestRFC6275_11_3_6_BindingErrorOfACorrespondent(t *testing.T) {
	t.Run("without an entry", func(t *testing.T) {
		b := newROBed(t)
		b.step(message(t, &mh.BindingError{Status: mh.ErrorUnknownBinding, HomeAddress: hoa.Addr()}, cn))
		if b.counts[role.CountUnsolicited] != 1 {
			t.Error("not ignored")
		}
	})
	t.Run("1", func(t *testing.T) {
		b := newROBed(t)
		b.optimize()
		b.wait(time.Minute)
		b.step(message(t, &mh.BindingError{Status: mh.ErrorUnknownBinding, HomeAddress: hoa.Addr()}, cn))
		if _, cleared := b.directs(); cleared != 1 {
			t.Error("packets still go directly")
		}
		wantTypes(t, "tokens of before are worth nothing", b.types(), mh.TypeCareOfTestInit, mh.TypeHomeTestInit)
		b.converse()
		if v := b.view(); v.State != "direct" {
			t.Errorf("%+v", v)
		}
		// Nothing protects the message: it can't be used to keep us busy.
		sent := 0
		for range 100 {
			b.step(message(t, &mh.BindingError{Status: mh.ErrorUnknownBinding, HomeAddress: hoa.Addr()}, cn))
			sent += len(b.types())
			b.wait(time.Millisecond)
		}
		if sent > 0 {
			t.Errorf("%d messages sent", sent)
		}
	})
	t.Run("2 while waiting", func(t *testing.T) {
		b := newROBed(t)
		b.step(role.PeerSeen{Pair: toCN})
		b.step(message(t, &mh.BindingError{Status: mh.ErrorUnknownType, HomeAddress: netip.IPv6Unspecified()}, cn))
		if v := b.view(); v.State != "barred" {
			t.Errorf("%+v", v)
		}
	})
	t.Run("2 with nothing outstanding", func(t *testing.T) {
		b := newROBed(t)
		b.optimize()
		b.step(message(t, &mh.BindingError{Status: mh.ErrorUnknownType, HomeAddress: hoa.Addr()}, cn))
		if v := b.view(); v.State != "direct" {
			t.Errorf("%+v", v)
		}
	})
}

// Requirements: 6275-8.5-6, 6275-11.3.5-1, 6275-11.3.5-2, 6275-11.6.2-15
func TestRFC6275_11_3_5_ICMPErrorsOfACorrespondent(t *testing.T) {
	quote := func(typ, code byte, src, dst netip.Addr, next byte) role.ICMPIn {
		raw := make([]byte, 8+40)
		raw[0], raw[1], raw[8], raw[14] = typ, code, 0x60, next
		s, d := src.As16(), dst.As16()
		copy(raw[16:], s[:])
		copy(raw[32:], d[:])
		return role.ICMPIn{Src: dst, Dst: src, Raw: raw}
	}
	for _, c := range []struct {
		name   string
		direct bool // there is a path already
		ev     role.ICMPIn
		want   string
	}{
		{"Home Test Init", false, quote(4, 1, hoa.Addr(), cn, 135), "barred"},
		{"Care-of Test Init", false, quote(4, 1, coaA, cn, 135), "barred"},
		{"no way to the care-of test", false, quote(1, 0, coaA, cn, 135), "barred"},
		{"no way on the direct path", true, quote(1, 3, coaA, cn, 60), "barred"},
		{"Home Address option", true, quote(4, 2, coaA, cn, 60), "barred"},
		{"data in the tunnel", true, quote(1, 4, hoa.Addr(), cn, 17), "direct"},
		{"another node", true, quote(1, 3, coaA, cn2, 60), "direct"},
		{"our own kernel's", true, func() role.ICMPIn {
			ev := quote(1, 3, coaA, cn, 60)
			ev.Src = ev.Dst
			return ev
		}(), "direct"},
		{"too big", true, quote(2, 0, coaA, cn, 60), "direct"},
		{"cut short", true, role.ICMPIn{Raw: []byte{1, 3, 0, 0, 0, 0, 0, 0, 0x60}}, "direct"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newROBed(t)
			b.step(role.PeerSeen{Pair: toCN})
			if c.direct {
				b.converse()
			}
			b.step(c.ev)
			if v := b.view(); v.State != c.want {
				t.Errorf("state %q, want %q", v.State, c.want)
			}
		})
	}
	t.Run("no entry is made", func(t *testing.T) {
		b := newROBed(t)
		b.step(quote(1, 3, coaA, cn, 60))
		if len(b.m.Peers(b.now)) != 0 {
			t.Error("there is a correspondent")
		}
	})
}

// Requirements: 6275-5.2.9-3, 6275-11.6.1-4, 6275-11.8-3, 6275-11.8-4, 6275-11.8-8
func TestRFC6275_11_8_TestInitsBackOff(t *testing.T) {
	b := newROBed(t, func(p *Params) { p.Optimization.IdleTimeout = time.Hour })
	b.step(role.PeerSeen{Pair: toCN})
	cookies := map[[8]byte]bool{}
	var at []time.Duration
	note := func() {
		_, messages := b.sentTo(cn)
		for _, m := range messages {
			if h, ok := m.(*mh.HomeTestInit); ok {
				if cookies[h.Cookie] {
					t.Error("a cookie is used twice")
				}
				cookies[h.Cookie] = true
				at = append(at, b.now.Sub(t0))
			}
		}
	}
	note()
	for range 2000 {
		b.wait(100 * time.Millisecond)
		note()
	}
	want := []time.Duration{0, 1, 3, 7, 15, 31, 63}
	if len(at) != len(want) {
		t.Fatalf("Home Test Inits at %v", at)
	}
	for i, w := range want {
		if d := at[i] - w*time.Second; d < 0 || d > 200*time.Millisecond {
			t.Errorf("Home Test Inits at %v, want %v s", at, want)
		}
	}
	if v := b.view(); v.State != "barred" {
		t.Errorf("%+v", v)
	}
}

// Requirements: 6275-5.2.9-2, 6275-12-1
func TestRFC6275_5_2_9_FallsBackAfterMaxROFailure(t *testing.T) {
	b := newROBed(t)
	b.optimize()
	b.use(199 * time.Second)
	cleared := func() int { _, n := b.directs(); return n }
	b.use(2 * time.Second) // the refresh begins, and nobody answers
	n := cleared()
	b.use(5 * time.Second)
	if n+cleared() != 0 {
		t.Error("gives up before the third test")
	}
	b.use(3 * time.Second)
	if cleared() != 1 {
		t.Error("goes on using the direct path after three tests without an answer")
	}
}

// Requirements: 6275-11.8-6
func TestRFC6275_11_8_NoMoreThanThreeUpdatesASecond(t *testing.T) {
	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN})
	b.step(b.answers()...)
	sent := 1
	for range 20 {
		sends, messages := b.sentTo(cn)
		for i, m := range messages {
			if bu, ok := m.(*mh.BindingUpdate); ok {
				b.step(peerBA(t, sends[i], bu, mh.StatusSequenceOutOfWindow, sequenceOf(bu.Sequence+100)))
				sent += len(b.types())
			}
		}
	}
	if sent > 3 {
		t.Errorf("%d Binding Updates in one moment", sent)
	}
}

// Requirements: 6275-8.5-12, 6275-11.7.4-1
func TestRFC6275_11_7_4_RefreshRequestOfACorrespondent(t *testing.T) {
	b := newROBed(t)
	b.optimize()
	b.wait(30 * time.Second)
	b.step(message(t, &mh.BindingRefreshRequest{}, cn))
	wantTypes(t, "with fresh tokens", b.types(), mh.TypeBindingUpdate)
	b.converse()
	b.step(message(t, &mh.BindingRefreshRequest{}, cn2))
	if len(b.types()) != 0 || b.counts[role.CountUnsolicited] == 0 {
		t.Error("answered although not in the Binding Update List")
	}
}

// A correspondent that is said to have forgotten us, by a message that nothing protects or by
// hand, may not have. Where we come home before there is a new binding, the old one is deleted.
func TestReturnHomeDeletesWhatMayBeThere(t *testing.T) {
	for name, ev := range map[string]func(*testing.T) role.Event{
		"flushed": func(*testing.T) role.Event { return FlushPeer{Peer: cn} },
		"Binding Error": func(t *testing.T) role.Event {
			return message(t, &mh.BindingError{Status: mh.ErrorUnknownBinding, HomeAddress: hoa.Addr()}, cn)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newROBed(t)
			b.optimize()
			b.wait(10 * time.Second)
			b.step(ev(t))
			b.step(down(eth))
			b.step(up(eth))
			b.step(homeRA(eth))
			b.ack(mh.StatusAccepted, lifetimeOf(0))
			_, messages := b.sentTo(cn)
			wantTypes(t, "at home", b.types(), mh.TypeHomeTestInit)
			b.step(hot(t, messages[0].(*mh.HomeTestInit).Cookie, false))
			if s, bu := b.update(); s.Src != hoa.Addr() || bu.Lifetime != 0 {
				t.Errorf("sent %+v %+v", s, bu)
			}
			b.step(b.answers()...)
			if all := b.m.Peers(b.now); len(all) != 0 {
				t.Errorf("not forgotten: %+v", all)
			}
		})
	}
}

// Away again at the same care-of address before the deletion's answer has come, nobody knows
// whether the correspondent has the binding: no direct path without a new one.
func TestUnansweredDeletionLeavesNoDirectPath(t *testing.T) {
	b := newROBed(t)
	b.optimize()
	b.step(down(eth))
	b.step(up(eth))
	b.step(homeRA(eth))
	b.ack(mh.StatusAccepted, lifetimeOf(0))
	if _, bu := b.update(); bu.Lifetime != 0 {
		t.Fatalf("sent %+v", bu)
	}
	b.step(down(eth))
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	early, _ := b.directs()
	b.ack(mh.StatusAccepted)
	if set, _ := b.directs(); len(early)+len(set) > 0 {
		t.Errorf("direct path %+v %+v", early, set)
	}
	b.converse()
	if v := b.view(); v.State != "direct" {
		t.Errorf("%+v", v)
	}
}

// A correspondent that passes the tests and never answers a Binding Update is given up, though
// it may have a binding: without traffic nothing begins anew.
func TestSilentCorrespondentIsGivenUp(t *testing.T) {
	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN})
	sent := 0
	for range 1200 {
		var tests []role.Event
		sends, messages := b.sentTo(cn)
		for i := range messages {
			if _, ok := messages[i].(*mh.BindingUpdate); ok {
				sent++
				continue
			}
			tests = append(tests, answerOf(t, sends[i], messages[i])...)
		}
		if len(tests) > 0 {
			b.step(tests...)
		} else {
			b.wait(time.Second)
		}
	}
	if sent != maxPeerUpdates {
		t.Errorf("%d Binding Updates, want %d", sent, maxPeerUpdates)
	}
	if all := b.m.Peers(b.now); len(all) > 0 {
		t.Errorf("not forgotten: %+v", all)
	}
}

// Requirements: 6275-5.2.7-3, 6275-6.2.7-2, 6275-11.7.2-6, 6275-11.7.2-7
func TestRFC6275_11_7_2_ReturnHomeDeletesTheBinding(t *testing.T) {
	for _, age := range []time.Duration{time.Second, 205 * time.Second} {
		b := newROBed(t)
		b.optimize()
		b.wait(age)
		b.step(down(eth))
		b.step(up(eth))
		b.step(homeRA(eth))
		wantTypes(t, "before the home agent has let go", b.types())
		b.ack(mh.StatusAccepted, lifetimeOf(0))
		if age > 200*time.Second {
			sends, _ := b.sentTo(cn)
			wantTypes(t, "the home token is old", b.types(), mh.TypeHomeTestInit)
			_, messages := b.sentTo(cn)
			if sends[0].Src != hoa.Addr() {
				t.Errorf("from %s", sends[0].Src)
			}
			b.step(hot(t, messages[0].(*mh.HomeTestInit).Cookie, false))
		}
		s, bu := b.update()
		n, _ := mh.Find[mh.NonceIndices](bu.Options)
		if s.Src != hoa.Addr() || s.HomeAddress.IsValid() || bu.Lifetime != 0 || n.CareOf != 0 || n.Home != cnNonce.Index {
			t.Errorf("sent %+v %+v %+v", s, bu, n)
		}
		key := rr.KbmDelete(cnNonce.HomeToken(hoa.Addr()))
		a, _ := mh.Find[mh.BindingAuthorizationData](bu.Options)
		if a.Authenticator != rr.Authenticator(key[:], hoa.Addr(), cn, mh.Covered(s.Raw, mh.OptionBindingAuthorizationData, 0)) {
			t.Error("the authenticator is wrong")
		}
		b.step(b.answers()...)
		if len(b.m.Peers(b.now)) != 0 {
			t.Errorf("%+v", b.m.Peers(b.now))
		}
	}
}

func TestWithWhomPathsAreOptimised(t *testing.T) {
	b := newROBed(t, func(p *Params) {
		p.Optimization.Policy = role.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("2001:db8:cc::/64")}}
		p.Optimization.MaxPeers = 2
	})
	see := func(a string) int {
		b.step(role.PeerSeen{Pair: role.Pair{Local: hoa.Addr(), Peer: netip.MustParseAddr(a)}})
		return len(b.m.Peers(b.now))
	}
	for _, a := range []string{"2001:db8:dd::1", "2001:db8:1::1", "fe80::1", "ff02::1", hoa.Addr().String()} {
		if see(a) != 0 {
			t.Errorf("%s is taken for a correspondent", a)
		}
	}
	b.step(role.PeerSeen{Pair: role.Pair{Local: coaA, Peer: cn}})
	if len(b.m.Peers(b.now)) != 0 {
		t.Error("for an address that is not a home address")
	}
	see("2001:db8:cc::1")
	b.wait(time.Second)
	see("2001:db8:cc::2")
	b.wait(time.Second)
	if see("2001:db8:cc::3") != 2 || b.m.Peers(b.now)[0].Peer != cn {
		t.Errorf("the one longest unused does not give way: %+v", b.m.Peers(b.now))
	}
}

func TestPeersThatHoldABindingDoNotGiveWay(t *testing.T) {
	b := newROBed(t, func(p *Params) { p.Optimization.MaxPeers = 1 })
	b.optimize()
	b.wait(time.Minute)
	b.step(role.PeerSeen{Pair: role.Pair{Local: hoa.Addr(), Peer: cn2}})
	if v := b.m.Peers(b.now); len(v) != 1 || v[0].Peer != cn || b.counts[role.CountPeersFull] != 1 {
		t.Errorf("%+v", v)
	}
}

// Requirements: 6275-11.7.2-7
func TestRouteOptimizationByHand(t *testing.T) {
	b := newROBed(t, func(p *Params) { p.Optimization.Policy = role.Policy{} })
	b.step(StartOptimization{Peer: cn})
	b.converse()
	if v := b.view(); v.State != "direct" {
		t.Fatalf("%+v", v)
	}
	b.wait(10 * time.Second)
	b.step(StopOptimization{Peer: cn})
	s, bu := b.update()
	if bu.Lifetime != 0 || s.Src != coaA || s.HomeAddress != hoa.Addr() {
		t.Errorf("sent %+v %+v", s, bu)
	}
	if _, cleared := b.directs(); cleared != 1 {
		t.Error("packets still go directly")
	}
	b.step(b.answers()...)
	b.step(role.PeerSeen{Pair: toCN})
	b.wait(time.Minute)
	wantTypes(t, "stopped", b.types())
	b.step(StartOptimization{Peer: cn})
	b.converse()
	b.step(FlushPeer{Peer: cn})
	wantTypes(t, "flushed", b.types(), mh.TypeCareOfTestInit, mh.TypeHomeTestInit)
}

func TestTheKernelRefusesTheDirectPath(t *testing.T) {
	b := newROBed(t)
	b.directErr = errors.New("refused")
	b.step(role.PeerSeen{Pair: toCN})
	b.converse()
	if v := b.view(); v.State == "direct" {
		t.Error("called direct")
	}
	b.directErr = nil
	b.wait(6 * time.Second)
	if v := b.view(); v.State != "direct" {
		t.Errorf("not asked again: %+v", v)
	}
}

func TestStopReleasesTheDirectPath(t *testing.T) {
	b := newROBed(t, func(p *Params) { p.ReleaseOnStop = true })
	b.optimize()
	b.wait(2 * time.Second)
	b.step(role.Stop{})
	if _, bu := b.update(); bu.Lifetime != 0 {
		t.Errorf("%+v", bu)
	}
	if _, cleared := b.directs(); cleared != 1 {
		t.Error("the direct path stays")
	}
}

// Anybody can send packets from many addresses to a home address.
func TestNewPeersAreLimitedInRate(t *testing.T) {
	b := newROBed(t)
	a, sent := cn, 0
	for range 200 {
		a = a.Next()
		b.step(role.PeerSeen{Pair: role.Pair{Local: hoa.Addr(), Peer: a}, Inbound: true})
		sends, _ := b.sentTo(a)
		sent += len(sends)
	}
	if n := len(b.m.Peers(b.now)); n != maxNewPeers || sent != 2*maxNewPeers {
		t.Errorf("%d peers, %d messages in one moment", n, sent)
	}
}

func TestARenewedPathIsNoNews(t *testing.T) {
	b := newROBed(t)
	b.optimize()
	b.use(201 * time.Second)
	b.converse()
	n := 0
	for _, x := range b.notices {
		if x.Kind == role.NoticeDirect {
			n++
		}
	}
	if v := b.view(); v.State != "direct" || v.HomeToken > 5*time.Second || n != 1 {
		t.Errorf("told %d times: %+v", n, v)
	}
}
