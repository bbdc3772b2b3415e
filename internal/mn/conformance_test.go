package mn

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// Rules that are easily kept by accident, and as easily broken.

var unknown = mh.UnknownOption{Type: 200, Data: []byte{1, 2, 3, 4}}

// spoilt sets bits of a message that mean nothing, and makes its checksum right
// again.
func spoilt(ev role.MessageIn, reserved map[int]byte) role.MessageIn {
	ev.Raw[3] = 0xff
	for at, bits := range reserved {
		ev.Raw[at] |= bits
	}
	fix(&ev)
	return ev
}

// What is reserved and what nobody knows changes nothing (§6.1.2–6.1.9).
//
// Requirements: 6275-6.1.2-2, 6275-6.1.2-3, 6275-6.1.8-3, 6275-6.1.8-5, 6275-6.1.9-1, 6275-6.1.9-2
func TestRFC6275_6_1_ReservedBitsAndUnknownOptionsFromTheHomeAgent(t *testing.T) {
	brr := &mh.BindingRefreshRequest{}
	brr.Options = mh.Options{unknown}
	b := awayAt(t, defaultParams())
	b.wait(10 * time.Second)
	expect(t, "Binding Refresh Request", b.step(spoilt(message(t, brr, ha), map[int]byte{6: 0xff, 7: 0xff})), buA)

	be := &mh.BindingError{Status: mh.ErrorUnknownBinding, HomeAddress: hoa.Addr()}
	be.Options = mh.Options{unknown}
	b = awayAt(t, defaultParams())
	b.wait(10 * time.Second)
	expect(t, "Binding Error", b.step(spoilt(message(t, be, ha), map[int]byte{7: 0xff})), buA)

	b = waiting(t, defaultParams())
	b.step(spoilt(b.ba(b.lastBU(), mh.StatusAccepted, withOption(unknown)), map[int]byte{7: 0x3f}))
	if v := b.m.Bindings(b.now)[0]; !v.Registered {
		t.Errorf("Binding Acknowledgement: %+v", v)
	}
}

// Requirements: 6275-6.1.5-1, 6275-6.1.6-1
func TestRFC6275_6_1_5_UnknownOptionsInTests(t *testing.T) {
	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN})
	var events []role.Event
	for _, ev := range b.answers() {
		in := ev.(role.MessageIn)
		msg, err := mh.Parse(in.Raw)
		if err != nil {
			t.Fatal(err)
		}
		msg.Base().Verbatim, msg.Base().Options = false, mh.Options{unknown}
		in.Raw = marshal(t, msg)
		events = append(events, spoilt(in, nil))
	}
	b.step(events...)
	wantTypes(t, "both tests passed", b.types(), mh.TypeBindingUpdate)
}

// The checksum of what comes with a routing header is over the home address.
//
// Requirements: 6275-6.1.1-7, 6275-9.2-1
func TestRFC6275_6_1_1_ChecksumOverTheCareOfAddress(t *testing.T) {
	b := waiting(t, defaultParams())
	ev := b.ba(b.lastBU(), mh.StatusAccepted)
	mh.SetChecksum(ev.Raw, ha, ev.Dst)
	b.step(ev)
	if v := b.m.Bindings(b.now)[0]; v.Registered || b.counts[role.CountBadChecksum] != 1 {
		t.Errorf("%+v, counted %v", v, b.counts)
	}
}

// The address that passes the care-of test is the one that is registered (§5.2.6),
// and a correspondent is told of no other.
//
// Requirements: 6275-5.2.6-2, 6275-5.2.6-3, 6275-11.7.2-4, 6275-11.7.2-8
func TestRFC6275_5_2_6_TheAddressTestedIsTheOneRegistered(t *testing.T) {
	b := newROBed(t)
	var tested netip.Addr
	note := func() {
		sends, messages := b.sentTo(cn)
		for i, m := range messages {
			if m.Type() == mh.TypeCareOfTestInit {
				tested = sends[i].Src
			}
		}
	}
	registered := func(what string, want netip.Addr) {
		t.Helper()
		s, bu := b.update()
		careOf := s.Src
		if alt, ok := mh.Find[mh.AlternateCareOfAddress](bu.Options); ok {
			careOf = alt.CareOf
		}
		if careOf != want || tested != want {
			t.Errorf("%s: tested %s, registered %s, want %s", what, tested, careOf, want)
		}
	}
	b.step(role.PeerSeen{Pair: toCN})
	note()
	b.step(b.answers()...)
	registered("at first", coaA)
	b.step(b.answers()...)
	b.wait(10 * time.Second)
	b.move()
	note()
	b.step(b.answers()...)
	b.ack(mh.StatusAccepted)
	registered("after a move", coaB)
}

