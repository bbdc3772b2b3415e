package engine

import (
	"testing"
	"time"

	"mip6d/internal/role"
)

// classed are events of a class, told apart by their interface.
func classed(c Class, n int) role.Event { return role.MessageIn{Ifindex: int(c), SA: uint32(n)} }

// byIfindex is a Classify for them; asked counts.
func byIfindex(asked *int) Classify {
	return func(_ time.Time, ev role.Event) Class {
		*asked++
		return Class(ev.(role.MessageIn).Ifindex)
	}
}

func count(events []role.Event) (n [classes]int) {
	for _, ev := range events {
		n[ev.(role.MessageIn).Ifindex]++
	}
	return n
}

// TestStrangersGiveWay: a flood by strangers takes nothing from the others' lanes, which
// are served first; and what those leave over is theirs.
func TestStrangersGiveWay(t *testing.T) {
	asked := 0
	e := newEngine(new(journal), &script{})
	e.cfg.Classify = byIfindex(&asked)
	for n := range 20_000 {
		e.Offer(classed(ClassStranger, n))
	}
	for n := range 200 {
		e.Offer(classed(ClassKnown, n))
		e.Offer(classed(ClassOther, n))
	}
	stats := e.cfg.Counters.Snapshot()
	if stats[role.CountKnownDropped] != 0 || stats[role.CountQueueFull] != 0 {
		t.Errorf("a flood by strangers has others dropped: %v", stats)
	}
	// Until there was pressure, nobody asked whose they were.
	if asked != 20_400-pressure {
		t.Errorf("asked %d times", asked)
	}
	for len(e.lanes[ClassOther]) > 200 { // what came before
		<-e.lanes[ClassOther]
	}
	first := count(e.lanes.fill(nil))
	if want := [classes]int{ClassKnown: 176, ClassOther: 64, ClassStranger: 16}; first != want {
		t.Errorf("the first batch has %v, want %v", first, want)
	}
	second := count(e.lanes.fill(nil))
	if want := [classes]int{ClassKnown: 24, ClassOther: 136, ClassStranger: 32}; second != want {
		t.Errorf("the second batch has %v, want %v", second, want)
	}
	waiting, room := e.Queue()
	if waiting > laneLength[ClassStranger] || room != 4096*3+1024 {
		t.Errorf("%d of %d wait", waiting, room)
	}
}

// TestOrderWithinALaneIsKept: news stay in order, and so do messages of one class.
func TestOrderWithinALaneIsKept(t *testing.T) {
	e := newEngine(new(journal), &script{})
	asked := 0
	e.cfg.Classify = byIfindex(&asked)
	for n := range 600 {
		e.Post(classed(ClassNews, n))
	}
	for n := range 600 {
		e.Offer(classed(ClassKnown, n))
		e.Offer(classed(ClassStranger, n))
	}
	var next [classes]uint32
	for batch := e.lanes.fill(nil); len(batch) > 0; batch = e.lanes.fill(nil) {
		if len(batch) > batchLength {
			t.Fatalf("%d events in a batch", len(batch))
		}
		for _, ev := range batch {
			m := ev.(role.MessageIn)
			if m.SA != next[m.Ifindex] {
				t.Fatalf("class %d: %d after %d", m.Ifindex, m.SA, next[m.Ifindex])
			}
			next[m.Ifindex]++
		}
	}
	if want := [classes]uint32{ClassNews: 600, ClassKnown: 600, ClassStranger: 600}; next != want {
		t.Errorf("served %v, want %v", next, want)
	}
}

// TestSharesFillABatch: every class has a share, and together they are no more than one.
func TestSharesFillABatch(t *testing.T) {
	sum := 0
	for c, n := range laneShare {
		if n <= 0 || laneLength[c] < n || laneMost[c] < n || laneMost[c] > batchLength {
			t.Errorf("class %d has a share of %d, at most %d, and room for %d", c, n, laneMost[c], laneLength[c])
		}
		sum += n
	}
	if sum != batchLength {
		t.Errorf("the shares are %d of a batch of %d", sum, batchLength)
	}
}
