// Package heap is a priority queue whose items know their place in it, so that one can
// be moved or taken out without a search: what timers of many bindings are kept in.
// Every operation costs at most the logarithm of the number of items.
//
// It knows no time and no goroutine, and is not safe for use by several.
package heap

import "iter"

// Item is what a Heap holds: a pointer to a struct that embeds Place.
type Item[T any] interface {
	// Before says whether the item comes up before another one.
	Before(T) bool

	place() *Place
}

// Place is where an item stands. It is embedded by the item, which is in one heap at
// most. The zero value is in none.
type Place struct {
	index int32 // in the heap's list, from 1; small, as there is one for each binding
}

func (p *Place) place() *Place { return p }

// Heap holds items, the first to come up in front. The zero value is empty.
type Heap[T Item[T]] struct {
	list []T
}

// Len counts the items.
func (h *Heap[T]) Len() int { return len(h.list) }

// First returns the item that comes up first; false when there is none.
func (h *Heap[T]) First() (first T, ok bool) {
	if len(h.list) == 0 {
		return first, false
	}
	return h.list[0], true
}

// Set puts an item in, or to its right place where it is in already and what Before
// looks at has changed.
func (h *Heap[T]) Set(x T) {
	p := x.place()
	if p.index == 0 {
		h.list = append(h.list, x)
		p.index = int32(len(h.list))
	}
	h.settle(x, int(p.index)-1)
}

// Remove takes an item out; that it is not in is fine.
func (h *Heap[T]) Remove(x T) {
	p := x.place()
	if p.index == 0 {
		return
	}
	at, last := int(p.index)-1, len(h.list)-1
	moved := h.list[last]
	h.list[last] = *new(T) // not kept from the garbage collector
	h.list = h.list[:last]
	p.index = 0
	if at != last {
		h.settle(moved, at)
	}
}

// Pop takes the first item out; false when there is none.
func (h *Heap[T]) Pop() (first T, ok bool) {
	if first, ok = h.First(); ok {
		h.Remove(first)
	}
	return first, ok
}

// All yields the items in no particular order. The heap must not change meanwhile.
func (h *Heap[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, x := range h.list {
			if !yield(x) {
				return
			}
		}
	}
}

// settle puts an item at a free place, or further up or down, to where it belongs.
func (h *Heap[T]) settle(x T, at int) {
	for at > 0 {
		up := (at - 1) / 2
		if !x.Before(h.list[up]) {
			break
		}
		h.put(h.list[up], at)
		at = up
	}
	for {
		down := 2*at + 1
		if down >= len(h.list) {
			break
		}
		if next := down + 1; next < len(h.list) && h.list[next].Before(h.list[down]) {
			down = next
		}
		if !h.list[down].Before(x) {
			break
		}
		h.put(h.list[down], at)
		at = down
	}
	h.put(x, at)
}

func (h *Heap[T]) put(x T, at int) {
	h.list[at] = x
	x.place().index = int32(at + 1)
}
