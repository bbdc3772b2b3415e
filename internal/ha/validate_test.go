package ha

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// silent expects a message to change nothing, to be answered by nothing, and to
// be counted.
func silent(t *testing.T, b *bed, what string, ev role.MessageIn, counter role.Counter) {
	t.Helper()
	before := b.m.Bindings()
	n := b.counts[counter]
	expect(t, what, b.step(ev))
	if b.counts[counter] != n+1 {
		t.Errorf("%s: not counted as %s: %v", what, counter, b.counts)
	}
	if after := b.m.Bindings(); len(after) != len(before) || len(after) > 0 && after[0].CareOf != before[0].CareOf {
		t.Errorf("%s: bindings changed to %v", what, after)
	}
}

// Requirements: 6275-8.4-6, 6275-9.2-1, 6275-10.2-1
func TestRFC6275_9_2_BadChecksumIsSilence(t *testing.T) {
	b := bound(t, params())
	ev := b.bu(2)
	ev.Raw[4] ^= 1
	silent(t, b, "checksum", ev, role.CountBadChecksum)
	ev = b.bu(2)
	ev.Raw[0] = 6 // also a bad Payload Proto: the checksum comes first
	silent(t, b, "checksum before all", ev, role.CountBadChecksum)
}

// Requirements: 6275-8.4-6, 6275-9.2-2, 6275-9.3.3-2, 6275-10.2-1
func TestRFC6275_9_2_UnknownTypeGetsABindingError(t *testing.T) {
	b := newBed(t, params())
	raw := []byte{59, 0, 77, 0, 0, 0, 0, 0}
	mh.SetChecksum(raw, coaA, local)
	ev := role.MessageIn{Ifindex: link, Src: coaA, Dst: local, Raw: raw}
	expect(t, "unknown type", b.step(ev), "be 2 to 2001:db8:f1::100")
	ev.Src = netip.MustParseAddr("ff02::1")
	mh.SetChecksum(raw, ev.Src, local)
	silent(t, b, "from a group", ev, role.CountUnknownType)
}

// Requirements: 6275-9.2-4
func TestMalformedIsSilence(t *testing.T) {
	b := newBed(t, params())
	ev := b.bu(1)
	ev.Raw = ev.Raw[:16] // in the middle of an option
	ev.Raw[1] = 1
	mh.SetChecksum(ev.Raw, hoa, local)
	silent(t, b, "cut off", ev, role.CountMalformed)
}

func TestMessagesForOthersAreIgnored(t *testing.T) {
	b := newBed(t, params())
	ev := b.bu(1)
	ev.Dst = netip.MustParseAddr("2001:db8:1::2")
	mh.SetChecksum(ev.Raw, hoa, ev.Dst)
	silent(t, b, "another address", ev, role.CountNotForUs)
	raw, err := mh.Marshal(&mh.HomeTestInit{})
	if err != nil {
		t.Fatal(err)
	}
	mh.SetChecksum(raw, coaA, local)
	silent(t, b, "a Home Test Init", role.MessageIn{Src: coaA, Dst: local, Raw: raw}, role.CountNotForUs)
}

// Requirements: 6275-9.5.1-3, 6275-9.5.1-10, 6275-9.5.1-14b, 6275-10.3.1-1
func TestRFC6275_9_5_1_SequenceOutOfWindow(t *testing.T) {
	p := params()
	p.MobileNodes[0].Auth.Replay = ReplaySequence
	b := bound(t, p)
	for _, c := range []struct {
		sequence uint16
		want     string
	}{
		{1, "ba 135 seq 1 lifetime 0s"},     // the same
		{0, "ba 135 seq 1 lifetime 0s"},     // before
		{32769, "ba 135 seq 1 lifetime 0s"}, // half the circle away
	} {
		expect(t, "out of the window", b.step(b.bu(c.sequence)), c.want)
		b.tick(time.Second)
	}
	expect(t, "the window's last", b.step(b.bu(32768)), "ba 0 seq 32768 lifetime 6m40s")
	b.tick(time.Second)
	expect(t, "beyond 65535", b.step(b.bu(65535)), "ba 0 seq 65535 lifetime 6m40s")
	b.tick(time.Second)
	expect(t, "and around", b.step(b.bu(0)), "ba 0 seq 0 lifetime 6m40s")
}

