package engine

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/role"
)

// logMeter writes down what it is told.
type logMeter struct{ lines []string }

func (l *logMeter) Stepped(n int) { l.lines = append(l.lines, fmt.Sprintf("stepped %d", n)) }

func (l *logMeter) Applied(where string, took time.Duration) {
	l.lines = append(l.lines, fmt.Sprintf("%s %v", where, took))
}

// slow is an applier that takes its time.
type slow struct{ takes time.Duration }

func (s slow) Apply([]role.Effect) []error {
	time.Sleep(s.takes)
	return nil
}

// TestMeter: a batch is told once, with its size, and each call of an applier with
// how long it took.
func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &logMeter{}
		keeper := &script{step: func(ev role.Event) []role.Effect {
			if _, ok := ev.(role.MessageIn); !ok {
				return nil
			}
			return []role.Effect{role.SetBinding{}, role.StoreRegistration{}, role.Send{}}
		}}
		e := New(Config{
			Machines: []role.Machine{keeper}, Kernel: slow{20 * time.Millisecond}, Wire: slow{3 * time.Millisecond}, Store: slow{7 * time.Millisecond},
			Counters: new(Counters), Notify: func(time.Time, role.Notice) {}, Failed: func(role.Effect, error) {}, Meter: m,
		})
		e.Offer(role.MessageIn{HomeAddress: hoa1})
		e.Offer(role.MessageIn{HomeAddress: hoa2})
		if waiting, room := e.Queue(); waiting != 2 || room < batchLength {
			t.Errorf("%d of %d wait, want 2", waiting, room)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- e.Run(ctx) }()
		time.Sleep(time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		want := []string{"stepped 1", "stepped 2", "kernel 20ms", "store 7ms", "wire 3ms", "stepped 1"}
		if diff := cmp.Diff(want, m.lines); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
