package proxynd

import (
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
		j, act, ok := s.due(now)
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
		j, act, ok := s.due(now)
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