// TestRFC6275_10_3_2_SequenceNumberOutlivesTheBinding: MAX_DELETE_BCE_TIMEOUT,
// and for ever where it is the only protection against replay.
//
// Requirements: 6275-10.3.2-8, 6275-12-1
func TestRFC6275_10_3_2_SequenceNumberOutlivesTheBinding(t *testing.T) {
	p := params()
	p.MobileNodes[0].Auth.Replay = ReplaySequence
	b := bound(t, p)
	replayed := b.bu(2)
	b.step(b.bu(3, deregister))
	b.done(nil)
	b.tick(time.Hour)
	expect(t, "an hour later", b.step(replayed), "ba 135 seq 3 lifetime 0s")

	p.MobileNodes[0].Auth.Replay = ReplayNone
	b = bound(t, p)
	replayed = b.bu(2)
	b.step(b.bu(3, deregister))
	b.done(nil)
	b.tick(maxDeleteTimeout - time.Second)
	expect(t, "within the guard", b.step(replayed), "ba 135 seq 3 lifetime 0s")
	b.tick(maxDeleteTimeout)
	if len(b.m.nodes) != 0 {
		t.Errorf("%d nodes are remembered for ever", len(b.m.nodes))
	}
}

// Requirements: 6275-9.5.1-11, 6275-10.3.1-1, 6275-10.3.1-9
func TestRFC6275_9_5_1_RegistrationTypeChange(t *testing.T) {
	b := bound(t, params())
	plain := func(u *update) { u.bu.Home = false }
	expect(t, "H clear with a home binding", b.step(b.bu(2, plain)), "ba 139 seq 2 lifetime 0s")
	b = newBed(t, params())
	silent(t, b, "H clear without", b.bu(1, plain), role.CountNotForUs)

	b = bound(t, params())
	silent(t, b, "to the correspondent node beside us", b.bu(2, plain, func(u *update) {
		u.bu.Options = append(mh.Options{mh.NonceIndices{Home: 1, CareOf: 2}}, u.bu.Options...)
	}), role.CountNotForUs)

	p := params()
	p.Correspondent = func(to, home netip.Addr) bool { return to == local && home == hoa }
	b = newBed(t, p)
	expect(t, "H set with a binding of a correspondent node", b.step(b.bu(1)), "ba 139 seq 1 lifetime 0s")
	if b.m.Registered(local, hoa) {
		t.Error("registered")
	}
	b = bound(t, params())
	if !b.m.Registered(local, hoa) || b.m.Registered(coaA, hoa) {
		t.Error("not registered with the address it was registered with")
	}
}

// Requirements: 6275-10.3.1-4
func TestRFC6275_10_3_1_NotHomeSubnet(t *testing.T) {
	p := params()
	stranger := netip.MustParseAddr("2001:db8:9::1")
	p.MobileNodes = append(p.MobileNodes, MobileNode{HomeAddress: stranger, Auth: &Auth{SPI: 256, Key: key}})
	b := newBed(t, p)
	expect(t, "a home address elsewhere", b.step(b.bu(1, func(u *update) { u.home = stranger })), "ba 132 seq 1 lifetime 0s")
}

// Requirements: 6275-6.4-2, 6275-9.3.1-1, 6275-9.5.1-2, 6275-10.3.1-6
func TestRFC6275_10_3_1_HomeAddressOptionIsRequired(t *testing.T) {
	b := newBed(t, params())
	silent(t, b, "none, and not from home", b.bu(1, func(u *update) { u.home = netip.Addr{} }), role.CountNoHomeAddress)
	for _, bad := range []string{"ff02::1", "::1", "fe80::1", "::"} {
		silent(t, b, bad, b.bu(1, func(u *update) { u.home = netip.MustParseAddr(bad) }), role.CountBadHomeAddress)
	}
}

