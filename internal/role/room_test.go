package role

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRoomsKeepStepsApart: each Step gets what it has emitted, and it stays so when others emit, or the caller
// appends to what it got.
func TestRoomsKeepStepsApart(t *testing.T) {
	var r Room
	src := rand.New(rand.NewPCG(1, 2))
	var got, want [][]Effect
	n := 0
	for range 500 {
		r.Begin()
		var step []Effect
		for range src.IntN(4) * src.IntN(4) * src.IntN(60) {
			n++
			e := StopAdvertising{Ifindex: n}
			r.Emit(e)
			step = append(step, e)
		}
		out := r.End()
		if (out == nil) != (step == nil) {
			t.Fatalf("%d effects, want %d", len(out), len(step))
		}
		got, want = append(got, out), append(want, step)
		_ = append(out, StopAdvertising{Ifindex: -1})
	}
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Fatalf("step %d: %v, want %v", i, got[i], want[i])
		}
	}
}

func TestRoomsAllocateNothingForMost(t *testing.T) {
	var r Room
	e := Effect(StopAdvertising{})
	if n := testing.AllocsPerRun(1000, func() {
		r.Begin()
		r.Emit(e)
		r.Count(CountRefused)
		if out := r.End(); len(out) != 2 || out[1] != Effect(Count{Counter: CountRefused}) {
			t.Fatal(out)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
