package heap

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

type item struct {
	Place
	key int
}

func (i *item) Before(other *item) bool { return i.key < other.key }

// TestAgainstASortedList does what comes to mind with a heap and with a list of the same
// items, and compares.
func TestAgainstASortedList(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h Heap[*item]
	var in, out []*item
	for range 200 {
		out = append(out, new(item))
	}
	take := func(list *[]*item) *item {
		i := rng.IntN(len(*list))
		x := (*list)[i]
		*list = slices.Delete(*list, i, i+1)
		return x
	}
	for step := range 20_000 {
		switch what := rng.IntN(4); {
		case what == 0 && len(out) > 0:
			x := take(&out)
			x.key = rng.IntN(100)
			h.Set(x)
			in = append(in, x)
		case what == 1 && len(in) > 0:
			x := take(&in)
			h.Remove(x)
			h.Remove(x) // it is not in any more
			out = append(out, x)
		case what == 2 && len(in) > 0:
			x := in[rng.IntN(len(in))]
			x.key = rng.IntN(100)
			h.Set(x)
		case what == 3 && step%3 == 0:
			x, ok := h.Pop()
			if ok != (len(in) > 0) {
				t.Fatalf("step %d: popped %v of %d", step, ok, len(in))
			}
			if ok {
				in = slices.DeleteFunc(in, func(y *item) bool { return y == x })
				out = append(out, x)
			}
		}
		if h.Len() != len(in) {
			t.Fatalf("step %d: %d items, want %d", step, h.Len(), len(in))
		}
		first, ok := h.First()
		if ok != (len(in) > 0) {
			t.Fatalf("step %d: first %v of %d", step, ok, len(in))
		}
		for _, x := range in {
			if x.key < first.key {
				t.Fatalf("step %d: %d is first and %d is in", step, first.key, x.key)
			}
		}
		n := 0
		for x := range h.All() {
			n++
			if !slices.Contains(in, x) {
				t.Fatalf("step %d: All yields what is out", step)
			}
		}
		if n != len(in) {
			t.Fatalf("step %d: All yields %d of %d", step, n, len(in))
		}
	}
}

// BenchmarkSet moves one item of many to its end, as the refresh of a binding does.
func BenchmarkSet(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var h Heap[*item]
			items := make([]item, n)
			for i := range items {
				items[i].key = i
				h.Set(&items[i])
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				x := &items[i%n]
				x.key += n
				h.Set(x)
				i++
			}
		})
	}
}
