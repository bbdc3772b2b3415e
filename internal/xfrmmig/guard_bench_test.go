package xfrmmig

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"mip6d/test/testkernel"
)

// BenchmarkKernelMigrate moves the tunnels of one of many mobile nodes at a home
// agent from one care-of address to another: return routability's alone, and those of
// payload as well; the median, with policies hashed as a guard has them and as the kernel does.
func BenchmarkKernelMigrate(b *testing.B) {
	testkernel.Require(b)
	for _, nodes := range []int{1, 200, 2000} {
		for _, payload := range []bool{false, true} {
			b.Run(fmt.Sprintf("nodes=%d/payload=%t", nodes, payload), func(b *testing.B) {
				testkernel.Namespace(b)
				benchmarkMigrate(b, nodes, payload)
			})
		}
	}
}

func benchmarkMigrate(b *testing.B, nodes int, payload bool) {
	g, err := OpenGuard(AtHomeAgent)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	var list []Protection
	home := hoa
	for i := range nodes {
		p := protection(home, uint32(1000+6*i))
		if !payload {
			p.Pairs[ForPayload] = Pair{}
		}
		list = append(list, p)
		home = home.Next()
	}
	if err := g.Protect(list); err != nil {
		b.Fatal(err)
	}
	at := [2]netip.Addr{coa, moved}
	for _, p := range list {
		if err := g.SetTunnels(p.HomeAddress, at[0], true); err != nil {
			b.Fatal(err)
		}
	}
	conn := g.conn.(*Conn)
	thresholds := [...]thresholds{agentThresholds, kernelThresholds}
	var took [len(thresholds)][]time.Duration
	n := 0
	for b.Loop() {
		for round := range 5 {
			for k, t := range thresholds {
				if err := conn.changeThresholds(thresholds[(k+1)%2], t); err != nil {
					b.Fatal(err)
				}
				time.Sleep(100 * time.Millisecond) // the kernel does it by and by
				for range 40 {
					n += 7
					p := list[n%nodes]
					to := at[0]
					if g.homes[p.HomeAddress].careOf == to {
						to = at[1]
					}
					begin := time.Now()
					if err := g.SetTunnels(p.HomeAddress, to, true); err != nil {
						b.Fatal(err)
					}
					if round > 0 {
						took[k] = append(took[k], time.Since(begin))
					}
				}
			}
		}
	}
	for k, name := range []string{"hashed-ms", "not-hashed-ms"} {
		slices.Sort(took[k])
		b.ReportMetric(float64(took[k][len(took[k])/2].Microseconds())/1000, name)
	}
}
