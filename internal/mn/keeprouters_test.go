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
