package loadgen

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mip6d/internal/mh"
)

var t0 = time.Unix(1_800_000_000, 0)

func at(d time.Duration) time.Time { return t0.Add(d) }

// sent is what a Binding Update says, nil for no packet.
func sent(t *testing.T, packet []byte) *mh.BindingUpdate {
	t.Helper()
	if packet == nil {
		return nil
	}
	m, err := mh.Parse(packet[ipv6Len+24:])
	if err != nil {
		t.Fatal(err)
	}
	return m.(*mh.BindingUpdate)
}

func begin(t *testing.T, f *fleet, d time.Duration, i int, k Kind) *mh.BindingUpdate {
	t.Helper()
	b, err := f.begin(at(d), at(d), i, k)
	if err != nil {
		t.Fatal(err)
	}
	return sent(t, b)
}

func answer(t *testing.T, f *fleet, d time.Duration, i int, seq uint16, s mh.Status) *mh.BindingUpdate {
	t.Helper()
	b, err := f.answered(at(d), acknowledgement{home: f.HomeAddress(i), sequence: seq, status: s, authenticated: true})
	if err != nil {
		t.Fatal(err)
	}
	return sent(t, b)
}

func expired(t *testing.T, f *fleet, d time.Duration) *mh.BindingUpdate {
	t.Helper()
	b, err := f.expired(at(d))
	if err != nil {
		t.Fatal(err)
	}
	return sent(t, b)
}

func result(t *testing.T, f *fleet, k Kind) Result {
	t.Helper()
	r, ok := f.tally[k].result(k, 0)
	if !ok {
		t.Fatalf("nothing of kind %s", k)
	}
	return r
}

const ms = time.Millisecond

func TestALifeOfRegistrations(t *testing.T) {
	f := newFleet(population(2), 10*time.Second, true)
	for i, k := range []Kind{First, Refresh, CareOfChange, Deregister} {
		now := time.Duration(i) * time.Second
		b, err := f.begin(at(now), at(now-5*ms), 1, k)
		if err != nil {
			t.Fatal(err)
		}
		bu := sent(t, b)
		if bu.Sequence != uint16(i+1) || (bu.Lifetime == 0) != (k == Deregister) {
			t.Errorf("%s: %+v", k, bu)
		}
		moves := map[bool]uint32{true: 1}[k >= CareOfChange]
		if careOf := f.CareOfAddress(1, moves); [16]byte(b[8:]) != careOf.As16() {
			t.Errorf("%s: not from %s", k, careOf)
		}
		if again := begin(t, f, now, 1, k); again != nil {
			t.Errorf("%s: begun twice", k)
		}
		if f.busy != 1 {
			t.Errorf("%s: %d under way", k, f.busy)
		}
		answer(t, f, now+20*ms, 1, bu.Sequence, mh.StatusAccepted)
		r := result(t, f, k)
		want := Result{Kind: k, Begun: 1, Accepted: 1, Skipped: 1, PerSecond: 40, P50: 25, P90: 25, P99: 25, Max: 25, LateP99: 5}
		if r.Refused != nil || !equal(r, want) {
			t.Errorf("%+v, want %+v", r, want)
		}
	}
	if f.busy != 0 {
		t.Errorf("%d under way", f.busy)
	}
}

func equal(a, b Result) bool {
	if !maps.Equal(a.Refused, b.Refused) {
		return false
	}
	a.Refused, b.Refused = nil, nil
	return a.Kind == b.Kind && a.Begun == b.Begun && a.Accepted == b.Accepted && a.Skipped == b.Skipped && a.Lost == b.Lost &&
		a.Retransmitted == b.Retransmitted && a.Stale == b.Stale && a.Forged == b.Forged && a.Resynchronised == b.Resynchronised &&
		a.PerSecond == b.PerSecond && a.P50 == b.P50 && a.P90 == b.P90 && a.P99 == b.P99 && a.Max == b.Max && a.LateP99 == b.LateP99
}

// A mobile node sends again after 1.5 s at first, with a new sequence number and
// after twice the time each time, and only the answer to the last counts.
func TestRFC6275_11_8_Retransmissions(t *testing.T) {
	f := newFleet(population(1), 8*time.Second, true)
	begin(t, f, 0, 0, First)
	if bu := expired(t, f, 1499*ms); bu != nil {
		t.Errorf("sent again too early: %+v", bu)
	}
	for k, d := range []time.Duration{1500 * ms, 4500 * ms} {
		if f.next() != at(d) {
			t.Errorf("next at %v, want %v", f.next(), at(d))
		}
		if bu := expired(t, f, d); bu == nil || bu.Sequence != uint16(k+2) {
			t.Fatalf("retransmission %d: %+v", k+1, bu)
		}
		if bu := expired(t, f, d); bu != nil {
			t.Errorf("sent twice at once: %+v", bu)
		}
	}
	answer(t, f, 5*time.Second, 0, 2, mh.StatusAccepted)
	if f.busy != 1 {
		t.Error("an answer to an earlier transmission was taken")
	}
	answer(t, f, 6*time.Second, 0, 3, mh.StatusAccepted)
	if r := result(t, f, First); r.Accepted != 1 || r.Retransmitted != 2 || r.Stale != 1 || r.P50 != 6000 {
		t.Errorf("%+v", r)
	}
	begin(t, f, 20*time.Second, 0, Refresh)
	if bu := expired(t, f, 21*time.Second); bu == nil {
		t.Error("a refresh is not sent again after a second")
	}
}

