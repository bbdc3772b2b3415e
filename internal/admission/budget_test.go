package admission

import (
	"testing"
	"time"
)

var t0 = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// TestBudgetHoldsToMaxUpdateRate: six at once, and then three in a second, whatever is tried.
func TestBudgetHoldsToMaxUpdateRate(t *testing.T) {
	var b budget
	spent := 0
	for n := range 10_000 { // ten seconds of one in a millisecond
		if b.spend(t0.Add(time.Duration(n) * time.Millisecond)) {
			spent++
		}
	}
	if spent < burst+29 || spent > burst+30 {
		t.Errorf("%d in ten seconds, want %d", spent, burst+30)
	}
	later := t0.Add(time.Minute) // who is quiet has all of it again, and no more
	for n := range burst + 1 {
		if b.spend(later) != (n < burst) {
			t.Errorf("after a quiet minute, message %d", n)
		}
	}
}
