package ha

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// Rules that are easily kept by accident, and as easily broken.

// K is never granted: there is no dynamic key management (§10.3.1). Nothing
// reserved is set (§6.1.8), whatever is in the Binding Update.
//
// Requirements: 6275-6.1.7-7, 6275-6.1.7-10, 6275-6.1.8-2, 6275-10.3.1-21
func TestRFC6275_6_1_7_KAndReservedBits(t *testing.T) {
	b := newBed(t, params())
	expect(t, "as if they were not there", b.step(b.bu(1, func(u *update) {
		u.bu.KeyMgmt, u.bu.Reserved, u.bu.Flags = true, 0xff, 0x03ff
	})), dad1)
	b.dad(false)
	b.done(nil)
	if a := b.lastAck(); a.Raw[3] != 0 || a.Raw[7] != 0 {
		t.Errorf("reserved bits or K: %x", a.Raw)
	}
}

// Requirements: 6275-6.1.1-7, 6275-9.2-1
func TestRFC6275_6_1_1_ChecksumOverTheCareOfAddress(t *testing.T) {
	b := bound(t, params())
	ev := b.bu(2, from(coaB))
	mh.SetChecksum(ev.Raw, coaB, local)
	silent(t, b, "checksum over the care-of address", ev, role.CountBadChecksum)
}

// Requirements: 6275-9.5.1-11b
func TestRFC6275_9_5_1_TheRegistrationStaysAHomeRegistration(t *testing.T) {
	b := bound(t, params())
	expect(t, "H clear", b.step(b.bu(2, from(coaB), func(u *update) { u.bu.Home = false })), "ba 139 seq 2 lifetime 0s")
	if v := b.m.Bindings(); len(v) != 1 || v[0].CareOf != coaA || !b.m.Registered(local, hoa) {
		t.Errorf("%+v", v)
	}
	expect(t, "as before", b.step(b.bu(3)), "ba 0 seq 3 lifetime 6m40s")
}

// Advice is for those that hold a registration.
//
// Requirements: 6275-6.2.4-1, 6275-10.3.2-7
func TestRFC6275_10_3_2_NoAdviceAtTheEnd(t *testing.T) {
	p := params()
	p.RefreshAdvice = 100 * time.Second
	b := bound(t, p)
	advised := func() bool {
		_, ok := mh.Find[mh.BindingRefreshAdvice](b.lastAck().ba.Options)
		return ok
	}
	if !advised() {
		t.Fatal("no advice at all: this test shows nothing")
	}
	b.step(b.bu(1))
	if b.lastAck().ba.Status != 135 || advised() {
		t.Errorf("refused with %+v", b.lastAck().ba)
	}
	b.step(b.bu(2, deregister))
	b.done(nil)
	if b.lastAck().ba.Sequence != 2 || advised() {
		t.Errorf("ended with %+v", b.lastAck().ba)
	}
}

// Requirements: 6275-10.3.1-28, 6275-6.1.8-4
func TestRFC6275_10_3_1_KeptThoughTheAdviceIsNotFollowed(t *testing.T) {
	p := params()
	p.RefreshAdvice = 100 * time.Second
	b := bound(t, p)
	expect(t, "long after the advised time", b.tick(390*time.Second))
	if len(b.m.Bindings()) != 1 {
		t.Error("gone")
	}
}

// A binding ends with its home prefix, when a reload takes that away or shortens
// its life; one whose prefix goes on does not.
//
// Requirements: 6275-10.3.1-18, 6275-10.6.4-1
func TestRFC6275_10_3_1_ABindingEndsWithItsPrefix(t *testing.T) {
	short := params()
	short.Links[0].Prefixes[0].Valid = 30 * time.Second
	b := bound(t, params())
	expect(t, "a shorter life", b.step(Reconfigured{Params: short}))
	expect(t, "a moment before its end", b.tick(30*time.Second-time.Millisecond))
	expect(t, "at its end", b.tick(time.Millisecond), clear1)

	long := params()
	long.Links[0].Prefixes[0].Valid = time.Hour
	b = bound(t, params())
	b.step(Reconfigured{Params: long})
	expect(t, "longer than the binding", b.tick(398*time.Second))
	expect(t, "its own end", b.tick(time.Second), clear1)

	none := params()
	none.Links[0].Prefixes[0].Prefix = netip.MustParsePrefix("2001:db8:77::/64")
	b = bound(t, params())
	expect(t, "another prefix", b.step(Reconfigured{Params: none}), clear1)
}

