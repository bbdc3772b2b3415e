package xfrmmig

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// TestKernelDirectPathsComeAndGo sets and clears the sides of a pair in turn, and
// looks at what the kernel has.
func TestKernelDirectPathsComeAndGo(t *testing.T) {
	testkernel.Namespace(t)
	p, err := OpenPaths(func(role.Event) {}, nil)
	must(t, err)
	defer p.Close()
	must(t, p.conn.Set(CorrespondentSignalling()))
	signalling, err := p.conn.Policies()
	must(t, err)
	look := func(what string, want pairState) {
		t.Helper()
		var wantStates []State
		var wantPolicies []Policy
		for _, d := range []*role.Direct{want.ours, want.theirs} {
			if d != nil {
				wantStates = append(wantStates, states(*d)...)
			}
		}
		if !want.empty() {
			wantPolicies = want.policies(toCN)
		}
		gotStates, err := p.conn.States()
		must(t, err)
		count := 0
		for _, s := range gotStates {
			if s.Wildcard {
				continue
			}
			count++
			found := false
			for _, w := range wantStates {
				found = found || w == s
			}
			if !found {
				t.Errorf("%s: state %+v", what, s)
			}
		}
		if count != len(wantStates) {
			t.Errorf("%s: %d states, want %d", what, count, len(wantStates))
		}
		gotPolicies, err := p.conn.Policies()
		must(t, err)
		var direct []Policy
		for _, g := range gotPolicies {
			if g.Priority == directPriority {
				direct = append(direct, g)
			}
		}
		for i := range wantPolicies {
			wantPolicies[i].Lifetime = 0
		}
		sorted := cmp.Options{same, cmp.Transformer("set", func(list []Policy) map[Dir]Policy {
			m := make(map[Dir]Policy)
			for _, p := range list {
				m[p.Dir] = p
			}
			return m
		})}
		if diff := cmp.Diff(wantPolicies, direct, sorted); diff != "" {
			t.Errorf("%s: policies\n%s", what, diff)
		}
	}
	apply := func(e role.Effect) { t.Helper(); must(t, p.Apply([]role.Effect{e})[0]) }
	for range 2 {
		apply(role.SetDirect{Direct: ours})
		look("ours", pairState{ours: &ours})
	}
	apply(role.SetDirect{Direct: theirs})
	look("both", pairState{ours: &ours, theirs: &theirs})
	moved := theirs
	moved.CareOf = coa2.Next()
	apply(role.SetDirect{Direct: moved})
	look("theirs has moved", pairState{ours: &ours, theirs: &moved})
	apply(role.ClearDirect{Pair: toCN, Side: role.Ours})
	look("theirs", pairState{theirs: &moved})
	for range 2 {
		apply(role.ClearDirect{Pair: toCN, Side: role.Theirs})
		look("none", pairState{})
	}
	if traffic, ok, err := p.Traffic(toCN); err != nil || ok {
		t.Errorf("traffic of nothing: %+v, %v", traffic, err)
	}
	apply(role.SetDirect{Direct: theirs})
	p.pairs = make(map[role.Pair]wanted) // as another run finds it
	apply(role.ClearDirect{Pair: toCN, Side: role.Theirs})
	look("not ours, and cleared", pairState{})
	apply(role.SetDirect{Direct: ours})
	_, err = p.conn.sweep(nil)
	must(t, err)
	look("swept", pairState{})
	kept, err := p.conn.Policies()
	must(t, err)
	if len(kept) != len(signalling) {
		t.Errorf("%d policies for signalling after a sweep, want %d", len(kept), len(signalling))
	}
	apply(role.SetDirect{Direct: ours})
	must(t, p.conn.Cleanup())
	left, err := p.conn.Policies()
	must(t, err)
	leftStates, err := p.conn.States()
	must(t, err)
	if len(left)+len(leftStates) != 0 || len(signalling) != 7 {
		t.Errorf("after cleanup %d policies and %d states of 7 and 1; signalling had %d", len(left), len(leftStates), len(signalling))
	}
}

// Whoever asks about what is not there, or not any more, gets no answer.
func TestKernelTrafficOfAPairIsAsked(t *testing.T) {
	testkernel.Namespace(t)
	var events []role.Event
	p, err := OpenPaths(func(ev role.Event) { events = append(events, ev) }, nil)
	must(t, err)
	must(t, p.Apply([]role.Effect{role.AskTraffic{Pair: toCN}})[0])
	must(t, p.Apply([]role.Effect{role.SetDirect{Direct: ours}})[0])
	must(t, p.Apply([]role.Effect{role.AskTraffic{Pair: toCN}})[0])
	p.posts.Wait()
	must(t, p.conn.DeleteState(states(ours)[0]))
	must(t, p.Apply([]role.Effect{role.AskTraffic{Pair: toCN}})[0])
	must(t, p.Close())
	if diff := cmp.Diff([]role.Event{role.TrafficSeen{Pair: toCN}}, events, same); diff != "" {
		t.Error(diff)
	}
}

// TestKernelDirectPathEndsByItself: nobody is there to clear it.
func TestKernelDirectPathEndsByItself(t *testing.T) {
	testkernel.Namespace(t)
	p, err := OpenPaths(func(role.Event) {}, nil)
	must(t, err)
	short := ours
	short.Lifetime = time.Second
	must(t, p.Apply([]role.Effect{role.SetDirect{Direct: short}})[0])
	must(t, p.Close())
	c, err := Dial()
	must(t, err)
	defer c.Close()
	policies, err := c.Policies()
	must(t, err)
	if len(policies) != 2 {
		t.Fatalf("%d policies", len(policies))
	}
	for end := time.Now().Add(15 * time.Second); len(policies) > 0; {
		if time.Now().After(end) {
			t.Fatalf("after 15 s: %+v", policies)
		}
		time.Sleep(100 * time.Millisecond)
		policies, err = c.Policies()
		must(t, err)
	}
}

// BenchmarkKernelCorrespondentBindings: the cost of one more binding does not grow
// with their number.
func BenchmarkKernelCorrespondentBindings(b *testing.B) {
	testkernel.Namespace(b)
	p, err := OpenPaths(func(role.Event) {}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	const many = 20000
	home := hoa
	add := func(n int) time.Duration {
		start := time.Now()
		for range n {
			home = home.Next()
			d := theirs
			d.Local, d.Peer = cn, home
			if err := p.Apply([]role.Effect{role.SetDirect{Direct: d}})[0]; err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(start) / time.Duration(n)
	}
	first := add(1000)
	add(many - 2000)
	last := add(1000)
	start := time.Now()
	home = hoa
	for range 1000 {
		home = home.Next()
		d := theirs
		d.Local, d.Peer, d.CareOf = cn, home, coa2.Next()
		if err := p.Apply([]role.Effect{role.SetDirect{Direct: d}})[0]; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(first.Microseconds()), "µs/binding-of-1000")
	b.ReportMetric(float64(last.Microseconds()), "µs/binding-of-20000")
	b.ReportMetric(float64(time.Since(start).Microseconds())/1000, "µs/move")
}