// One test is not enough (§11.6.2), and the first answer to it is the one.
//
// Requirements: 6275-11.6.2-7, 6275-11.6.2-9, 6275-11.6.2-13, 6275-11.6.1-3
func TestRFC6275_11_6_2_BothTestsOnce(t *testing.T) {
	for name, first := range map[string]int{"Care-of Test": 0, "Home Test": 1} {
		b := newROBed(t)
		b.step(role.PeerSeen{Pair: toCN})
		answers := b.answers()
		one, other := answers[first].(role.MessageIn), answers[1-first].(role.MessageIn)
		b.step(one)
		wantTypes(t, name+" alone", b.types())
		second := one
		second.Raw = append([]byte(nil), one.Raw...)
		second.Raw[20] ^= 1 // another token
		fix(&second)
		b.step(second)
		if b.counts[role.CountBadTest] != 1 {
			t.Errorf("a second %s is taken", name)
		}
		b.step(other)
		wantTypes(t, "both", b.types(), mh.TypeBindingUpdate)
		s, bu := b.update()
		b.step(peerBA(t, s, bu, 0)) // authentic only with the first tokens
		if v := b.view(); v.State != "direct" {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// An acknowledgement of a correspondent answers the Binding Update that it names, at
// the address from which that was sent; authentic it is in all of these.
//
// Requirements: 6275-11.7.3-1, 6275-11.7.3-4, 6275-11.7.3-5
func TestRFC6275_11_7_3_AcknowledgementsOfACorrespondentThatAreIgnored(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, role.Send, *mh.BindingUpdate) role.MessageIn{
		"another sequence number": func(t *testing.T, s role.Send, bu *mh.BindingUpdate) role.MessageIn {
			return peerBA(t, s, bu, 0, sequenceOf(bu.Sequence+1))
		},
		"without a routing header": func(t *testing.T, s role.Send, bu *mh.BindingUpdate) role.MessageIn {
			ev := peerBA(t, s, bu, 0)
			ev.Dst, ev.RoutingHome = hoa.Addr(), netip.Addr{}
			return ev
		},
		"changed on its way": func(t *testing.T, s role.Send, bu *mh.BindingUpdate) role.MessageIn {
			ev := peerBA(t, s, bu, 0)
			ev.Raw[11]++ // lifetime
			fix(&ev)
			return ev
		},
	} {
		b := newROBed(t)
		b.step(role.PeerSeen{Pair: toCN})
		b.step(b.answers()...)
		s, bu := b.update()
		b.step(spoil(t, s, bu))
		if v := b.view(); v.State != "registering" {
			t.Errorf("%s: %+v", name, v)
		}
		b.wait(2 * time.Second)
		wantTypes(t, name+": sent again", b.types(), mh.TypeBindingUpdate)
	}

	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN})
	b.step(b.answers()...)
	s, bu := b.update()
	late := peerBA(t, s, bu, 0)
	b.move()
	b.step(late)
	if set, _ := b.directs(); len(set) != 0 {
		t.Errorf("a late answer about the care-of address of before: %+v", set)
	}
}

