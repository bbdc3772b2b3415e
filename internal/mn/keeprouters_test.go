package mn

import (
	"net/netip"
	"slices"
	"testing"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// routersKept returns the lists that the kernel was given in the last step.
func (b *bed) routersKept() (lists [][]netip.Addr) {
	for _, e := range b.effects {
		if k, ok := e.(role.KeepRouters); ok && k.Ifindex == eth {
			lists = append(lists, k.Routers)
		}
	}
	return lists
}

func TestRoutersOfAnEarlierLinkAreGivenUp(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusAccepted)
	b.step(ra(eth, routerA2, netA))
	if got := b.routersKept(); len(got) != 0 {
		t.Errorf("one more router on the link: keep %v", got)
	}
	b.step(down(eth))
	b.step(up(eth))
	b.step(ra(eth, routerB, netB))
	if got := b.routersKept(); len(got) != 1 || !slices.Equal(got[0], []netip.Addr{routerB}) {
		t.Errorf("on another link: keep %v", got)
	}
	b.ack(mh.StatusAccepted)
	b.step(down(eth))
	b.step(up(eth))
	b.step(homeRA(eth))
	if got := b.routersKept(); len(got) != 1 || !slices.Equal(got[0], []netip.Addr{haRouter}) {
		t.Errorf("at home: keep %v", got)
	}
}

// The first word of the home link may come before the news that the link has changed.
// The kernel must not keep the routers of the link before for it.
func TestRoutersOfTheLinkBeforeGoAlthoughTheNewsIsLate(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.step(homeRA(eth)) // we have moved already
	var last role.KeepRouters
	seen := 0
	for _, ev := range []role.Event{up(eth), homeRA(eth)} {
		b.step(ev)
		for _, e := range b.effects {
			if k, ok := e.(role.KeepRouters); ok {
				last, seen = k, seen+1
			}
		}
	}
	if seen == 0 || slices.Contains(last.Routers, routerA) || !slices.Contains(last.Routers, haRouter) {
		t.Errorf("told %d times, at last of %v", seen, last.Routers)
	}
}
