package proxynd

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// step is one thing that a schedule wanted done.
type step struct {
	At   time.Duration // since the start
	Do   string
	Addr netip.Addr
}

var actionNames = map[action]string{sendProbe: "probe", sendAdvertisement: "advertise", probeEnded: "free"}

// play carries a schedule out, every message leaving at once, until nothing is
// left or the bound is reached.
func play(s *schedule, start time.Time, until time.Duration) []step {
	var steps []step
	for {
		now, ok := s.next()
		if !ok || now.Sub(start) > until {
			return steps
		}
		j, act, ok := s.due(now, now)
		if !ok {
			panic("next names a time at which nothing is due")
		}
		steps = append(steps, step{now.Sub(start), actionNames[act], j.addr})
		if act != probeEnded {
			s.sentNow(j, now)
		}
	}
}

func TestScheduleProbesAndAdvertises(t *testing.T) {
	start := time.Unix(1000, 0)
	s := newSchedule(Params{})
	s.startProbe(start, hoa)
	s.startProbe(start, hoa) // under way
	s.advertise(start.Add(time.Millisecond), router, true)
	ms, sec := time.Millisecond, time.Second
	want := []step{
		{0, "probe", hoa},
		{ms, "advertise", router},
		{sec, "free", hoa}, // RFC 4862: RetransTimer after the last of DupAddrDetectTransmits 1
		{sec + ms, "advertise", router},
		{2*sec + ms, "advertise", router}, // MAX_NEIGHBOR_ADVERTISEMENT 3
	}
	if diff := cmp.Diff(want, play(s, start, time.Hour), cmpAddr()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestScheduleParams(t *testing.T) {
	start := time.Unix(1000, 0)
	s := newSchedule(Params{RetransTimer: 100 * time.Millisecond, Transmits: 3, Advertisements: 1})
	s.startProbe(start, hoa)
	s.advertise(start, router, false)
	want := []string{"probe", "advertise", "probe", "probe", "free"}
	var got []string
	for _, st := range play(s, start, 300*time.Millisecond) {
		got = append(got, st.Do)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestScheduleContestedProbeEndsOnce(t *testing.T) {
	start := time.Unix(1000, 0)
	s := newSchedule(Params{})
	s.startProbe(start, hoa)
	play(s, start, 0)
	if !s.contested(hoa) || s.contested(hoa) || s.contested(router) {
		t.Error("contested must be true for a probe under way, once")
	}
	if got := play(s, start, time.Hour); got != nil {
		t.Errorf("a contested probe went on: %v", got)
	}
}

// A node that has come home must not be robbed of its address by a repetition.
func TestScheduleSilenceEndsAdvertising(t *testing.T) {
	start := time.Unix(1000, 0)
	s := newSchedule(Params{})
	s.advertise(start, hoa, false)
	s.advertise(start, router, true)
	play(s, start, 0)
	s.silence(hoa)
	for _, st := range play(s, start, time.Hour) {
		if st.Addr == hoa {
			t.Errorf("advertised after silence: %v", st)
		}
	}
	s.advertise(start, router, true)
	s.advertise(start, router, false) // anew, not twice
	if got := len(play(s, start, time.Hour)); got != 3 {
		t.Errorf("%d advertisements, want 3", got)
	}
}

func TestScheduleGivesUpSending(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newSchedule(Params{})
	s.startProbe(now, hoa)
	tries := 0
	for {
		j, act, ok := s.due(now, now)
		if !ok || act != sendProbe {
			t.Fatalf("after %d tries: due %v, action %v", tries, ok, act)
		}
		tries++
		if s.failedNow(j, now) {
			break
		}
		now, _ = s.next()
	}
	if _, ok := s.next(); ok || tries != maxRetries+1 {
		t.Errorf("gave up after %d tries, something left: %v", tries, ok)
	}
}

// TestScheduleLimitsTheRate: 10,000 probes that begin together leave at the rate, each ends a RetransTimer
// after it was sent, and repetitions of advertisements wait for them.
func TestScheduleLimitsTheRate(t *testing.T) {
	const n, rate = 10_000, 2000
	start := time.Unix(1000, 0)
	s := newSchedule(Params{Rate: rate})
	s.advertise(start, router, true)
	for i := range n {
		s.startProbe(start, numbered(i))
	}
	sent, free := make(map[netip.Addr]time.Duration), 0
	var perSecond [n/rate + 3]int
	advertised := time.Duration(-1)
	for _, x := range play(s, start, time.Hour) {
		switch x.Do {
		case "probe":
			sent[x.Addr] = x.At
			perSecond[x.At/time.Second]++
		case "advertise":
			if advertised < 0 {
				advertised = x.At
			}
		case "free":
			free++
			if took := x.At - sent[x.Addr]; took < time.Second || took > time.Second+burst {
				t.Fatalf("a probe ended %v after it was sent", took)
			}
		}
	}
	last := time.Duration(0)
	for _, at := range sent {
		last = max(last, at)
	}
	if len(sent) != n || free != n {
		t.Errorf("%d sent, %d ended, of %d", len(sent), free, n)
	}
	if want := n * time.Second / rate; last < want-2*burst || last > want {
		t.Errorf("the last was sent after %v, want about %v", last, want)
	}
	for i, count := range perSecond {
		if most := rate + rate*int(burst)/int(time.Second) + 1; count > most {
			t.Errorf("%d in second %d, want %d at most", count, i, most)
		}
	}
	if advertised < last {
		t.Errorf("an advertisement left after %v, before the last probe", advertised)
	}
}

// A probe does not end before all has been read that came until then: its answer may be there.
func TestScheduleEndsNoProbeUnheard(t *testing.T) {
	start := time.Unix(1000, 0)
	s := newSchedule(Params{})
	s.startProbe(start, hoa)
	play(s, start, 0)
	late := start.Add(5 * time.Second)
	for _, heard := range []time.Time{{}, start, start.Add(time.Second - 1)} {
		if j, act, ok := s.due(late, heard); ok {
			t.Errorf("heard until %v: %v, action %v", heard, j.addr, act)
		}
	}
	if _, act, ok := s.due(late, start.Add(time.Second)); !ok || act != probeEnded {
		t.Errorf("heard until its end: action %v, %v", act, ok)
	}
}

// numbered is a home address of many.
func numbered(i int) netip.Addr {
	a := hoa.As16()
	a[13], a[14], a[15] = byte(i>>16), byte(i>>8), byte(i)
	return netip.AddrFrom16(a)
}

// BenchmarkProbe is a detection from its beginning to its end, with many others under way.
func BenchmarkProbe(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			now := time.Unix(1000, 0)
			s := newSchedule(Params{Rate: 1 << 30})
			at := 0
			begin := func() {
				s.startProbe(now, numbered(at))
				at = (at + 1) % (2 * n)
			}
			for range n {
				begin()
			}
			for b.Loop() {
				begin()
				for ended := false; !ended; {
					j, act, ok := s.due(now, now)
					switch {
					case !ok:
						now, _ = s.next()
					case act == probeEnded:
						ended = true
					default:
						s.sentNow(j, now)
					}
				}
			}
		})
	}
}
