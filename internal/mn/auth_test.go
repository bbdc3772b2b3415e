package mn

import (
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// Requirements: 4283-3.1-1, 4285-4-1, 4285-5.1-1, 4285-5.1.1-1, 6275-11.7.1-15
func TestRFC4285_OptionsOfABindingUpdate(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*Auth)
		mnid string
		ts   bool
	}{
		{"timestamp", func(*Auth) {}, "mn100@example.org", true},
		{"sequence", func(a *Auth) { a.Replay = ReplaySequence }, "mn100@example.org", false},
		{"default identifier", func(a *Auth) { a.MNID = "" }, "20010db8000100000000000000000100", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := authParams()
			tt.edit(p.Homes[0].Auth)
			got := waiting(t, p).lastBU()
			id, ok := mh.Find[mh.MobileNodeIdentifier](got.bu.Options)
			if !ok || id.Subtype != mh.SubtypeNAI || string(id.Identifier) != tt.mnid {
				t.Errorf("MN identifier %q subtype %d, want %q", id.Identifier, id.Subtype, tt.mnid)
			}
			if _, ok := mh.Find[mh.MesgID](got.bu.Options); ok != tt.ts {
				t.Errorf("timestamp there: %v, want %v", ok, tt.ts)
			}
			last, ok := got.bu.Options[len(got.bu.Options)-1].(mh.MobilityMessageAuthentication)
			if !ok || last.Subtype != mh.SubtypeMNHA || last.SPI != 256 {
				t.Fatalf("last option %+v, want MN-HA authentication (MUST be the last)", got.bu.Options)
			}
			mac := rr.MNHA(key, coaA, hoa.Addr(),
				mh.Covered(got.send.Raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA))
			if !rr.Equal(last.Authenticator, mac) {
				t.Error("the authenticator does not verify")
			}
		})
	}
}

func TestRFC4285_DeregistrationAuthenticatesTheHomeAddressAsCareOf(t *testing.T) {
	b := awayAt(t, authParams())
	b.move(homeRA(eth))
	got := b.lastBU()
	opt, _ := mh.Find[mh.MobilityMessageAuthentication](got.bu.Options)
	mac := rr.MNHA(key, hoa.Addr(), hoa.Addr(),
		mh.Covered(got.send.Raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA))
	if got.bu.Lifetime != 0 || !rr.Equal(opt.Authenticator, mac) {
		t.Error("the authenticator of the de-registration does not verify")
	}
}

// Requirements: 4285-5-3, 4285-5.1-1, 4285-5.1.1-3, 6275-11.7.3-2, 6275-11.7.3-3, 6275-11.7.3-5
func TestRFC4285_5_UnverifiedAnswersAreDropped(t *testing.T) {
	otherSPI := withOption(mh.MobilityMessageAuthentication{Subtype: mh.SubtypeMNHA, SPI: 999, Authenticator: make([]byte, 12)})
	short := withOption(mh.MobilityMessageAuthentication{Subtype: mh.SubtypeMNHA, SPI: 256, Authenticator: make([]byte, 4)})
	aaa := withOption(mh.MobilityMessageAuthentication{Subtype: mh.SubtypeMNAAA, SPI: 256, Authenticator: make([]byte, 12)})
	for _, tt := range []struct {
		name  string
		ev    func(*bed) role.MessageIn
		count role.Counter
	}{
		{"no authentication", func(b *bed) role.MessageIn {
			return unsignedBA(b, mh.StatusAccepted, b.lastBU().bu.Sequence)
		}, role.CountNoAuth},
		{"another key", func(b *bed) role.MessageIn {
			return forgedBA(b, mh.StatusAccepted, b.lastBU().bu.Sequence)
		}, role.CountBadAuth},
		{"another SPI", func(b *bed) role.MessageIn {
			return b.ba(b.lastBU(), mh.StatusAccepted, otherSPI)
		}, role.CountUnknownSPI},
		{"short authenticator", func(b *bed) role.MessageIn {
			return b.ba(b.lastBU(), mh.StatusAccepted, short)
		}, role.CountBadAuth},
		{"MN-AAA alone", func(b *bed) role.MessageIn {
			return b.ba(b.lastBU(), mh.StatusAccepted, aaa)
		}, role.CountNoAuth},
		{"an option behind it", func(b *bed) role.MessageIn {
			ev := b.ba(b.lastBU(), mh.StatusAccepted)
			ev.Raw = append(ev.Raw, 2, 2, 0, 10, 1, 2, 0, 0) // a Binding Refresh Advice and padding
			ev.Raw[1]++
			fix(&ev)
			return ev
		}, role.CountMalformed},
		{"changed on the way", func(b *bed) role.MessageIn {
			ev := b.ba(b.lastBU(), mh.StatusAccepted)
			ev.Raw[11]++ // lifetime
			fix(&ev)
			return ev
		}, role.CountBadAuth},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := waiting(t, authParams())
			expect(t, "answer", b.step(tt.ev(b)))
			if v := b.m.Bindings(b.now)[0]; v.Registered || !v.Waiting || v.HasStatus {
				t.Errorf("state changed: %+v", v)
			}
			if b.counts[tt.count] != 1 {
				t.Errorf("counters %v, want %v", b.counts, tt.count)
			}
		})
	}
}

