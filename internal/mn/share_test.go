package mn

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

func sharingParams() Params {
	p := defaultParams()
	p.LoadSharing = true
	return p
}

// shared returns what the kernel was told of sharing in the last step, of one interface.
func (b *bed) shared(ifindex int) (list []role.ShareRouters) {
	for _, e := range b.effects {
		if s, ok := e.(role.ShareRouters); ok && s.Ifindex == ifindex {
			list = append(list, s)
		}
	}
	return list
}

func (b *bed) wantShared(what string, want ...role.ShareRouters) {
	b.t.Helper()
	var got []role.ShareRouters
	for _, ifindex := range []int{eth, wan} {
		got = append(got, b.shared(ifindex)...)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func preferred(ev role.RouterSeen, p icmp6.Preference) role.RouterSeen {
	ev.RA.Preference = p
	return ev
}

// Two default routers with our prefix share; not one that lacks the prefix, is no default
// router, is preferred less, or cannot be reached.
func TestRFC4311_2_EquivalentRoutersShareTheLoad(t *testing.T) {
	b := started(t, sharingParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusAccepted)
	b.wantShared("one router")
	both := role.ShareRouters{Ifindex: eth, Routers: []netip.Addr{routerA, routerA2}, All: true}
	none := role.ShareRouters{Ifindex: eth}
	b.step(ra(eth, routerA2, netA))
	b.wantShared("two", both)
	b.step(ra(eth, routerA2, netA))
	b.wantShared("two, again")
	if v := b.m.Interfaces(b.now)[0]; !v.Routers[0].Shared || !v.Routers[1].Shared {
		t.Errorf("shown as %+v", v.Routers)
	}

	b.step(ra(eth, routerB, netB))
	b.wantShared("a third with another prefix")

	for _, p := range []icmp6.Preference{1, 3} {
		b.step(preferred(ra(eth, routerA2, netA), p))
		b.wantShared("one preferred", none)
		b.step(ra(eth, routerA2, netA))
		b.wantShared("none preferred", both)
	}
	b.step(preferred(ra(eth, routerA2, netA), 2))
	b.wantShared("reserved is medium (RFC 4191 §2.2)")

	last := ra(eth, routerA2, netA)
	last.RA.RouterLifetime = 0
	b.step(last)
	b.wantShared("one is no default router any more", none)
	b.step(ra(eth, routerA2, netA))
	b.wantShared("and again", both)

	b.step(role.RouterUnreachable{Ifindex: eth, Router: routerA2})
	b.wantShared("one is unreachable", none)
	b.step(ra(eth, routerA2, netA))
	b.wantShared("it speaks again", both)

	b.step(down(eth))
	b.wantShared("link down", none)
}

// Many equivalent routers: a bounded number of them take part.
func TestLoadIsSharedByAFew(t *testing.T) {
	b := started(t, sharingParams())
	b.step(up(eth))
	for i := byte(1); i <= 9; i++ {
		b.step(ra(eth, netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: i}), netA))
	}
	if got := b.m.link(eth).share.Routers; len(got) != maxShared || !slices.IsSortedFunc(got, netip.Addr.Compare) {
		t.Errorf("%v", got)
	}
}

// The first hop of the tunnel is another equivalent router as soon as the one in use
// cannot be reached, without waiting for anything, and without a Binding Update.
func TestUnreachableFirstHopIsReplaced(t *testing.T) {
	b := started(t, sharingParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusAccepted)
	b.step(ra(eth, routerA2, netA))
	if r := b.path().Router; r != routerA {
		t.Fatalf("the first hop is %v", r)
	}
	sent := len(b.bus)
	b.step(role.RouterUnreachable{Ifindex: eth, Router: routerA})
	if r := b.path().Router; r != routerA2 || len(b.bus) != sent {
		t.Errorf("the first hop is %v, %d Binding Updates", r, len(b.bus)-sent)
	}
	b.step(role.RouterUnreachable{Ifindex: eth, Router: routerA2})
	if r := b.path().Router; r != routerA2 {
		t.Errorf("nobody can be reached: the first hop is %v", r)
	}
}

// Only the best interface with a default router spreads all packets.
func TestOnlyTheBestInterfaceSpreadsAllPackets(t *testing.T) {
	b := started(t, sharingParams())
	b.step(up(wan))
	b.step(ra(wan, routerB, netB))
	b.ack(mh.StatusAccepted)
	b.step(ra(wan, routerA2, netB))
	routers := []netip.Addr{routerA2, routerB}
	slices.SortFunc(routers, netip.Addr.Compare)
	b.wantShared("alone", role.ShareRouters{Ifindex: wan, Routers: routers, All: true})
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.wantShared("with a better one, of one router", role.ShareRouters{Ifindex: wan, Routers: routers})
	b.step(down(eth))
	b.wantShared("alone again", role.ShareRouters{Ifindex: wan, Routers: routers, All: true})
}

// At home, the home subnet's routers share.
func TestLoadIsSharedAtHome(t *testing.T) {
	b := started(t, sharingParams())
	b.step(up(eth))
	b.step(homeRA(eth))
	b.wait(time.Second)
	b.step(ra(eth, routerA, homeNet))
	b.wantShared("at home", role.ShareRouters{Ifindex: eth, Routers: []netip.Addr{haRouter, routerA}, All: true})
}

func TestNoLoadSharingUnasked(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.step(ra(eth, routerA2, netA))
	b.wantShared("off")
}