// Requirements: 6275-6.1.7-5, 6275-9.5.1-13, 6275-9.5.1-14, 6275-9.5.4-1
func TestRFC6275_6_1_7_BadCareOfAddressIsSilence(t *testing.T) {
	for _, bad := range []netip.Addr{
		netip.MustParseAddr("ff0e::1"), netip.MustParseAddr("fe80::5"), netip.IPv6Unspecified(),
		netip.IPv6Loopback(), local,
	} {
		b := bound(t, params())
		silent(t, b, bad.String(), b.bu(2, func(u *update) { u.alternate = bad }), role.CountBadCareOf)
	}
	b := bound(t, params())
	silent(t, b, "home → home is no binding", b.bu(2, func(u *update) { u.alternate = hoa }), role.CountBadCareOf)
}

// TestRFC6275_10_3_1_OnlyAnEndMayBeWithoutHomeAddressOption: from the home
// address itself, whatever care-of address it names.
//
// Requirements: 6275-10.3.1-6
func TestRFC6275_10_3_1_OnlyAnEndMayBeWithoutHomeAddressOption(t *testing.T) {
	b := bound(t, params())
	lasting := func(u *update) { u.bu.Lifetime = 400 * time.Second }
	silent(t, b, "home → home", b.bu(2, atHome, lasting), role.CountNoHomeAddress)
	silent(t, b, "home → elsewhere", b.bu(2, atHome, lasting, func(u *update) { u.alternate = coaB }), role.CountNoHomeAddress)
	expect(t, "an end", b.step(b.bu(2, atHome)), clear1)
}

// TestRFC6275_10_3_2_AlternateCareOfAddressOfAnEndMeansNothing: neither for the
// binding nor for the authenticator, which has the packet's source.
func TestRFC6275_10_3_2_AlternateCareOfAddressOfAnEndMeansNothing(t *testing.T) {
	b := bound(t, params())
	expect(t, "an end", b.step(b.bu(2, deregister, func(u *update) { u.alternate = netip.MustParseAddr("ff0e::1") })), clear1)
	expect(t, "ended", b.done(nil), "ba 0 seq 2 lifetime 0s")
}

// TestRFC6275_10_3_2_RefusedEndIsRemembered: its number and its guard count, so
// that what it has overtaken does not make a binding.
//
// Requirements: 6275-10.3.2-1
func TestRFC6275_10_3_2_RefusedEndIsRemembered(t *testing.T) {
	p := params()
	p.MobileNodes[0].Auth.Replay = ReplayNone
	b := newBed(t, p)
	expect(t, "no binding", b.step(b.bu(5, deregister)), "ba 133 seq 5 lifetime 0s")
	b.tick(5 * time.Second)
	expect(t, "nor now", b.step(b.bu(7, deregister)), "ba 133 seq 7 lifetime 0s")
	b.tick(maxDeleteTimeout - time.Second)
	expect(t, "overtaken", b.step(b.bu(6)), "ba 135 seq 7 lifetime 0s")
}

func TestMessageWithARoutingHeaderIsNotForUs(t *testing.T) {
	b := newBed(t, params())
	raw := append([]byte(nil), b.bu(1).Raw...)
	mh.SetChecksum(raw, hoa, coaB)
	silent(t, b, "as if we were a mobile node",
		role.MessageIn{Ifindex: link, Src: coaA, Dst: local, HomeAddress: hoa, RoutingHome: coaB, Raw: raw}, role.CountNotForUs)
}

