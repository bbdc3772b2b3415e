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

func TestRFC6275_9_2_BadChecksumIsSilence(t *testing.T) {
	b := bound(t, params())
	ev := b.bu(2)
	ev.Raw[4] ^= 1
	silent(t, b, "checksum", ev, role.CountBadChecksum)
	ev = b.bu(2)
	ev.Raw[0] = 6 // also a bad Payload Proto: the checksum comes first
	silent(t, b, "checksum before all", ev, role.CountBadChecksum)
}

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

func TestRFC6275_9_5_1_RegistrationTypeChange(t *testing.T) {
	b := bound(t, params())
	plain := func(u *update) { u.bu.Home = false }
	expect(t, "H clear with a home binding", b.step(b.bu(2, plain)), "ba 139 seq 2 lifetime 0s")
	b = newBed(t, params())
	silent(t, b, "H clear without", b.bu(1, plain), role.CountNotForUs)
}

func TestRFC6275_10_3_1_NotHomeSubnet(t *testing.T) {
	p := params()
	stranger := netip.MustParseAddr("2001:db8:9::1")
	p.MobileNodes = append(p.MobileNodes, MobileNode{HomeAddress: stranger, Auth: &Auth{SPI: 256, Key: key}})
	b := newBed(t, p)
	expect(t, "a home address elsewhere", b.step(b.bu(1, func(u *update) { u.home = stranger })), "ba 132 seq 1 lifetime 0s")
}

func TestRFC6275_10_3_1_HomeAddressOptionIsRequired(t *testing.T) {
	b := newBed(t, params())
	silent(t, b, "none, and not from home", b.bu(1, func(u *update) { u.home = netip.Addr{} }), role.CountNoHomeAddress)
	for _, bad := range []string{"ff02::1", "::1", "fe80::1", "::"} {
		silent(t, b, bad, b.bu(1, func(u *update) { u.home = netip.MustParseAddr(bad) }), role.CountBadHomeAddress)
	}
}

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
	silent(t, b, "nor from home itself", b.bu(3, atHome, func(u *update) { u.bu.Lifetime = 400 * time.Second }), role.CountBadCareOf)
}

func TestNoLoopOfBindings(t *testing.T) {
	other := netip.MustParseAddr("2001:db8:1::101")
	p := params()
	p.MobileNodes = append(p.MobileNodes, MobileNode{HomeAddress: other, Auth: &Auth{SPI: 256, Key: key}})
	b := bound(t, p)
	silent(t, b, "care-of address is a bound home address",
		b.bu(1, func(u *update) { u.home, u.alternate = other, hoa }), role.CountBadCareOf)
}

func TestMaxBindings(t *testing.T) {
	p := params()
	p.MaxBindings = 1
	other := netip.MustParseAddr("2001:db8:1::101")
	p.MobileNodes = append(p.MobileNodes, MobileNode{HomeAddress: other, Auth: &Auth{SPI: 256, Key: key}})
	b := bound(t, p)
	expect(t, "one more", b.step(b.bu(1, func(u *update) { u.home = other })), "ba 130 seq 1 lifetime 0s")
	expect(t, "the first one may refresh", b.step(b.bu(2)), "ba 0 seq 2 lifetime 6m40s")
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
	expect(t, "the mobile node itself is served", b.step(b.bu(2)), "ba 0 seq 2 lifetime 6m40s")
	b.tick(2 * time.Second)
	expect(t, "later", b.step(b.bu(3, withKey("another key, eh?"))), "ba 146 seq 3 lifetime 0s")
}
