package cn

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// FuzzStep drives a machine with any order of requests, replays, kernel answers
// and time, and checks after every step what must hold whatever happens.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 20, 1, 20, 30, 10, 2, 20, 40, 50, 11})
	f.Add([]byte{0, 1, 2, 3, 4, 5, 21, 20, 6, 7, 8, 9, 12, 20, 60, 13, 22, 23, 24, 70, 14, 15})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 300 {
			return
		}
		b := newBed(t, func(p *Params) { p.MaxBindings = 3 })
		b.slow = true
		w := &fuzzWorld{bed: b, most: 3, asked: make(map[role.Direct]bool), kernel: make(map[role.Pair]role.Direct)}
		for i, c := range script {
			w.act(c, uint16(i))
			w.check()
		}
	})
}

// fuzzWorld is a bed that also knows the truth.
type fuzzWorld struct {
	*bed
	asked    map[role.Direct]bool // what mobile nodes have really asked for, but for the lifetime
	recorded []role.MessageIn
	kernel   map[role.Pair]role.Direct
	most     int // bindings
}

func (w *fuzzWorld) act(c byte, n uint16) {
	home, careOf := hoa, coa
	for range (int(c) + int(n)) % fuzzHomes {
		home = home.Next()
	}
	if c%2 == 1 {
		careOf = coaB
	}
	switch {
	case c < 10: // a mobile node registers
		ev := w.bu(n, of(home), from(careOf), lifetime(time.Duration(c+1)*40*time.Second))
		w.asked[role.Direct{Pair: role.Pair{Local: local, Peer: home}, Side: role.Theirs, CareOf: careOf}] = true
		w.recorded = append(w.recorded, ev)
		w.note(ev)
	case c < 15: // or lets go
		ev := w.bu(n, of(home), from(careOf), lifetime(0))
		w.recorded = append(w.recorded, ev)
		w.note(ev)
	case c < 20 && len(w.recorded) > 0: // somebody replays
		w.note(w.recorded[int(n)%len(w.recorded)])
	case c < 22: // the kernel answers
		owed := w.owed
		w.owed = nil
		for _, ev := range owed {
			w.note(ev)
		}
	case c < 24 && len(w.owed) > 0: // or refuses what it was asked first
		done := w.owed[0].(role.Done)
		w.owed = w.owed[1:]
		done.Err = errors.New("refused")
		w.note(done)
	case c < 26: // somebody forges
		w.note(w.bu(n, of(home), from(netip.MustParseAddr("2001:db8:bad::1")), func(u *update) { u.kbm = [20]byte{c} }))
	case c == 26:
		w.note(role.TrafficSeen{Pair: role.Pair{Local: local, Peer: home}, Traffic: role.Traffic{PacketsIn: uint64(n)}})
	case c == 27:
		w.most = 1 + int(n/2)%4
		w.note(Reconfigured{Params: Params{Policy: role.Policy{Default: n%2 == 0}, MaxBindings: w.most}})
	case c == 28:
		w.note(role.UnknownHomeAddress{Local: local, HomeAddress: home, CareOf: careOf})
	default:
		w.now = w.now.Add(time.Millisecond << (c % 18))
		for range 50 {
			if d := w.m.Deadline(); d.IsZero() || d.After(w.now) {
				return
			}
			w.note(role.Tick{})
		}
		w.t.Fatal("50 ticks lead nowhere")
	}
}

// note hands an event over, and follows what the kernel is asked for.
func (w *fuzzWorld) note(ev role.Event) {
	w.step(ev)
	for _, e := range w.effects {
		switch e := e.(type) {
		case role.SetDirect:
			d := e.Direct
			if d.Lifetime <= 0 || d.Lifetime > 420*time.Second {
				w.t.Fatalf("lifetime %v", d.Lifetime)
			}
			d.Lifetime = 0
			if !w.asked[d] {
				w.t.Fatalf("nobody asked for %+v", d)
			}
			w.kernel[d.Pair] = d
		case role.ClearDirect:
			delete(w.kernel, e.Pair)
		case role.Send:
			if _, err := mh.Parse(e.Raw); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// fuzzHomes are more than the cache has room for, with all it remembers.
const fuzzHomes = 12

// check: bounded but for what the kernel is being asked for, and what is bound is in
// the kernel.
func (w *fuzzWorld) check() {
	changing, inMap := 0, 0
	for _, e := range w.m.cache.entries {
		if e.current != nil {
			changing++
		}
		if e.bound {
			inMap++
		}
	}
	if n := len(w.m.cache.entries); n > 2*w.most+changing {
		w.t.Fatalf("%d entries, %d of them being changed, and room for %d bindings", n, changing, w.most)
	}
	if inMap != w.m.cache.bound {
		w.t.Fatalf("%d bound entries, counted as %d", inMap, w.m.cache.bound)
	}
	if len(w.m.asked) > len(w.owed) {
		w.t.Fatalf("%d wait for %d answers", len(w.m.asked), len(w.owed))
	}
	for _, b := range w.m.Bindings() {
		e := w.m.cache.get(role.Pair{Local: b.Local, Peer: b.HomeAddress})
		d, ok := w.kernel[e.pair]
		if e.current == nil && (!ok || d.CareOf != b.CareOf) {
			w.t.Fatalf("bound at %s, but the kernel has %+v", b.CareOf, d)
		}
	}
}