func TestPatienceEnds(t *testing.T) {
	for _, resend := range []bool{true, false} {
		f := newFleet(population(1), 2*time.Second, resend)
		begin(t, f, 0, 0, Refresh)
		again := 0
		for d := time.Duration(0); d < 3*time.Second; d += 100 * ms {
			if expired(t, f, d) != nil {
				again++
			}
		}
		if r := result(t, f, Refresh); r.Lost != 1 || r.Failed() != 1 || f.busy != 0 || again != map[bool]int{true: 1}[resend] {
			t.Errorf("resend %v: %+v, %d under way, sent again %d times", resend, r, f.busy, again)
		}
		answer(t, f, 4*time.Second, 0, uint16(again+1), mh.StatusAccepted)
		if r := result(t, f, Refresh); r.Accepted != 0 || r.Stale != 1 {
			t.Errorf("after its end: %+v", r)
		}
	}
}

func TestRefusals(t *testing.T) {
	f := newFleet(population(3), time.Second, true)
	for i, s := range []mh.Status{mh.StatusInsufficientResources, mh.StatusInsufficientResources, mh.StatusAuthFail} {
		answer(t, f, ms, i, begin(t, f, 0, i, First).Sequence, s)
	}
	r := result(t, f, First)
	if !maps.Equal(r.Refused, map[mh.Status]int{130: 2, 146: 1}) || r.Accepted != 0 || r.Failed() != 3 || r.PerSecond != 0 {
		t.Errorf("%+v", r)
	}
}

// Status 135 names the number that the home agent has; the mobile node goes on
// behind it at once (RFC 6275 §11.7.3).
func TestRFC6275_11_7_3_SequenceNumberIsCorrected(t *testing.T) {
	f := newFleet(population(1), 10*time.Second, true)
	begin(t, f, 0, 0, Refresh)
	bu := answer(t, f, ms, 0, 500, mh.StatusSequenceOutOfWindow)
	if bu == nil || bu.Sequence != 501 {
		t.Fatalf("sent %+v", bu)
	}
	answer(t, f, 2*ms, 0, 501, mh.StatusAccepted)
	if r := result(t, f, Refresh); r.Accepted != 1 || r.Resynchronised != 1 || r.P50 != 2 {
		t.Errorf("%+v", r)
	}
	for _, c := range []struct{ has, want uint16 }{{502, 503}, {30000, 30001}, {62000, 62001}, {65535, 0}, {1, 2}} { // also our own number
		begin(t, f, 3*ms, 0, Refresh)
		if bu := answer(t, f, 3*ms, 0, c.has, mh.StatusSequenceOutOfWindow); bu == nil || bu.Sequence != c.want {
			t.Errorf("after %d: sent %+v", c.has, bu)
		}
		if bu := answer(t, f, 3*ms, 0, c.has, mh.StatusSequenceOutOfWindow); bu != nil {
			t.Errorf("after %d, said twice: sent %+v", c.has, bu)
		}
		answer(t, f, 4*ms, 0, c.want, mh.StatusAccepted)
	}
	if bu := answer(t, f, 5*ms, 0, 700, mh.StatusSequenceOutOfWindow); bu != nil {
		t.Errorf("sent %+v though nothing was under way", bu)
	}
}

func TestUnauthenticatedAcceptanceIsNone(t *testing.T) {
	f := newFleet(authenticated(1), time.Second, true)
	seq := begin(t, f, 0, 0, First).Sequence
	if _, err := f.answered(at(ms), acknowledgement{home: f.HomeAddress(0), sequence: seq}); err != nil {
		t.Fatal(err)
	}
	if r := result(t, f, First); r.Forged != 1 || r.Accepted != 0 || f.busy != 1 {
		t.Errorf("%+v", r)
	}
	if _, err := f.answered(at(ms), acknowledgement{home: f.HomeAddress(1), sequence: seq, authenticated: true}); err != nil || f.busy != 1 {
		t.Errorf("the answer to a stranger was taken (%v)", err)
	}
}

func TestQuantiles(t *testing.T) {
	var d []time.Duration
	for i := range 100 {
		d = append(d, time.Duration(i+1)*ms)
	}
	for q, want := range map[float64]float64{0.5: 50, 0.9: 90, 0.99: 99, 1: 100, 0: 1} {
		if got := milliseconds(d, q); got != want {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
	if got := milliseconds(d[:1], 0.99); got != 1 {
		t.Errorf("of one: %v", got)
	}
	if got := milliseconds(nil, 0.5); got != 0 {
		t.Errorf("of none: %v", got)
	}
}

func TestOrders(t *testing.T) {
	var each []int
	for i, k := range Each(CareOfChange, 3, 6) {
		if k != CareOfChange {
			t.Errorf("kind %s", k)
		}
		each = append(each, i)
	}
	if !slices.Equal(each, []int{3, 4, 5}) {
		t.Errorf("%v", each)
	}
	n, of := 0, [kinds]int{}
	for i, k := range Mix(rand.New(rand.NewPCG(1, 1)), 0.25, 10, 20) {
		if i != 10+n%10 {
			t.Fatalf("number %d is of mobile node %d", n, i)
		}
		of[k]++
		if n++; n == 1000 {
			break
		}
	}
	if of[CareOfChange] < 200 || of[CareOfChange] > 300 || of[Refresh] != 1000-of[CareOfChange] {
		t.Errorf("%v", of)
	}
}