// A home agent with another key answers 146, which can't verify. It must not
// change anything, but a person hears of it once.
func TestRFC4285_5_3_WrongKey(t *testing.T) {
	b := waiting(t, authParams())
	for range 5 {
		b.step(forgedBA(b, mh.StatusAuthFail, b.lastBU().bu.Sequence))
		b.wait(10 * time.Second)
	}
	warned := 0
	for _, n := range b.notices {
		if n.Warn && n.Status == mh.StatusAuthFail {
			warned++
		}
	}
	if warned != 1 {
		t.Errorf("told %d times, want once", warned)
	}
	if v := b.m.Bindings(b.now)[0]; v.Refused || !v.Waiting {
		t.Errorf("%+v: anybody can send such an answer", v)
	}
	if b.counts[role.CountBadAuth] != 5 {
		t.Errorf("counters %v", b.counts)
	}
}

// Requirements: 4285-6-5
func TestRFC4285_6_TimestampsGrow(t *testing.T) {
	b := waiting(t, authParams())
	b.wait(100 * time.Second)
	for i := 1; i < len(b.bus); i++ {
		if b.bus[i].stamp() <= b.bus[i-1].stamp() {
			t.Errorf("timestamp %x after %x", b.bus[i].stamp(), b.bus[i-1].stamp())
		}
	}
	if got, want := b.bus[0].stamp()>>32, uint64(t0.Unix()+2208988800); got != want {
		t.Errorf("seconds %d, want NTP's %d", got, want)
	}
}

// Requirements: 4285-6-7
func TestRFC4285_6_TimestampMustMatch(t *testing.T) {
	b := waiting(t, authParams())
	for _, f := range []func(*mh.BindingAcknowledgement){
		func(ba *mh.BindingAcknowledgement) {
			for i, o := range ba.Options {
				if id, ok := o.(mh.MesgID); ok {
					id.Timestamp++
					ba.Options[i] = id
				}
			}
		},
		func(ba *mh.BindingAcknowledgement) { ba.Options = ba.Options[:1] }, // no timestamp
	} {
		expect(t, "answer", b.ack(mh.StatusAccepted, f))
	}
	if v := b.m.Bindings(b.now)[0]; v.Registered || !v.Waiting {
		t.Errorf("state changed: %+v", v)
	}
	if b.counts[role.CountReplay] != 2 {
		t.Errorf("counters %v", b.counts)
	}
}

// homeAgentClock makes an answer MIPV6-ID-MISMATCH of a home agent whose clock
// differs from ours.
func homeAgentClock(b *bed, off time.Duration) func(*mh.BindingAcknowledgement) {
	return func(ba *mh.BindingAcknowledgement) {
		for i, o := range ba.Options {
			if id, ok := o.(mh.MesgID); ok {
				seconds := uint64(b.now.Add(off).Unix() + 2208988800)
				ba.Options[i] = mh.MesgID{Timestamp: seconds<<32 | id.Timestamp&0xffffffff}
			}
		}
	}
}