func TestNoLoopOfBindings(t *testing.T) {
	other := netip.MustParseAddr("2001:db8:1::101")
	p := params()
	p.MobileNodes = append(p.MobileNodes, MobileNode{HomeAddress: other, Auth: &Auth{SPI: 256, Key: key}})
	b := bound(t, p)
	silent(t, b, "care-of address is a bound home address",
		b.bu(1, func(u *update) { u.home, u.alternate = other, hoa }), role.CountBadCareOf)
}

// Requirements: 6275-10.3.1-5, 6275-10.3.1-10, 6275-10.3.1-10b
func TestMaxBindings(t *testing.T) {
	p := params()
	p.MaxBindings = 1
	other := netip.MustParseAddr("2001:db8:1::101")
	p.MobileNodes = append(p.MobileNodes, MobileNode{HomeAddress: other, Auth: &Auth{SPI: 256, Key: key}})
	b := bound(t, p)
	expect(t, "one more", b.step(b.bu(1, func(u *update) { u.home = other })), "ba 130 seq 1 lifetime 0s")
	expect(t, "the first one may refresh", b.step(b.bu(2)), "ba 0 seq 2 lifetime 6m40s")
}

func TestMaxBindingsCountsWhatIsBeingMade(t *testing.T) {
	p, list := homes(3)
	p.MaxBindings = 1
	b := newBed(t, p)
	b.step(b.bu(1, func(u *update) { u.home = list[0] }))
	expect(t, "one is being detected for", b.step(b.bu(1, func(u *update) { u.home = list[1] })), "ba 130 seq 1 lifetime 0s")
	b.step(role.DADDone{Ifindex: link, Addr: list[0], Duplicate: true})
	b.now = b.now.Add(time.Second)
	expect(t, "it came to nothing", b.step(b.bu(1, func(u *update) { u.home = list[2] })), "dad "+list[2].String())
}

func TestMaxBindingsCountsAMoveOnce(t *testing.T) {
	p, list := homes(2)
	p.MaxBindings = 2
	b := newBed(t, p)
	b.register(list[0])
	b.tick(time.Second)
	b.step(b.bu(2, from(coaB), func(u *update) { u.home = list[0] }))
	expect(t, "there is room", b.step(b.bu(1, func(u *update) { u.home = list[1] })), "dad "+list[1].String())
}

// TestRFC6275_9_5_1_NonceIndicesMustNotBeInAHomeRegistration: silence.
//
// Requirements: 6275-9.5.1-9b
func TestRFC6275_9_5_1_NonceIndicesMustNotBeInAHomeRegistration(t *testing.T) {
	b := bound(t, params())
	silent(t, b, "H with Nonce Indices",
		b.bu(2, func(u *update) { u.more = mh.Options{mh.NonceIndices{Home: 1, CareOf: 2}} }), role.CountMalformed)
	expect(t, "its number is not used up", b.step(b.bu(2)), "ba 0 seq 2 lifetime 6m40s")
}

// TestRFC6275_9_5_4_SourceIsNotOneNodesAddress: no answer, whatever else is wrong
// with it, and no effect.
//
// Requirements: 6275-9.5.4-8, 6275-9.5.4-8b
func TestRFC6275_9_5_4_SourceIsNotOneNodesAddress(t *testing.T) {
	for _, src := range []string{"ff02::1", "ff0e::1", "::", "::1", "fe80::7", local.String()} {
		b := bound(t, params())
		source := from(netip.MustParseAddr(src))
		silent(t, b, src, b.bu(2, source), role.CountBadCareOf)
		silent(t, b, src+", alternate", b.bu(2, source, func(u *update) { u.alternate = coaB }), role.CountBadCareOf)
		silent(t, b, src+", wrong key", b.bu(2, source, withKey("another key, eh?")), role.CountBadCareOf)
		silent(t, b, src+", old", b.bu(1, source), role.CountBadCareOf)
		silent(t, b, src+", end", b.bu(2, source, deregister), role.CountBadCareOf)
	}
}

