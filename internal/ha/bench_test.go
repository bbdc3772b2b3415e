package ha

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/role"
)

// BenchmarkRefresh refreshes one binding of many: it must cost the same.
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
			events := make([]role.MessageIn, 1<<15)
			for i := range events {
				events[i] = bed.bu(uint16(i * 2))
			}
			b.ResetTimer()
			for i := range b.N {
				bed.m.Step(t0, events[i%len(events)])
				bed.m.Deadline()
			}
		})
	}
}