// Requirements: 4285-6-6
func TestRFC4285_6_MismatchAdjustsTheTimestamp(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour, 3000 * 24 * time.Hour} {
		b := waiting(t, authParams())
		b.wait(100 * time.Millisecond)
		b.ack(mh.StatusIDMismatch, homeAgentClock(b, off))
		if len(b.bus) != 2 {
			t.Fatalf("%v off: %d Binding Updates, want a corrected one at once", off, len(b.bus))
		}
		got := int64(b.lastBU().stamp()>>32) - (b.now.Add(off).Unix() + 2208988800)
		if got < -1 || got > 1 {
			t.Errorf("%v off: the corrected timestamp is %d s from the home agent's clock", off, got)
		}
		if v := b.m.Bindings(b.now)[0]; v.Registered {
			t.Errorf("%v off: registered by a rejection", off)
		}
		b.ack(mh.StatusAccepted)
		if v := b.m.Bindings(b.now)[0]; !v.Registered {
			t.Errorf("%v off: not registered", off)
		}
		n := b.lastBU().stamp()
		b.wait(330 * time.Second)
		if next := b.lastBU().stamp(); next <= n || next-n > 331<<32 {
			t.Errorf("%v off: refreshed with %x after %x", off, next, n)
		}
	}
}

// Requirements: 4285-6-6
func TestRFC4285_6_UnauthenticatedMismatchIsIgnored(t *testing.T) {
	b := waiting(t, authParams())
	ev := b.ba(b.lastBU(), mh.StatusIDMismatch, homeAgentClock(b, time.Hour))
	signBA(ev.Raw, coaA, hoa.Addr(), []byte("another key, eh?"))
	fix(&ev)
	expect(t, "144", b.step(ev))
	b.wait(2 * time.Second)
	if got := int64(b.lastBU().stamp()>>32) - (b.now.Unix() + 2208988800); got < -2 || got > 0 {
		t.Errorf("clock moved by %d s", got)
	}
}

func TestEndlessMismatchesBackOff(t *testing.T) {
	b := waiting(t, authParams())
	for range 200 {
		if b.m.Bindings(b.now)[0].Waiting {
			b.ack(mh.StatusIDMismatch, homeAgentClock(b, time.Hour))
		}
		b.wait(500 * time.Millisecond)
	}
	if n := len(b.bus); n > 12 {
		t.Errorf("%d Binding Updates in 100 s", n)
	}
}

func TestRFC4285_6_MesgIDRequired(t *testing.T) {
	p := authParams()
	p.Homes[0].Auth.Replay = ReplaySequence
	b := waiting(t, p)
	b.ack(mh.StatusMesgIDRequired)
	if len(b.bus) != 2 || b.lastBU().stamp() == 0 {
		t.Errorf("%d Binding Updates, timestamp %x; want another with a timestamp", len(b.bus), b.lastBU().stamp())
	}
	b.ack(mh.StatusAccepted)
	if v := b.m.Bindings(b.now)[0]; !v.Registered {
		t.Errorf("%+v", v)
	}
}

// Requirements: 4285-6-5, 4285-6-8
func TestClock(t *testing.T) {
	at := func(ns int64) time.Time { return time.Unix(1_800_000_000, ns) }
	c := clock{on: true}
	first := c.stamp(at(500_000_000), 0xff)
	if want := uint64(1_800_000_000+2208988800)<<32 | 0x80000003; first != want {
		t.Errorf("half a second is %x, want %x", first, want)
	}
	if again := c.stamp(at(500_000_000), 0); again != first+1 {
		t.Errorf("the same instant is %x, want one more than %x", again, first)
	}
	if back := c.stamp(at(0), 0); back != first+2 {
		t.Errorf("a clock set back gives %x, want one more than %x", back, first+1)
	}
	if last := c.stamp(at(999_999_999), 3); last>>32 != first>>32 {
		t.Errorf("the noise carries into the seconds: %x", last)
	}
	c.accept(first + 2)
	c.accept(first) // a late answer to an earlier one
	if c.accepted != first+2 {
		t.Errorf("accepted %x, want %x", c.accepted, first+2)
	}
	off := clock{}
	if s := off.stamp(at(0), 1); s != 0 {
		t.Errorf("a timestamp %x although there is to be none", s)
	}
}

// NTP's 32 bits of seconds begin again on 7 February 2036.
func TestClockAcrossTheNTPEra(t *testing.T) {
	end := time.Date(2036, 2, 7, 6, 28, 15, 0, time.UTC)
	c := clock{on: true}
	before := c.stamp(end, 0)
	after := c.stamp(end.Add(2*time.Second), 0)
	if before>>32 != 0xffffffff || after>>32 != 1 {
		t.Errorf("%x, then %x", before, after)
	}
	c.correct(before, after)
	if c.offset != 2*time.Second {
		t.Errorf("offset %v, want 2s", c.offset)
	}
}