// TestOwnAddressIsNobodysHome: without authentication anybody could have the
// home agent's packets otherwise.
//
// Requirements: 6275-10.3.1-5
func TestOwnAddressIsNobodysHome(t *testing.T) {
	p := params()
	p.AllowUnauthenticated = true
	b := newBed(t, p)
	expect(t, "our address", b.step(b.bu(1, unauthenticated, func(u *update) { u.home = local })), "ba 129 seq 1 lifetime 0s")
	expect(t, "nor restored", b.step(restored(role.Binding{
		HomeAddress: local, CareOf: coaA, HomeAgent: local, Expires: t0.Add(time.Hour),
	})))
}

// TestNoLoopOfBindingsInTheMaking: two at once, each at the other's address.
func TestNoLoopOfBindingsInTheMaking(t *testing.T) {
	p, list := homes(2)
	b := newBed(t, p)
	b.step(b.bu(1, func(u *update) { u.home, u.alternate = list[0], list[1] }))
	silent(t, b, "and back", b.bu(1, func(u *update) { u.home, u.alternate = list[1], list[0] }), role.CountBadCareOf)
}

// TestRFC6275_6_1_7_UnknownOptionsAreSkipped, and reserved bits.
//
// Requirements: 6275-6.1.7-10, 6275-6.2.1-1, 6275-6.2.1-2
func TestRFC6275_6_1_7_UnknownOptionsAreSkipped(t *testing.T) {
	b := newBed(t, params())
	expect(t, "an unknown option", b.step(b.bu(1, func(u *update) {
		u.more = mh.Options{mh.UnknownOption{Type: 200, Data: []byte{1, 2, 3}}}
	})), dad1)
}

// TestRFC6275_10_3_2_LateUpdateAfterTheEnd: a Binding Update from the visited
// link that was overtaken by the de-registration from home is refused with 135,
// to the visited link.
//
// Requirements: 6275-9.5.4-11, 6275-10.3.2-8
func TestRFC6275_10_3_2_LateUpdateAfterTheEnd(t *testing.T) {
	b := bound(t, params())
	b.now = b.now.Add(time.Second)
	stamp := b.now.Add(time.Second) // so that it is not the timestamp that refuses
	b.step(b.bu(3, atHome))
	expect(t, "at home", b.done(nil), "ba 0 seq 3 lifetime 0s")
	if a := b.lastAck(); a.Dst != hoa || a.RoutingHome.IsValid() {
		t.Errorf("answered to %s by %s", a.Dst, a.RoutingHome)
	}
	expect(t, "late", b.step(b.bu(2, from(coaB), func(u *update) { u.stamp = stamp })), "ba 135 seq 3 lifetime 0s")
	if a := b.lastAck(); a.Dst != coaB || a.RoutingHome != hoa {
		t.Errorf("answered to %s by %s", a.Dst, a.RoutingHome)
	}
}

// TestRFC6275_9_5_1_AnySequenceNumberWithoutABinding: once the guard after the
// end is over, where the timestamp protects against replay.
//
// Requirements: 6275-9.5.1-4
func TestRFC6275_9_5_1_AnySequenceNumberWithoutABinding(t *testing.T) {
	for _, r := range []Replay{ReplayTimestamp, ReplayNone} {
		p := params()
		p.MobileNodes[0].Auth.Replay = r
		b := bound(t, p)
		b.step(b.bu(5, deregister))
		b.done(nil)
		b.tick(maxDeleteTimeout - time.Millisecond)
		expect(t, "within the guard", b.step(b.bu(3)), "ba 135 seq 5 lifetime 0s")
		b.tick(time.Millisecond)
		expect(t, "after it", b.step(b.bu(3)), dad1)
	}
}

