package bul

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	ha   = netip.MustParseAddr("2001:db8:1::1")
	hoa  = netip.MustParseAddr("2001:db8:1::100")
	hoa2 = netip.MustParseAddr("2001:db8:1::200")
	coa1 = netip.MustParseAddr("2001:db8:a::5")
	coa2 = netip.MustParseAddr("2001:db8:b::5")
	key  = Key{ha, hoa}
	t0   = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

func at(seconds float64) time.Time {
	return t0.Add(time.Duration(seconds * float64(time.Second)))
}

// Requirements: 6275-11.8-4, 6275-12-1
func TestRFC6275_11_8_BackoffDoublesUpTo32Seconds(t *testing.T) {
	for _, tt := range []struct {
		name    string
		initial time.Duration
		want    []float64
	}{
		{"INITIAL_BINDACK_TIMEOUT", time.Second, []float64{1, 2, 4, 8, 16, 32, 32, 32}},
		{"InitialBindackTimeoutFirstReg", 1500 * time.Millisecond, []float64{1.5, 3, 6, 12, 24, 32, 32}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := NewBackoff(tt.initial, 32*time.Second)
			var got []float64
			for range tt.want {
				got = append(got, b.Next().Seconds())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("timeouts (-want +got):\n%s", diff)
			}
			if b.Tries != len(tt.want) {
				t.Errorf("Tries = %d, want %d", b.Tries, len(tt.want))
			}
		})
	}
}

// Requirements: 6275-11.8-6, 6275-12-1
func TestRFC6275_11_8_RateThreeInASecond(t *testing.T) {
	r := Rate{Max: 3}
	var sent []time.Time
	// Something wants to send every 100 ms and respects Next.
	for now := t0; now.Before(at(5)); now = now.Add(100 * time.Millisecond) {
		if next := r.Next(now); !next.After(now) {
			r.Note(now)
			sent = append(sent, now)
		} else if next.Sub(now) > time.Second+1 {
			t.Fatalf("at %v the next message may leave only %v later", now.Sub(t0), next.Sub(now))
		}
	}
	for i := 3; i < len(sent); i++ {
		if gap := sent[i].Sub(sent[i-3]); gap <= time.Second {
			t.Errorf("four messages within %v, at %v", gap, sent[i].Sub(t0))
		}
	}
	if len(sent) < 12 {
		t.Errorf("%d messages in 5 s: the limit holds back too much", len(sent))
	}
}

func TestRateFreesItselfAtTheTimeItNames(t *testing.T) {
	r := Rate{Max: 3}
	for range 3 {
		if next := r.Next(t0); next != t0 {
			t.Fatalf("one of the first three has to wait until %v", next)
		}
		r.Note(t0)
	}
	next := r.Next(t0)
	if !next.After(at(1)) {
		t.Fatalf("Next = %v, within the same second", next.Sub(t0))
	}
	if again := r.Next(next); again != next {
		t.Errorf("at the time Next named, Next says %v", again.Sub(t0))
	}
}

// Requirements: 6275-11.7.2-11, 6275-11.7.2-13, 6275-11.8-7
func TestRFC6275_11_8_SequenceGrowsModulo65536(t *testing.T) {
	var l List
	l.Seed(key, 65533)
	var got []uint16
	for i := range 5 {
		got = append(got, send(&l, key, true, coa1, time.Minute, at(float64(i)), 0).Sequence)
	}
	if diff := cmp.Diff([]uint16{65534, 65535, 0, 1, 2}, got); diff != "" {
		t.Errorf("sequence numbers (-want +got):\n%s", diff)
	}
	for i := 1; i < len(got); i++ {
		if !Later(got[i], got[i-1]) {
			t.Errorf("Later(%d, %d) = false", got[i], got[i-1])
		}
	}
}

