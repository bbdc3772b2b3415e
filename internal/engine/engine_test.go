package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/role"
)

var (
	hoa1 = netip.MustParseAddr("2001:db8:1::101")
	hoa2 = netip.MustParseAddr("2001:db8:1::102")
)

// script is a machine that answers events by a function and logs them.
type script struct {
	step     func(role.Event) []role.Effect
	deadline time.Time
	seen     []role.Event
}

func (s *script) Step(_ time.Time, ev role.Event) []role.Effect {
	s.seen = append(s.seen, ev)
	if s.step == nil {
		return nil
	}
	return s.step(ev)
}

func (s *script) Deadline() time.Time { return s.deadline }

// journal is both appliers: it writes down each batch and fails on demand.
type journal struct {
	lines []string
	fail  func(role.Effect) error
}

type room2 struct {
	j    *journal
	name string
}

func (r room2) Apply(effects []role.Effect) []error {
	line := r.name
	errs := make([]error, len(effects))
	for i, e := range effects {
		switch e := e.(type) {
		case role.SetBinding:
			line += " set:" + e.Binding.HomeAddress.String()
		case role.ClearBinding:
			line += " clear:" + e.HomeAddress.String()
		case role.StoreRegistration:
			line += " store:" + e.Registration.HomeAddress.String()
		case role.Send:
			line += fmt.Sprintf(" send:%s", e.Raw)
		default:
			line += fmt.Sprintf(" %T", e)
		}
		if r.j.fail != nil {
			errs[i] = r.j.fail(e)
		}
	}
	r.j.lines = append(r.j.lines, line)
	return errs
}

func newEngine(j *journal, machines ...role.Machine) *Engine {
	return New(Config{
		Machines: machines,
		Kernel:   room2{j, "kernel"},
		Wire:     room2{j, "wire"},
		Store:    room2{j, "store"},
		Counters: new(Counters),
		Notify:   func(time.Time, role.Notice) { j.lines = append(j.lines, "notice") },
		Failed:   func(role.Effect, error) { j.lines = append(j.lines, "failed") },
	})
}

// registrar sets a binding for each message and acknowledges on Done.
func registrar() *script {
	wanted := map[role.ID]netip.Addr{}
	var last role.ID
	return &script{step: func(ev role.Event) []role.Effect {
		switch ev := ev.(type) {
		case role.MessageIn:
			last++
			wanted[last] = ev.Src
			return []role.Effect{role.SetBinding{ID: last, Binding: role.Binding{HomeAddress: ev.Src}}}
		case role.Done:
			if ev.Err != nil {
				return []role.Effect{role.ClearBinding{HomeAddress: wanted[ev.ID]}, role.Send{Raw: []byte("130")}}
			}
			return []role.Effect{role.Send{Raw: []byte("0")}}
		}
		return nil
	}}
}

func TestGroupCommitWritesTheKernelOnceThenAnswers(t *testing.T) {
	j := new(journal)
	e := newEngine(j, registrar())
	e.process([]role.Event{role.MessageIn{Src: hoa1}, role.MessageIn{Src: hoa2}})
	want := []string{
		"kernel set:" + hoa1.String() + " set:" + hoa2.String(),
		"wire send:0 send:0",
	}
	if diff := cmp.Diff(want, j.lines); diff != "" {
		t.Error(diff)
	}
}

func TestFailedKernelEffectIsUndoneAndAnswered(t *testing.T) {
	j := &journal{fail: func(e role.Effect) error {
		if s, ok := e.(role.SetBinding); ok && s.Binding.HomeAddress == hoa1 {
			return errors.New("no buffer space")
		}
		return nil
	}}
	e := newEngine(j, registrar())
	e.process([]role.Event{role.MessageIn{Src: hoa1}, role.MessageIn{Src: hoa2}})
	want := []string{
		"kernel set:" + hoa1.String() + " set:" + hoa2.String(),
		"failed",
		"kernel clear:" + hoa1.String(),
		"wire send:130 send:0",
	}
	if diff := cmp.Diff(want, j.lines); diff != "" {
		t.Error(diff)
	}
	if n := e.cfg.Counters.Snapshot()[role.CountKernelFailure]; n != 1 {
		t.Errorf("kernel failures counted: %d, want 1", n)
	}
}

// storer sets a binding for each message, has it stored, and then acknowledges.
func storer() *script {
	var last role.ID
	kernel, store := map[role.ID]netip.Addr{}, map[role.ID]bool{}
	return &script{step: func(ev role.Event) []role.Effect {
		switch ev := ev.(type) {
		case role.MessageIn:
			last++
			kernel[last] = ev.Src
			return []role.Effect{role.SetBinding{ID: last, Binding: role.Binding{HomeAddress: ev.Src}}}
		case role.Done:
			if home, ok := kernel[ev.ID]; ok && ev.Err == nil {
				last++
				store[last] = true
				return []role.Effect{role.StoreRegistration{ID: last, Registration: role.Registration{HomeAddress: home}}}
			}
			if store[ev.ID] && ev.Err == nil {
				return []role.Effect{role.Send{Raw: []byte("0")}}
			}
			return []role.Effect{role.Send{Raw: []byte("130")}}
		}
		return nil
	}}
}

