package ha

import (
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// Requirements: 4285-5.1.1-3, 4285-5.3-1, 6275-10.3.1-2
func TestRFC4285_5_1_1_WrongKeyIsAnswered146(t *testing.T) {
	b := bound(t, params())
	expect(t, "wrong key", b.step(b.bu(2, from(coaB), withKey("another key, eh?"))), "ba 146 seq 2 lifetime 0s")
	if b.counts[role.CountBadAuth] != 1 {
		t.Errorf("counters %v", b.counts)
	}
	if got := b.m.Bindings()[0]; got.CareOf != coaA || got.Sequence != 1 {
		t.Errorf("bound at %s by %d", got.CareOf, got.Sequence)
	}
	expect(t, "its number is not used up", b.step(b.bu(2)), "ba 0 seq 2 lifetime 6m40s")
}

// Requirements: 4285-5.1-2, 4285-5.1.1-3
func TestRFC4285_5_1_EveryOctetIsCovered(t *testing.T) {
	b := newBed(t, params())
	good := b.bu(1)
	for i := range good.Raw {
		if i == 4 || i == 5 {
			continue // the checksum
		}
		ev := good
		ev.Raw = append([]byte(nil), good.Raw...)
		ev.Raw[i] ^= 0x10
		mh.SetChecksum(ev.Raw, hoa, local)
		for _, line := range b.step(ev) {
			if line == dad1 {
				t.Fatalf("accepted with octet %d changed", i)
			}
		}
	}
	expect(t, "as it was", b.step(good), dad1)
}

// Requirements: 4285-5-3, 4285-5.1.1-4, 4285-5.3-1, 6275-10.3.1-2
func TestRFC4285_5_MissingOrUnknownAuthenticationIsSilence(t *testing.T) {
	b := bound(t, params())
	silent(t, b, "none", b.bu(2, func(u *update) { u.spi = 0 }), role.CountNoAuth)
	silent(t, b, "another SPI", b.bu(2, func(u *update) { u.spi = 257 }), role.CountUnknownSPI)
	silent(t, b, "no association", b.bu(2, func(u *update) { u.home = coaB }), role.CountNoAuth)
}

// Requirements: 4285-5.1-1, 4285-5.1.1-2
func TestRFC4285_5_1_1_AnswerIsAuthenticated(t *testing.T) {
	b := bound(t, params())
	for _, step := range []func(){
		func() {},                  // 0
		func() { b.step(b.bu(1)) }, // 135
		func() { b.step(b.bu(2, func(u *update) { u.stamp = time.Time{} })) }, // 145
	} {
		step()
		a := b.lastAck()
		opts := a.ba.Options
		auth, ok := opts[len(opts)-1].(mh.MobilityMessageAuthentication)
		if !ok || auth.SPI != 256 {
			t.Fatalf("status %d: MN-HA authentication is not the last option: %v", a.ba.Status, opts)
		}
		mac := rr.MNHA(key, coaA, hoa, mh.Covered(a.Raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA))
		if !rr.Equal(auth.Authenticator, mac) {
			t.Errorf("status %d: the authenticator is wrong", a.ba.Status)
		}
		b.tick(time.Second)
	}
}

// Requirements: 4285-6-1
func TestRFC4285_6_TimestampIsCopied(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1))
	b.dad(false)
	b.done(nil)
	if o, ok := mh.Find[mh.MesgID](b.lastAck().ba.Options); !ok || o.Timestamp != toNTP(t0) {
		t.Errorf("Mesg-ID %v %v, want %x", o, ok, toNTP(t0))
	}
}

// Requirements: 4285-6-4
func TestRFC4285_6_TimestampRequired(t *testing.T) {
	b := bound(t, params())
	expect(t, "none", b.step(b.bu(2, func(u *update) { u.stamp = time.Time{} })), "ba 145 seq 2 lifetime 0s")
}

// Requirements: 4285-5.1-3, 4285-6-2, 4285-6-3
func TestRFC4285_6_TimestampMustBeNearAndLater(t *testing.T) {
	for _, c := range []struct {
		name string
		off  time.Duration
		ok   bool
	}{
		{"now", 0, true},
		{"5 s behind", -5 * time.Second, true},
		{"5 s ahead", 5 * time.Second, true},
		{"10 s behind", -10 * time.Second, false},
		{"10 s ahead", 10 * time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, params())
			b.now = t0.Add(250 * time.Millisecond)
			stamp := b.now.Add(c.off).Add(500 * time.Millisecond)
			got := b.step(b.bu(1, func(u *update) { u.stamp = stamp }))
			if c.ok {
				expect(t, "near enough", got, dad1)
				return
			}
			expect(t, "too far", got, "ba 144 seq 1 lifetime 0s")
			o, _ := mh.Find[mh.MesgID](b.lastAck().ba.Options)
			if want := toNTP(b.now)&^0xffffffff | toNTP(stamp)&0xffffffff; o.Timestamp != want {
				t.Errorf("Mesg-ID %x, want our seconds and their fraction: %x", o.Timestamp, want)
			}
			if len(b.m.Bindings())+len(b.m.Detecting()) != 0 {
				t.Error("something was begun")
			}
		})
	}
}