// TestRefusalsAreLimitedInRate: what provokes them may be forged.
func TestRefusalsAreLimitedInRate(t *testing.T) {
	p := params()
	p.MaxAnswers = 10
	b := bound(t, p)
	for range 50 {
		b.step(b.bu(2, withKey("another key, eh?")))
	}
	if n := len(b.acks) - 1; n != 10 {
		t.Errorf("%d refusals in one moment, want 10", n)
	}
	if b.counts[role.CountRateLimited] != 40 || b.counts[role.CountBadAuth] != 50 {
		t.Errorf("counters %v", b.counts)
	}
	expect(t, "what its mobile node must know is not silenced", b.step(b.bu(1)), "ba 135 seq 1 lifetime 0s")
	expect(t, "the mobile node itself is served", b.step(b.bu(2)), "ba 0 seq 2 lifetime 6m40s")
	b.tick(2 * time.Second)
	expect(t, "later", b.step(b.bu(3, withKey("another key, eh?"))), "ba 146 seq 3 lifetime 0s")
}

// TestRefusalsOfReplaysAreLimitedForEachMobileNode: they are authentic.
func TestRefusalsOfReplaysAreLimitedForEachMobileNode(t *testing.T) {
	p, list := homes(2)
	b := newBed(t, p)
	b.register(list[0])
	b.register(list[1])
	b.tick(10 * time.Second)
	old := b.bu(1, func(u *update) { u.home, u.stamp = list[0], t0 })
	before := len(b.acks)
	for range 50 {
		b.step(old)
	}
	if n := len(b.acks) - before; n != maxRefusals {
		t.Errorf("%d replays answered in one moment, want %d", n, maxRefusals)
	}
	expect(t, "another mobile node's", b.step(b.bu(1, func(u *update) { u.home = list[1] })), "ba 135 seq 1 lifetime 0s")
}

// TestRFC6275_9_3_3_BindingErrorsAreLimitedInRate, like ICMPv6's.
//
// Requirements: 6275-9.3.3-5
func TestRFC6275_9_3_3_BindingErrorsAreLimitedInRate(t *testing.T) {
	p := params()
	p.MaxAnswers = 3
	b := newBed(t, p)
	raw := []byte{59, 0, 77, 0, 0, 0, 0, 0}
	mh.SetChecksum(raw, hoa, local)
	answered := 0
	for range 20 {
		answered += len(b.step(role.MessageIn{Ifindex: link, Src: coaA, Dst: local, HomeAddress: hoa, Raw: raw}))
	}
	if answered != 3 || b.counts[role.CountUnknownType] != 20 || b.counts[role.CountRateLimited] != 17 {
		t.Errorf("%d answered, counters %v", answered, b.counts)
	}
}

// TestRFC6275_9_3_3_BindingErrorHasTheAddressesOfTheWire: destination the source,
// home address that of the option, or unspecified.
//
// Requirements: 6275-6.1-1, 6275-9.3.3-1, 6275-9.3.3-3, 6275-9.3.3-4
func TestRFC6275_9_3_3_BindingErrorHasTheAddressesOfTheWire(t *testing.T) {
	for _, home := range []netip.Addr{hoa, {}} {
		b := newBed(t, params())
		raw := []byte{59, 0, 77, 0, 0, 0, 0, 0}
		end, want := coaA, netip.IPv6Unspecified()
		if home.IsValid() {
			end, want = home, home
		}
		mh.SetChecksum(raw, end, local)
		ev := role.MessageIn{Ifindex: link, Src: coaA, Dst: local, HomeAddress: home, Raw: raw}
		found := false
		for _, e := range b.m.Step(b.now, ev) {
			send, ok := e.(role.Send)
			if !ok {
				continue
			}
			found = true
			msg, err := mh.Parse(send.Raw)
			if err != nil {
				t.Fatal(err)
			}
			be, ok := msg.(*mh.BindingError)
			if !ok || be.Status != mh.ErrorUnknownType || be.HomeAddress != want ||
				send.Dst != coaA || send.Src != local || send.RoutingHome.IsValid() {
				t.Errorf("home %v: %+v with %+v", home, send, msg)
			}
		}
		if !found {
			t.Errorf("home %v: no answer", home)
		}
	}
}