// TestGroupCommitStoresOnceBeforeItAnswers: one commit for a batch, behind the kernel
// and before what promises it; where the commit fails nobody is promised anything.
func TestGroupCommitStoresOnceBeforeItAnswers(t *testing.T) {
	batch := []role.Event{role.MessageIn{Src: hoa1}, role.MessageIn{Src: hoa2}}
	kernel, store := "kernel set:"+hoa1.String()+" set:"+hoa2.String(), "store store:"+hoa1.String()+" store:"+hoa2.String()
	j := new(journal)
	newEngine(j, storer()).process(batch)
	if diff := cmp.Diff([]string{kernel, store, "wire send:0 send:0"}, j.lines); diff != "" {
		t.Error(diff)
	}
	j = &journal{fail: func(e role.Effect) error {
		if _, ok := e.(role.StoreRegistration); ok {
			return errors.New("no space left on device")
		}
		return nil
	}}
	e := newEngine(j, storer())
	e.process(batch)
	if diff := cmp.Diff([]string{kernel, store, "failed", "failed", "wire send:130 send:130"}, j.lines); diff != "" {
		t.Error(diff)
	}
	if n := e.cfg.Counters.Snapshot()[role.CountStoreFailure]; n != 2 {
		t.Errorf("store failures counted: %d, want 2", n)
	}
}

// TestPrimeComesBeforeStart: what an earlier run has left is in force when it returns.
func TestPrimeComesBeforeStart(t *testing.T) {
	j := new(journal)
	m := &script{step: func(ev role.Event) []role.Effect {
		if _, ok := ev.(role.Restored); ok {
			return []role.Effect{role.SetBinding{ID: 1, Binding: role.Binding{HomeAddress: hoa1}}}
		}
		return nil
	}}
	newEngine(j, m).Prime(role.Restored{})
	if diff := cmp.Diff([]string{"kernel set:" + hoa1.String()}, j.lines); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]role.Event{role.Restored{}, role.Done{ID: 1}}, m.seen); diff != "" {
		t.Error(diff)
	}
}

func TestOrderWithinAStepIsKept(t *testing.T) {
	j := new(journal)
	send := func(s string) role.Effect { return role.Send{Raw: []byte(s)} }
	set := func(a netip.Addr) role.Effect { return role.SetBinding{Binding: role.Binding{HomeAddress: a}} }
	m1 := &script{step: func(ev role.Event) []role.Effect {
		return []role.Effect{send("a"), set(hoa1), role.Notice{}, send("b"), role.Notice{}}
	}}
	m2 := &script{step: func(ev role.Event) []role.Effect {
		return []role.Effect{set(hoa2), send("c"), role.ClearBinding{HomeAddress: hoa2}}
	}}
	e := newEngine(j, m1, m2)
	e.process([]role.Event{role.Tick{}})
	want := []string{
		"kernel set:" + hoa2.String(),
		"wire send:a send:c",
		"kernel set:" + hoa1.String() + " clear:" + hoa2.String(),
		"notice",
		"wire send:b",
		"notice",
	}
	if diff := cmp.Diff(want, j.lines); diff != "" {
		t.Error(diff)
	}
}

func TestDoneGoesOnlyToTheMachineThatAsked(t *testing.T) {
	asks := &script{step: func(ev role.Event) []role.Effect {
		if _, ok := ev.(role.Tick); ok {
			return []role.Effect{role.AddCareOf{ID: 7}}
		}
		return nil
	}}
	other := &script{}
	e := newEngine(new(journal), asks, other)
	e.process([]role.Event{role.Tick{}})
	if diff := cmp.Diff([]role.Event{role.Tick{}, role.Done{ID: 7}}, asks.seen); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]role.Event{role.Tick{}}, other.seen); diff != "" {
		t.Error(diff)
	}
}

func TestRunTicksAtTheEarliestDeadlineAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var ticks []time.Duration
		m := &script{deadline: start.Add(3 * time.Second)}
		m.step = func(ev role.Event) []role.Effect {
			if _, ok := ev.(role.Tick); ok {
				ticks = append(ticks, time.Since(start))
				m.deadline = time.Time{}
			}
			return nil
		}
		e := newEngine(new(journal), m)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- e.Run(ctx) }()
		time.Sleep(time.Hour)
		if err := e.Do(ctx, func() {
			if diff := cmp.Diff([]time.Duration{3 * time.Second}, ticks); diff != "" {
				t.Error(diff)
			}
		}); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]role.Event{role.Start{}, role.Tick{}, role.Stop{}}, m.seen); diff != "" {
			t.Error(diff)
		}
		if err := e.Do(t.Context(), func() {}); !errors.Is(err, ErrStopped) {
			t.Errorf("Do after the end: %v, want ErrStopped", err)
		}
		e.Post(role.Tick{}) // must not hang
	})
}

func TestOfferDropsAndCountsWhenFull(t *testing.T) {
	e := newEngine(new(journal), &script{})
	for range laneLength[ClassOther] + 3 {
		e.Offer(role.Tick{})
	}
	if n := e.cfg.Counters.Snapshot()[role.CountQueueFull]; n != 3 {
		t.Errorf("dropped events counted: %d, want 3", n)
	}
}