// Requirements: 4285-6-2
func TestRFC4285_6_ReplayIsRefused(t *testing.T) {
	b := newBed(t, params())
	first := b.bu(1)
	b.step(first)
	b.dad(false)
	b.done(nil)
	b.tick(time.Second)
	b.step(b.bu(2, from(coaB)))
	b.done(nil)
	b.tick(time.Second)
	expect(t, "replayed", b.step(first), "ba 144 seq 1 lifetime 0s")
	b.step(b.bu(3, deregister, from(coaB)))
	b.done(nil)
	b.tick(time.Second)
	expect(t, "replayed after the end", b.step(first), "ba 144 seq 1 lifetime 0s")
	if b.counts[role.CountReplay] != 2 || len(b.m.Bindings()) != 0 {
		t.Errorf("counters %v, bindings %v", b.counts, b.m.Bindings())
	}
}

// Requirements: 4283-3.1-1
func TestRFC4283_3_IdentifierMustMatchWhereConfigured(t *testing.T) {
	p := params()
	p.MobileNodes[0].Auth.MNID = "mn@example.org"
	b := newBed(t, p)
	silent(t, b, "none", b.bu(1), role.CountBadAuth)
	silent(t, b, "another", b.bu(1, func(u *update) { u.mnid = "eve@example.org" }), role.CountBadAuth)
	expect(t, "right", b.step(b.bu(1, func(u *update) { u.mnid = "mn@example.org" })), dad1)
	b.dad(false)
	b.done(nil)
	if id, ok := mh.Find[mh.MobileNodeIdentifier](b.lastAck().ba.Options); !ok || string(id.Identifier) != "mn@example.org" {
		t.Errorf("the answer's identifier is %q", id.Identifier)
	}
}

func TestUnauthenticatedOnlyWhereAllowed(t *testing.T) {
	plain := func(u *update) { u.spi, u.stamp = 0, time.Time{} }
	p := params()
	p.MobileNodes = nil
	b := newBed(t, p)
	silent(t, b, "not allowed", b.bu(1, plain), role.CountNoAuth)
	p.AllowUnauthenticated = true
	b = newBed(t, p)
	expect(t, "allowed", b.step(b.bu(1, plain)), dad1)
	// A mobile node with a key keeps it.
	p.MobileNodes = params().MobileNodes
	b = newBed(t, p)
	silent(t, b, "has a key", b.bu(1, plain), role.CountNoAuth)
}

// TestRFC4285_5_1_1_NoAssociationDiscardsWhatIsAuthenticated, even where what is
// not authenticated would be taken.
//
// Requirements: 4285-5.1.1-4, 4285-5.3-1
func TestRFC4285_5_1_1_NoAssociationDiscardsWhatIsAuthenticated(t *testing.T) {
	p := params()
	p.MobileNodes = nil
	p.AllowUnauthenticated = true
	b := newBed(t, p)
	silent(t, b, "MN-HA, and nobody to check it", b.bu(1), role.CountUnknownSPI)
}

// TestRFC4285_5_1_NothingFollowsTheAuthentication that it does not cover.
//
// Requirements: 4285-5.1-1
func TestRFC4285_5_1_NothingFollowsTheAuthentication(t *testing.T) {
	b := newBed(t, params())
	ev := b.bu(1)
	// An Alternate Care-of Address, with padding to 8n + 6 in front of it.
	for len(ev.Raw)%8 != 6 {
		ev.Raw = append(ev.Raw, 0)
	}
	to := coaB.As16()
	ev.Raw = append(append(ev.Raw, 3, 16), to[:]...)
	ev.Raw[1] = byte(len(ev.Raw)/8 - 1)
	mh.SetChecksum(ev.Raw, hoa, local)
	silent(t, b, "an appended care-of address", ev, role.CountMalformed)
}

// TestRFC4285_6_TimestampIsRememberedAfterTheGuard: one that was ahead of our
// clock is near it for longer than that.
//
// Requirements: 4285-6-2
func TestRFC4285_6_TimestampIsRememberedAfterTheGuard(t *testing.T) {
	b := newBed(t, params())
	first := b.bu(1, func(u *update) { u.stamp = t0.Add(6500 * time.Millisecond) })
	b.step(first)
	b.dad(false)
	b.done(nil)
	b.step(b.bu(2, deregister, func(u *update) { u.stamp = t0.Add(6600 * time.Millisecond) }))
	b.done(nil)
	b.tick(maxDeleteTimeout + time.Second)
	expect(t, "replayed", b.step(first), "ba 144 seq 1 lifetime 0s")
}

// TestRFC4285_6_TimestampOfARefusalIsNotUsedUp: only what is accepted counts.
//
// Requirements: 4285-6-2
func TestRFC4285_6_TimestampOfARefusalIsNotUsedUp(t *testing.T) {
	b := newBed(t, params())
	ahead := b.bu(1, withKey("another key, eh?"), func(u *update) { u.stamp = t0.Add(6 * time.Second) })
	expect(t, "a forgery with a later timestamp", b.step(ahead), "ba 146 seq 1 lifetime 0s")
	expect(t, "the mobile node's own", b.step(b.bu(1)), dad1)
}

func TestNTPTimestampsOfBothEras(t *testing.T) {
	for _, at := range []time.Time{t0, time.Date(2040, 5, 6, 7, 8, 9, 500e6, time.UTC)} {
		if got := fromNTP(toNTP(at)); got.Sub(at).Abs() > time.Microsecond {
			t.Errorf("%v became %v", at, got)
		}
	}
	// RFC 5905 figure 4: 1 January 1970 is second 2,208,988,800 of the first era.
	if got := toNTP(time.Unix(0, 0)) >> 32; got != 2208988800 {
		t.Errorf("1970 is %d", got)
	}
}
