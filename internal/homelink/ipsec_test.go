package homelink

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// Where a home address has a security association, only what came through it is
// answered.
//
// Requirements: 6275-5.4-1, 6275-6.7-3
func TestRFC6275_6_7_SolicitationThroughTheHomeAddressesAssociation(t *testing.T) {
	const sa = 0x62750004
	b := newDeliveries(t, func(p *Params) {
		p.SA = func(a netip.Addr) uint32 {
			if a == home {
				return sa
			}
			return 0
		}
	})
	b.register(home, time.Hour)
	answered := func(number uint32) int {
		b.now = b.now.Add(2 * time.Second)
		b.solicit(7, func(ev *role.ICMPIn, _ *icmp6.MobilePrefixSolicitation) { ev.SA = number })
		n := 0
		for _, e := range b.out {
			if s, ok := e.(role.SendICMP); ok && s.RoutingHome == home {
				n++
			}
		}
		return n
	}
	if n := answered(0) + answered(sa+4); n != 0 {
		t.Errorf("%d answers to what anybody can have sent", n)
	}
	if answered(sa) != 1 {
		t.Error("no answer through its own")
	}
}
