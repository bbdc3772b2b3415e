package ctl

import (
	"context"
	"sync"
	"time"
)

// watcherBuffer is how many events wait for a slow watcher before the oldest
// is dropped: several handovers of some thousand mobile nodes.
const watcherBuffer = 4096

// Hub hands events to any number of watchers, and keeps the latest. Publishing
// never waits: a watcher that is too slow loses its oldest events and is told how
// many. The zero value is ready for use and keeps nothing.
type Hub struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{}
	limit    int // watcherBuffer unless a test says otherwise
	number   uint64
	history  history
}

// Keep has so many events of each sort kept from now on. It is called once, before
// anything is published.
func (h *Hub) Keep(n int, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.history = history{notable: past{limit: n, since: now}, routine: past{limit: n, since: now}}
}

// Events returns what is kept.
func (h *Hub) Events(f EventFilter) Events {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.history.events(f)
}

// Publish hands an event to all watchers, with the next number.
func (h *Hub) Publish(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.number++
	e.Number = h.number
	h.history.put(e)
	for w := range h.watchers {
		w.put(e)
	}
}

// Watched says whether somebody subscribes, or may ask later, as events are kept. One need not be made for nobody.
func (h *Hub) Watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0 || h.history.notable.limit > 0
}

// Subscribe returns the events published from now on. The channel is closed
// when ctx has ended.
func (h *Hub) Subscribe(ctx context.Context) <-chan Event {
	w := &watcher{wake: make(chan struct{}, 1), limit: watcherBuffer}
	h.mu.Lock()
	if h.limit > 0 {
		w.limit = h.limit
	}
	if h.watchers == nil {
		h.watchers = make(map[*watcher]struct{})
	}
	h.watchers[w] = struct{}{}
	h.mu.Unlock()

	out := make(chan Event)
	go func() {
		defer close(out)
		defer func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			delete(h.watchers, w)
		}()
		for {
			e, ok := w.take()
			if !ok {
				select {
				case <-w.wake:
					continue
				case <-ctx.Done():
					return
				}
			}
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// watcher is the queue of one subscription.
type watcher struct {
	wake  chan struct{} // holds one token when there may be something to take
	limit int

	mu    sync.Mutex
	queue []Event
	lost  uint64 // before the head of queue
}

func (w *watcher) put(e Event) {
	w.mu.Lock()
	if len(w.queue) == w.limit {
		w.queue = w.queue[1:]
		w.lost++
	}
	w.queue = append(w.queue, e)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watcher) take() (Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.queue = nil // give back what a burst took
		return Event{}, false
	}
	e := w.queue[0]
	w.queue = w.queue[1:]
	e.Lost, w.lost = w.lost, 0
	return e, true
}
