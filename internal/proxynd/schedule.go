package proxynd

import (
	"net/netip"
	"time"

	"mip6d/internal/heap"
)

// Params are the constants of RFC 4861 §10 and RFC 4862 §5.1 that matter here.
// Zero values mean their defaults.
type Params struct {
	RetransTimer   time.Duration // between probes, and between advertisements; 1 s
	Transmits      int           // DupAddrDetectTransmits; 1
	Advertisements int           // MAX_NEIGHBOR_ADVERTISEMENT; 3
	Rate           int           // of probes and advertisements together, in a second at most; 5,000
}

func (p Params) withDefaults() Params {
	if p.RetransTimer <= 0 {
		p.RetransTimer = time.Second
	}
	if p.Transmits <= 0 {
		p.Transmits = 1
	}
	if p.Advertisements <= 0 {
		p.Advertisements = 3
	}
	if p.Rate <= 0 {
		p.Rate = 5000
	}
	return p
}

// job is one address for which something is to be sent in future.
type job struct {
	heap.Place
	addr   netip.Addr
	due    time.Time
	probe  bool // duplicate address detection; otherwise advertisement
	router bool // R flag of advertisements
	sent   int
	failed int // attempts since the last that left
}

// Before implements heap.Item.
func (j *job) Before(other *job) bool { return j.due.Before(other.due) }

// action is what a job wants done now.
type action uint8

const (
	sendProbe action = iota
	sendAdvertisement
	probeEnded // unanswered: the address is free
)

// schedule knows what is to be sent when: heaps for any number of addresses
// and no goroutine or timer for any of them. It reads no clock.
//
// What is sent is limited in rate, as many mobile nodes may leave the link at a time. Probes, for
// which they wait, come before advertisements; the end of a probe waits for neither.
type schedule struct {
	params   Params
	toProbe  heap.Heap[*job]
	probing  heap.Heap[*job] // all probes sent: until they end
	toTell   heap.Heap[*job]
	probes   map[netip.Addr]*job
	adverts  map[netip.Addr]*job
	nextSend time.Time // when the next message may leave
}

// burst is for how long nothing may have been sent to be made up for: a timer comes late now and
// then.
const burst = 50 * time.Millisecond

func newSchedule(p Params) *schedule {
	return &schedule{
		params:  p.withDefaults(),
		probes:  make(map[netip.Addr]*job),
		adverts: make(map[netip.Addr]*job),
	}
}

// heapOf is where a job waits.
func (s *schedule) heapOf(j *job) *heap.Heap[*job] {
	switch {
	case !j.probe:
		return &s.toTell
	case j.sent < s.params.Transmits:
		return &s.toProbe
	default:
		return &s.probing
	}
}

// startProbe begins duplicate address detection, and tells so, unless it is
// under way.
func (s *schedule) startProbe(now time.Time, addr netip.Addr) bool {
	if s.probes[addr] != nil {
		return false
	}
	j := &job{addr: addr, due: now, probe: true}
	s.probes[addr] = j
	s.heapOf(j).Set(j)
	return true
}

// contested ends a probe whose address turned out to be in use, and tells
// whether there was one.
func (s *schedule) contested(addr netip.Addr) bool {
	j := s.probes[addr]
	if j == nil {
		return false
	}
	s.end(j)
	return true
}

// advertise begins a series of unsolicited advertisements, anew where one is
// under way.
func (s *schedule) advertise(now time.Time, addr netip.Addr, router bool) {
	s.silence(addr)
	j := &job{addr: addr, due: now, router: router}
	s.adverts[addr] = j
	s.heapOf(j).Set(j)
}

// silence ends the series of an address that is no longer defended: one more
// advertisement would take it away from the node that has come home.
func (s *schedule) silence(addr netip.Addr) {
	if j := s.adverts[addr]; j != nil {
		s.end(j)
	}
}

func (s *schedule) end(j *job) {
	s.heapOf(j).Remove(j)
	if j.probe {
		delete(s.probes, j.addr)
	} else {
		delete(s.adverts, j.addr)
	}
}

// next is the time of the earliest job.
func (s *schedule) next() (at time.Time, ok bool) {
	earlier := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	if j, waits := s.probing.First(); waits {
		earlier(j.due)
	}
	for _, h := range []*heap.Heap[*job]{&s.toProbe, &s.toTell} {
		if j, waits := h.First(); waits {
			earlier(later(j.due, s.nextSend))
		}
	}
	return at, ok
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// due returns the job whose turn it is and what it wants. heard is the time until which all
// that came has been looked at: no probe ends whose answer may still wait. The
// caller tells with sentNow or failedNow what became of a sending; a probe that
// ended is gone.
func (s *schedule) due(now, heard time.Time) (*job, action, bool) {
	if j, ok := s.probing.First(); ok && !j.due.After(heard) {
		s.end(j)
		return j, probeEnded, true
	}
	if s.nextSend.After(now) {
		return nil, 0, false
	}
	if j, ok := s.toProbe.First(); ok && !j.due.After(now) {
		return j, sendProbe, true
	}
	if j, ok := s.toTell.First(); ok && !j.due.After(now) {
		return j, sendAdvertisement, true
	}
	return nil, 0, false
}

// sentNow notes that a job's message has left.
func (s *schedule) sentNow(j *job, now time.Time) {
	s.nextSend = later(s.nextSend, now.Add(-burst)).Add(time.Second / time.Duration(s.params.Rate))
	s.heapOf(j).Remove(j)
	j.sent++
	j.failed = 0
	if !j.probe && j.sent >= s.params.Advertisements {
		s.end(j)
		return
	}
	s.postpone(j, now.Add(s.params.RetransTimer))
}

// Where a full queue refuses a message it is tried again, but not for ever: a
// link that is down answers nothing either.
const (
	retryAfter = 10 * time.Millisecond
	maxRetries = 50
)

// failedNow notes that a job's message could not leave. It tells whether the
// job was given up.
func (s *schedule) failedNow(j *job, now time.Time) (gaveUp bool) {
	if j.failed++; j.failed > maxRetries {
		s.end(j)
		return true
	}
	s.postpone(j, now.Add(retryAfter))
	return false
}

func (s *schedule) postpone(j *job, to time.Time) {
	j.due = to
	s.heapOf(j).Set(j)
}