// A Binding Refresh Request late in a binding's life makes it longer, not beyond the
// home registration (§11.7.4).
//
// Requirements: 6275-11.7.4-2, 6275-11.7.4-3, 6275-11.7.4-4
func TestRFC6275_11_7_4_ARefreshRequestMakesTheBindingLonger(t *testing.T) {
	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN})
	b.step(b.answers()...)
	s, bu := b.update()
	b.step(peerBA(t, s, bu, 0, lifetimeOf(40*time.Second)))
	b.wait(15 * time.Second)
	before := b.view().Remaining
	b.step(message(t, &mh.BindingRefreshRequest{}, cn))
	_, bu = b.update()
	if home := b.m.Bindings(b.now)[0].Remaining; before != 25*time.Second || bu.Lifetime <= before || bu.Lifetime > home {
		t.Errorf("lifetime %v, had %v left, the home registration has %v", bu.Lifetime, before, home)
	}
	b.step(b.answers()...)
	if v := b.view(); v.State != "direct" || v.Remaining != bu.Lifetime {
		t.Errorf("%+v", v)
	}
}

// On a link that comes and goes a correspondent gets at most MAX_UPDATE_RATE Care-of
// Test Inits a second, none with the cookie of another.
//
// Requirements: 6275-11.8-6, 6275-11.8-8
func TestRFC6275_11_8_CareOfTestInitsOfAFlappingLink(t *testing.T) {
	b := newROBed(t)
	b.optimize()
	b.wait(time.Second)
	cookies := make(map[[8]byte]bool)
	var at []time.Time
	note := func() {
		_, messages := b.sentTo(cn)
		for _, m := range messages {
			if c, ok := m.(*mh.CareOfTestInit); ok {
				if cookies[c.Cookie] {
					t.Error("a cookie is used twice")
				}
				cookies[c.Cookie] = true
				at = append(at, b.now)
			}
		}
	}
	for i := range 100 {
		b.step(up(eth))
		note()
		b.step([]role.RouterSeen{ra(eth, routerB, netB), ra(eth, routerA, netA)}[i%2])
		note()
		for range 50 {
			b.wait(time.Millisecond)
			note()
		}
	}
	for i := 3; i < len(at); i++ {
		if gap := at[i].Sub(at[i-3]); gap < time.Second-time.Millisecond { // which is how exactly we look
			t.Fatalf("four Care-of Test Inits within %v", gap)
		}
	}
	if len(at) < 5 {
		t.Errorf("%d Care-of Test Inits: this test shows nothing", len(at))
	}
}

// The refusals that are for mobile routers end all attempts in either mode (RFC 3963
// §5.4), a person hears of it, and nothing is taken to be bound. Where other home
// agents are known they are asked first.
//
// Requirements: 3963-5.4.1-1, 3963-5.4.1-1b, 3963-5.4.1-2, 3963-5.4.1-3, 3963-5.4.2-1, 3963-5.4.2-2
// Requirements: 3963-5.4.2-3, 3963-5.4.2-4
func TestRFC3963_5_4_RefusalsInEitherMode(t *testing.T) {
	for _, implicit := range []bool{true, false} {
		for _, status := range []mh.Status{140, 141, 142, 143} {
			b := waiting(t, routerParams(implicit))
			b.ack(status)
			told := false
			for _, n := range b.notices {
				told = told || n.Warn && n.HasStatus && n.Status == status
			}
			b.wait(time.Hour)
			b.move(ra(eth, routerB, netB)) // changes nothing: it is not sent again, ever
			b.wait(time.Hour)
			if v := b.m.Bindings(b.now)[0]; len(b.bus) != 1 || v.Registered || v.Bound.IsValid() || b.path().Mode != role.PathBlocked || !told {
				t.Errorf("implicit %v, status %d: %d Binding Updates, %+v, path %v, told %v", implicit, status, len(b.bus), v, b.path().Mode, told)
			}

			p := routerParams(implicit)
			p.Homes[0].HomeAgent = netip.Addr{}
			b, q := seeker(t, p)
			b.step(b.reply(q.Identifier, true, ha, ha2))
			b.ack(status)
			b.wantAgent(status.String(), ha2)
			refused := func() {
				in := b.ba(b.lastBU(), status)
				in.Src = ha2
				mh.SetChecksum(in.Raw, ha2, hoa.Addr())
				b.step(in)
			}
			refused()
			b.wait(time.Hour)
			b.move(ra(eth, routerB, netB))
			b.wait(time.Hour)
			if n := len(b.requests()); len(b.bus) != 2 || n != 0 {
				t.Errorf("implicit %v, status %d by all: %d Binding Updates, %d searches", implicit, status, len(b.bus), n)
			}

			// One was only silent: the search goes on.
			b, q = seeker(t, p)
			b.step(b.reply(q.Identifier, true, ha, ha2))
			b.wait(30 * time.Second)
			b.wantAgent("silence", ha2)
			refused()
			b.wait(time.Minute)
			if len(b.requests()) == 0 {
				t.Errorf("implicit %v, status %d: no search although one was only silent", implicit, status)
			}
		}
	}
}

