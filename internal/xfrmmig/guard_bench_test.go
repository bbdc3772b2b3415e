package xfrmmig

import (
	"fmt"
	"net/netip"
	"testing"

	"mip6d/test/testkernel"
)

// BenchmarkKernelMigrate moves the tunnels of one of many mobile nodes at a home
// agent from one care-of address to another: return routability's alone, and those of
// payload as well.
func BenchmarkKernelMigrate(b *testing.B) {
	testkernel.Require(b)
	for _, nodes := range []int{1, 200, 2000} {
		for _, payload := range []bool{false, true} {
			b.Run(fmt.Sprintf("nodes=%d/payload=%t", nodes, payload), func(b *testing.B) {
				testkernel.Namespace(b)
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
				n := 0
				for b.Loop() {
					n++
					if err := g.SetTunnels(list[n%nodes].HomeAddress, at[(n/nodes+1)%2], true); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
