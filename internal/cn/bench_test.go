package cn

import (
	"net/netip"
	"runtime"
	"testing"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// BenchmarkTestInit: what a flood of Home or Care-of Test Inits costs.
func BenchmarkTestInit(b *testing.B) {
	for name, msg := range map[string]mh.Message{"HoTI": &mh.HomeTestInit{}, "CoTI": &mh.CareOfTestInit{}} {
		b.Run(name, func(b *testing.B) {
			bed := newBed(b)
			var ev role.Event = message(b, msg, hoa, netip.Addr{})
			b.ReportAllocs()
			for b.Loop() {
				bed.m.Step(t0, ev)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
		})
	}
}

// BenchmarkBindingUpdate: a valid one, with the kernel's answer and the
// acknowledgement.
func BenchmarkBindingUpdate(b *testing.B) {
	bed := newBed(b)
	var updates []role.Event
	for i := range 1 << 14 {
		updates = append(updates, bed.bu(uint16(i)))
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n == len(updates) {
			b.StopTimer()
			bed.m = New(bed.m.p, &counting{})
			bed.bu(0)
			n = 0
			b.StartTimer()
		}
		for _, e := range bed.m.Step(t0, updates[n]) {
			if id := role.IDOf(e); id != 0 {
				bed.m.Step(t0, role.Done{ID: id})
			}
		}
		n++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// forged is a Binding Update that is right but for its authenticator.
func (b *bed) forged() role.Event {
	return b.bu(1, func(u *update) { u.spoil = func(raw []byte) { raw[len(raw)-1] ^= 1 } })
}

// TestWhatAnybodySendsAllocatesLittle: of a Test Init only its answer, of a forged Binding Update what the
// codec makes of it.
func TestWhatAnybodySendsAllocatesLittle(t *testing.T) {
	b := newBed(t)
	for _, c := range []struct {
		name string
		ev   role.Event
		most float64
	}{
		{"Home Test Init", message(t, &mh.HomeTestInit{}, hoa, netip.Addr{}), 1},
		{"Care-of Test Init", message(t, &mh.CareOfTestInit{}, hoa, netip.Addr{}), 1},
		{"forged Binding Update", b.forged(), 4},
	} {
		if n := testing.AllocsPerRun(1000, func() { b.m.Step(t0, c.ev) }); n > c.most {
			t.Errorf("%s: %v allocations, want %v", c.name, n, c.most)
		}
	}
	if b.step(b.forged()); b.counts[role.CountBadAuth] != 1 {
		t.Errorf("the forged one was found out by something else: %v", b.counts)
	}
}

// BenchmarkForgedBindingUpdate: one that is found out by its authenticator.
func BenchmarkForgedBindingUpdate(b *testing.B) {
	bed := newBed(b)
	ev := bed.forged()
	b.ReportAllocs()
	for b.Loop() {
		bed.m.Step(t0, ev)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// BenchmarkMemory: bytes for each binding, of 10,000.
func BenchmarkMemory(b *testing.B) {
	const many = 10000
	for b.Loop() {
		bed := newBed(b, func(p *Params) { p.MaxBindings = many })
		home := hoa
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range many {
			home = home.Next()
			bed.step(bed.bu(1, of(home)))
			bed.effects = nil
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/many, "B/binding")
		runtime.KeepAlive(bed)
	}
}