// No Home Address option goes to link-local addresses or groups, nor to what is
// nobody's: these are no correspondents, though the policy permits everybody.
//
// Requirements: 6275-11.3.1-5, 6275-11.3.4-5
func TestRFC6275_11_3_1_WhoIsNoCorrespondent(t *testing.T) {
	b := newROBed(t)
	for _, a := range []string{"fe80::1", "ff02::1", "ff0e::1", "::", "::1", hoa.Addr().String(), ha.String()} {
		b.step(role.PeerSeen{Pair: role.Pair{Local: hoa.Addr(), Peer: netip.MustParseAddr(a)}})
		if n := len(b.m.Peers(b.now)); n != 0 {
			t.Fatalf("%s is one", a)
		}
	}
	b.step(role.PeerSeen{Pair: toCN})
	if len(b.m.Peers(b.now)) != 1 {
		t.Error("nobody is one: this test shows nothing")
	}
}

// Each home address is taken back by an advertisement of its own, when its own
// de-registration has been acknowledged (§11.5.5).
//
// Requirements: 6275-11.5.5-11, 6275-11.5.5-11b
func TestRFC6275_11_5_5_EachHomeAddressIsAdvertised(t *testing.T) {
	p := defaultParams()
	second := netip.MustParsePrefix("2001:db8:1::200/64")
	p.Homes = append(p.Homes, Home{HomeAddress: second, HomeAgent: ha, Lifetime: 400 * time.Second})
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	answer := func(s sentBU, home netip.Addr) []string {
		in := b.ba(s, mh.StatusAccepted)
		mh.SetChecksum(in.Raw, ha, home)
		return b.step(in)
	}
	for _, s := range append([]sentBU(nil), b.bus...) {
		answer(s, s.send.HomeAddress)
	}
	b.wait(2 * time.Second)
	n := len(b.bus)
	b.move(homeRA(eth))
	if len(b.bus) != n+2 {
		t.Fatalf("%d de-registrations, want 2", len(b.bus)-n)
	}
	expect(t, "the first", answer(b.bus[n], hoa.Addr()), "path home on 2", advertise)
	expect(t, "the second", answer(b.bus[n+1], second.Addr()), "path home on 2", "advertise 2001:db8:1::200 on 2")
}

// A home address that has waited for long does not make another one wait (§11.8).
//
// Requirements: 6275-11.8-5
func TestRFC6275_11_8_OwnBackoffForEachHomeAddress(t *testing.T) {
	p := defaultParams()
	second := netip.MustParsePrefix("2001:db8:2::100/64")
	otherHA := netip.MustParseAddr("2001:db8:2::1")
	p.Homes = append(p.Homes, Home{HomeAddress: second, HomeAgent: otherHA, Lifetime: 8 * time.Second})
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	in := b.ba(b.lastBU(), mh.StatusAccepted)
	in.Src = otherHA
	mh.SetChecksum(in.Raw, otherHA, second.Addr())
	b.step(in)
	b.wait(30 * time.Second) // nobody answers any more
	at := make(map[netip.Addr][]float64)
	for _, s := range b.bus {
		at[s.send.Dst] = append(at[s.send.Dst], s.at.Sub(t0).Seconds())
	}
	// The refresh after four fifths of 8 s begins a back-off of its own.
	want := map[netip.Addr][]float64{ha: {0, 1.5, 4.5, 10.5, 22.5}, otherHA: {0, 6.4, 7.4, 9.4, 13.4, 21.4}}
	for agent, times := range want {
		if diff := cmp.Diff(times, at[agent]); diff != "" {
			t.Errorf("Binding Updates to %s at (-want +got):\n%s", agent, diff)
		}
	}
}