// Requirements: 6275-11.1-3
func TestRFC6275_9_5_1_SequenceComparison(t *testing.T) {
	for _, tt := range []struct {
		a, b uint16
		want bool
	}{
		{1, 0, true}, {0, 0, false}, {0, 1, false},
		{32767, 0, true}, {32768, 0, false},
		{0, 65535, true}, {65535, 0, false},
		{15, 32783, false}, {15, 32784, true},
	} {
		if got := Later(tt.a, tt.b); got != tt.want {
			t.Errorf("Later(%d, %d) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

// Requirements: 6275-11.7.2-13
func TestSequenceOutlivesItsEntry(t *testing.T) {
	var l List
	l.Seed(key, 100)
	send(&l, key, true, coa1, time.Minute, t0, 0)
	l.Remove(key)
	if e := l.Get(key); e != nil {
		t.Fatal("entry still there after Remove")
	}
	if tr := send(&l, key, true, coa1, time.Minute, t0, 0); tr.Sequence != 102 {
		t.Errorf("sequence after Remove = %d, want 102", tr.Sequence)
	}
}

func TestSequencesArePerHomeAddress(t *testing.T) {
	var l List
	l.Seed(key, 7)
	l.Seed(Key{ha, hoa2}, 1000)
	send(&l, key, true, coa1, time.Minute, t0, 0)
	if tr := send(&l, Key{ha, hoa2}, true, coa1, time.Minute, t0, 0); tr.Sequence != 1001 {
		t.Errorf("sequence of the second home address = %d, want 1001", tr.Sequence)
	}
	if got := l.Sequence(key); got != 8 {
		t.Errorf("sequence of the first = %d, want 8", got)
	}
}

// Requirements: 6275-11.7.3-8
func TestRFC6275_11_7_3_LifetimeCountsFromSending(t *testing.T) {
	for _, tt := range []struct {
		name        string
		update, ack time.Duration
		want        time.Time
	}{
		{"as asked", 420 * time.Second, 420 * time.Second, at(420)},
		{"shortened", 420 * time.Second, 100 * time.Second, at(100)},
		{"longer than asked", 100 * time.Second, 420 * time.Second, at(100)},
		{"nothing", 100 * time.Second, 0, at(0)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var l List
			tr := send(&l, key, true, coa1, tt.update, t0, 0)
			e := l.Get(key)
			e.Accept(tr, tt.ack) // whenever: the answer's delay must not matter
			if !e.Until().Equal(tt.want) {
				t.Errorf("Until = %v after sending, want %v", e.Until().Sub(t0), tt.want.Sub(t0))
			}
			if got, want := e.Remaining(at(30)), max(tt.want.Sub(at(30)), 0); got != want {
				t.Errorf("Remaining = %v, want %v", got, want)
			}
			if !e.Acked || e.Outstanding() {
				t.Errorf("Acked = %v, Outstanding = %v after an acknowledgement", e.Acked, e.Outstanding())
			}
		})
	}
}

func TestAnyRetransmissionMayBeAnswered(t *testing.T) {
	var l List
	l.Seed(key, 10)
	first := send(&l, key, true, coa1, time.Minute, t0, 1)
	second := send(&l, key, true, coa1, time.Minute, at(1), 2)
	e := l.Get(key)
	for _, want := range []Transmission{first, second} {
		got, ok := e.Match(want.Sequence)
		if !ok || got != want {
			t.Errorf("Match(%d) = %+v, %v; want %+v", want.Sequence, got, ok, want)
		}
	}
	if _, ok := e.Match(10); ok {
		t.Error("matched a sequence number that was never sent")
	}
	if last, ok := e.Last(); !ok || last != second {
		t.Errorf("Last = %+v, %v; want the second transmission", last, ok)
	}
}

func TestAnotherCareOfAddressSupersedes(t *testing.T) {
	var l List
	old := send(&l, key, true, coa1, time.Minute, t0, 0)
	current := send(&l, key, true, coa2, time.Minute, at(1), 0)
	e := l.Get(key)
	if _, ok := e.Match(old.Sequence); ok {
		t.Error("an answer for the previous care-of address would still count")
	}
	if _, ok := e.Match(current.Sequence); !ok {
		t.Error("no match for the present one")
	}
}

func TestDeregistrationSupersedesRegistration(t *testing.T) {
	var l List
	old := send(&l, key, true, hoa, time.Minute, t0, 0)
	send(&l, key, true, hoa, 0, at(1), 0)
	if _, ok := l.Get(key).Match(old.Sequence); ok {
		t.Error("the answer to a registration would count for the de-registration")
	}
}

func TestPendingIsBounded(t *testing.T) {
	var l List
	first := send(&l, key, true, coa1, time.Minute, t0, 0)
	var last Transmission
	for i := range 1000 {
		last = send(&l, key, true, coa1, time.Minute, at(float64(i)), 0)
	}
	e := l.Get(key)
	if len(e.pending) != maxPending {
		t.Errorf("%d transmissions remembered, want %d", len(e.pending), maxPending)
	}
	if _, ok := e.Match(first.Sequence); ok {
		t.Error("the oldest is still remembered")
	}
	if _, ok := e.Match(last.Sequence); !ok {
		t.Error("the newest is forgotten")
	}
}

func TestRefusalLeavesTheOldBinding(t *testing.T) {
	var l List
	tr := send(&l, key, true, coa1, 100*time.Second, t0, 0)
	e := l.Get(key)
	e.Accept(tr, 100*time.Second)
	send(&l, key, true, coa2, 100*time.Second, at(50), 0)
	if want := at(150); !e.Until().Equal(want) {
		t.Errorf("with an update on its way Until = %v, want %v", e.Until().Sub(t0), want.Sub(t0))
	}
	e.Refuse()
	if e.Bound != coa1 || !e.Until().Equal(at(100)) || !e.Registered(at(99)) || e.Registered(at(100)) {
		t.Errorf("after a refusal: bound to %v until %v", e.Bound, e.Until().Sub(t0))
	}
	if e.Outstanding() {
		t.Error("still waiting for an answer")
	}
}

// Requirements: 6275-8.5-1, 6275-11.1-1, 6275-11.1-2
func TestRFC6275_11_1_EntryDeletedAtLifetimeZero(t *testing.T) {
	var l List
	tr := send(&l, key, true, coa1, 100*time.Second, t0, 0)
	l.Get(key).Accept(tr, 60*time.Second)
	send(&l, Key{ha, hoa2}, true, coa1, 400*time.Second, t0, 0)
	if next := l.Next(); !next.Equal(at(60)) {
		t.Errorf("Next = %v, want 60s", next.Sub(t0))
	}
	if gone := l.Expire(at(59.999)); len(gone) != 0 {
		t.Errorf("%d entries expired early", len(gone))
	}
	gone := l.Expire(at(60))
	if len(gone) != 1 || gone[0].HomeAddress != hoa {
		t.Fatalf("Expire returned %v", gone)
	}
	if l.Get(key) != nil || l.Get(Key{ha, hoa2}) == nil || len(l.All()) != 1 {
		t.Error("the wrong entry is gone")
	}
}

func TestUnansweredUpdateExpiresToo(t *testing.T) {
	var l List
	send(&l, key, true, coa1, 8*time.Second, t0, 0)
	if gone := l.Expire(at(8)); len(gone) != 1 {
		t.Error("an unanswered Binding Update stays beyond the lifetime it asked for")
	}
	if !l.Next().IsZero() {
		t.Error("an empty list has a next expiry")
	}
}

func TestPresumedBindingCanBeDeregistered(t *testing.T) {
	var l List
	l.Presume(key, at(420))
	tr := send(&l, key, true, hoa, 0, at(1), 0)
	if gone := l.Expire(at(100)); len(gone) != 0 {
		t.Fatal("the presumed binding is forgotten before its time")
	}
	e := l.Get(key)
	e.Refuse() // out of window: the presumption stays
	if !e.Until().Equal(at(420)) {
		t.Errorf("Until = %v after a refusal, want 420s", e.Until().Sub(t0))
	}
	e.Accept(tr, 0)
	if gone := l.Expire(at(2)); len(gone) != 1 {
		t.Error("the entry outlives its de-registration")
	}
}

func TestZeroListIsEmpty(t *testing.T) {
	var l List
	if l.Get(key) != nil || len(l.All()) != 0 || !l.Next().IsZero() || l.Expire(t0) != nil {
		t.Error("a zero List is not empty")
	}
	l.Remove(key)
	if tr := send(&l, key, false, coa1, time.Second, t0, 0); tr.Sequence != 1 {
		t.Errorf("first sequence number = %d, want 1", tr.Sequence)
	}
	if l.Get(key).HomeRegistration {
		t.Error("a correspondent registration became a home registration")
	}
}

func send(l *List, k Key, home bool, careOf netip.Addr, lifetime time.Duration, now time.Time, stamp uint64) Transmission {
	return l.Send(k, home, Transmission{CareOf: careOf, Lifetime: lifetime, Sent: now, Stamp: stamp})
}

func TestForgetTakesTheSequenceNumberToo(t *testing.T) {
	var l List
	send(&l, key, false, coa1, time.Minute, t0, 0)
	if !l.Numbered(key) {
		t.Error("not numbered")
	}
	l.Forget(key)
	if l.Numbered(key) || l.Get(key) != nil || l.Sequence(key) != 0 {
		t.Error("something is remembered")
	}
}

func TestASecretIsNotPrinted(t *testing.T) {
	secret := Transmission{Key: Secret{0xaa, 0xbb}}
	for _, format := range []string{"%v", "%+v", "%x"} {
		if s := fmt.Sprintf(format, secret); strings.Contains(s, "170") || strings.Contains(s, "aa") {
			t.Errorf("%s prints %s", format, s)
		}
	}
}

// Of two that are on their way the earlier is answered; the later one, which asked for
// less, may have been accepted as well.
func TestALaterUpdateMayHaveShortenedTheBinding(t *testing.T) {
	var l List
	k := Key{Peer: ha, HomeAddress: hoa}
	first := send(&l, k, false, coa1, 400*time.Second, at(0), 0)
	send(&l, k, false, coa1, 200*time.Second, at(1), 0)
	e := l.Get(k)
	e.Accept(first, 400*time.Second)
	if want := at(201); !e.BoundUntil.Equal(want) {
		t.Errorf("bound until %v, want %v", e.BoundUntil, want)
	}
	if want := at(400); !e.Until().Equal(want) { // or lost
		t.Errorf("may be there until %v, want %v", e.Until(), want)
	}
}

// acknowledged is a list with a binding of a correspondent for 400 s.
func acknowledged() (*List, Key, *Entry) {
	l, k := new(List), Key{Peer: ha, HomeAddress: hoa}
	first := send(l, k, false, coa1, 400*time.Second, at(0), 0)
	e := l.Get(k)
	e.Accept(first, 400*time.Second)
	return l, k, e
}

// One that asks for less than what was acknowledged may have been accepted without an answer.
// If it was refused or lost, the old binding is still there.
func TestAnUnansweredUpdateMayHaveShortenedTheBinding(t *testing.T) {
	l, k, e := acknowledged()
	send(l, k, false, coa1, 200*time.Second, at(1), 0)
	if e.Registered(at(202)) || !e.Registered(at(200)) {
		t.Errorf("registered until %v", e.BoundUntil)
	}
	e.Refuse()
	if want := at(400); !e.Until().Equal(want) {
		t.Errorf("may be there until %v, want %v", e.Until(), want)
	}
}

// A deletion that was not answered may have been carried out.
func TestAnUnansweredDeletionMayHaveEndedTheBinding(t *testing.T) {
	l, k, e := acknowledged()
	send(l, k, false, hoa, 0, at(1), 0)
	if e.Registered(at(1)) || !e.Until().Equal(at(400)) {
		t.Errorf("registered: %v, may be there until %v", e.Registered(at(1)), e.Until())
	}
}
