package ha

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/role"
)

// carryOut hands in an event, and answers what it asks for and what follows from that, until the
// acknowledgement.
func (b *bed) carryOut(ev role.Event) {
	for _, e := range b.m.Step(b.now, ev) {
		if id := role.IDOf(e); id != 0 {
			b.carryOut(role.Done{ID: id})
		}
	}
}

// TestRefreshAllocatesLittle: what is left is what is handed out, and the message.
func TestRefreshAllocatesLittle(t *testing.T) {
	p := params()
	p.MobileNodes[0].Auth.Replay = ReplaySequence
	b := newBed(t, p)
	b.register(hoa)
	var events []role.Event
	for i := range 1001 {
		events = append(events, b.bu(uint16(i+10)))
	}
	next := 0
	if n := testing.AllocsPerRun(1000, func() {
		b.carryOut(events[next])
		next++
	}); n > 14 {
		t.Errorf("%v allocations", n)
	}
	if got, _ := b.m.Binding(hoa); got.Sequence != 1010 {
		t.Errorf("the last that was accepted is %d", got.Sequence)
	}
}

// BenchmarkRefresh refreshes one binding of many, until it is acknowledged: it must cost the same.
func BenchmarkRefresh(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := params()
			p.MobileNodes[0].Auth.Replay = ReplaySequence
			var list []role.Binding
			for i := range n {
				a := hoa.As16()
				a[12], a[13], a[14], a[15] = 1, byte(i>>16), byte(i>>8), byte(i)
				home := netip.AddrFrom16(a)
				p.MobileNodes = append(p.MobileNodes, MobileNode{HomeAddress: home, Auth: &Auth{SPI: 256, Key: key}})
				list = append(list, role.Binding{
					HomeAddress: home, CareOf: coaA, HomeAgent: local, Expires: t0.Add(time.Duration(i+3600) * time.Second),
				})
			}
			bed := newBed(&testing.T{}, p)
			bed.m.Step(t0, restored(list...))
			bed.register(hoa)
			events := make([]role.Event, 1<<15)
			for i := range events {
				events[i] = bed.bu(uint16(i * 2))
			}
			b.ResetTimer()
			for i := range b.N {
				bed.carryOut(events[i%len(events)])
				bed.m.Deadline()
			}
		})
	}
}

// BenchmarkExhaustedPool refuses an IPv4 home address where all of the pool are of mobile nodes
// that are bound: it must cost the same for few and many.
func BenchmarkExhaustedPool(b *testing.B) {
	for _, bits := range []int{24, 16} {
		b.Run(fmt.Sprint("/", bits), func(b *testing.B) {
			p := params()
			p.IPv4Pool = []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr("10.0.0.0"), bits)}
			m := New(p)
			m.now = t0
			for i := range 1<<(32-bits) - 2 {
				a := hoa.As16()
				a[12], a[13], a[14], a[15] = 1, byte(i>>16), byte(i>>8), byte(i)
				n := m.node(netip.AddrFrom16(a))
				if !m.leaseAny(n) {
					b.Fatal("exhausted too early")
				}
				m.cache.Set(role.Binding{HomeAddress: n.home, Expires: t0.Add(time.Hour)})
				m.forgetLater(n)
			}
			n := m.node(hoa)
			for b.Loop() {
				if m.leaseAny(n) {
					b.Fatal("not exhausted")
				}
			}
		})
	}
}