// Without R nothing is forwarded for the mobile network, although the prefix table
// has one, and whatever the Binding Update names.
//
// Requirements: 3963-4.1-1
func TestRFC3963_4_1_WithoutR(t *testing.T) {
	b := newBed(t, fleet())
	a := b.enrol(b.bu(1, func(u *update) { asRouter(netB.String())(u); u.bu.Router = false }))
	if a.ba.Status != 0 || a.ba.Router {
		t.Errorf("status %d, R %v", a.ba.Status, a.ba.Router)
	}
	b.wantPrefixes("without R", hoa)
	if x := b.m.Bindings()[0]; x.MobileRouter {
		t.Errorf("%+v", x)
	}
}

// Beside MN-HA an MN-AAA option does no harm, and is never answered with one.
//
// Requirements: 4285-5.2-2
func TestRFC4285_5_2_NoMNAAAInAnAnswer(t *testing.T) {
	b := newBed(t, params())
	ev := b.bu(1)
	ev.Raw = withMNAAA(t, ev.Raw)
	mh.SetChecksum(ev.Raw, hoa, local)
	expect(t, "with both", b.step(ev), dad1)
	b.dad(false)
	b.done(nil)
	for _, o := range b.lastAck().ba.Options {
		if x, ok := o.(mh.MobilityMessageAuthentication); ok && x.Subtype != mh.SubtypeMNHA {
			t.Errorf("answered with %+v", x)
		}
	}
}

// withMNAAA puts the option behind MN-HA, which does not cover it, but for the
// message's length.
func withMNAAA(t *testing.T, raw []byte) []byte {
	t.Helper()
	msg, err := mh.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	bu := msg.(*mh.BindingUpdate)
	h := bu.Base()
	h.Verbatim = false
	h.Options = append(h.Options, mh.MobilityMessageAuthentication{Subtype: mh.SubtypeMNAAA, SPI: 3, Authenticator: make([]byte, 20)})
	var opts mh.Options
	for _, o := range h.Options {
		if o.OptionType() > mh.OptionPadN {
			opts = append(opts, o)
		}
	}
	h.Options = opts
	if raw, err = mh.Marshal(bu); err != nil {
		t.Fatal(err)
	}
	mac := rr.MNHA(key, coaA, hoa, mh.Covered(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA))
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA):], mac[:])
	return raw
}

// Who has come home and is refused hears of it on the home link: by routes the answer
// would go where it was before.
//
// Requirements: 6275-10.3.2-10
func TestRFC6275_10_3_2_RefusedReturnIsAnsweredOnTheHomeLink(t *testing.T) {
	neighbour := func(b *bed, ev role.MessageIn) bool {
		t.Helper()
		n := len(b.acks)
		b.step(ev)
		if len(b.acks) != n+1 {
			t.Fatalf("%d answers", len(b.acks)-n)
		}
		a := b.lastAck()
		if a.Dst != hoa || a.RoutingHome.IsValid() || a.Neighbour && a.Ifindex != link {
			t.Errorf("answered by %+v", a.Send)
		}
		return a.Neighbour
	}
	b := bound(t, params())
	if !neighbour(b, b.bu(1, atHome)) || b.lastAck().ba.Status != 135 {
		t.Errorf("old sequence number: %+v", b.lastAck())
	}
	if !neighbour(b, b.bu(2, atHome, withKey("another key, eh?"))) || b.lastAck().ba.Status != 146 {
		t.Errorf("wrong key: %+v", b.lastAck())
	}
	elsewhere := b.bu(2, atHome, withKey("another key, eh?"))
	elsewhere.Ifindex = link + 1
	if neighbour(b, elsewhere) {
		t.Error("what came by another interface is answered on the home link")
	}
	b.step(b.bu(2, atHome))
	b.done(nil)
	if a := b.lastAck(); a.ba.Status != 0 || a.Neighbour {
		t.Errorf("accepted: %+v", a)
	}
}
