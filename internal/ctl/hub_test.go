package ctl

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
)

func numbered(i int) Event { return Event{Text: strconv.Itoa(i)} }

func TestHubHandsToAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var h Hub
		h.Publish(numbered(0)) // before anybody watches
		a, b := h.Subscribe(ctx), h.Subscribe(ctx)
		for i := 1; i <= 3; i++ {
			h.Publish(numbered(i))
		}
		for name, ch := range map[string]<-chan Event{"a": a, "b": b} {
			for i := 1; i <= 3; i++ {
				if e := <-ch; e.Text != strconv.Itoa(i) || e.Lost != 0 {
					t.Errorf("watcher %s got %+v, want event %d", name, e, i)
				}
			}
		}
		cancel()
		if e, ok := <-a; ok {
			t.Errorf("after the end came %+v", e)
		}
		if _, ok := <-b; ok {
			t.Error("b is not closed")
		}
		synctest.Wait()
		if len(h.watchers) != 0 {
			t.Errorf("%d watchers are still remembered", len(h.watchers))
		}
		h.Publish(numbered(4)) // to nobody
	})
}

// TestHubSlowWatcher: the oldest are dropped, the gap is told where it is, and
// nobody waits.
func TestHubSlowWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		h := Hub{limit: 3}
		slow, quick := h.Subscribe(ctx), h.Subscribe(ctx)
		h.Publish(numbered(0))
		synctest.Wait() // 0 is in slow's hand-over, outside the buffer
		for i := 1; i <= 10; i++ {
			h.Publish(numbered(i))
			if i == 1 {
				<-quick
			}
			if e := <-quick; e.Text != strconv.Itoa(i) || e.Lost != 0 {
				t.Errorf("quick got %+v, want %d", e, i)
			}
		}
		for _, want := range []struct {
			text string
			lost uint64
		}{{"0", 0}, {"8", 7}, {"9", 0}, {"10", 0}} {
			if e := <-slow; e.Text != want.text || e.Lost != want.lost {
				t.Errorf("slow got %s after %d lost, want %s after %d", e.Text, e.Lost, want.text, want.lost)
			}
		}
		select {
		case e := <-slow:
			t.Errorf("one more: %+v", e)
		default:
		}
	})
}
