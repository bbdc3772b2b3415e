package proxynd

import (
	"testing"

	"github.com/vishvananda/netlink"

	"mip6d/internal/role"
	"mip6d/test/nslab"
)

// A home agent that has asked in vain for the home address of a mobile node that comes home
// is told without asking again, and what waited leaves.
//
// Requirements: 6275-11.5.5-9
func TestKernelTellNeighborAnswersWhatWasAskedBefore(t *testing.T) {
	l := newHomeLink(t)
	// Nobody has the address yet.
	sendUDP(t, l.ha, hoa)
	nslab.Eventually(t, "the home agent asks", func() bool { return l.ha.Neighbours("lan")[hoa].State == netlink.NUD_INCOMPLETE })
	var a *Announcer
	var err error
	told := 0
	l.host.Do(func() { a, err = NewAnnouncer(func(role.Counter) { told++ }) })
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	l.host.Do(func() {
		err = a.TellNeighbor(role.TellNeighbor{Ifindex: l.host.Index("lan"), Addr: hoa, Neighbor: ours, LinkAddr: l.ha.MAC("lan")})
	})
	if err != nil || told != 1 {
		t.Fatalf("%v, told %d", err, told)
	}
	nslab.Eventually(t, "the home agent knows", func() bool {
		n := l.ha.Neighbours("lan")[hoa]
		return n.HardwareAddr.String() == l.host.MAC("lan").String() && n.State&(netlink.NUD_INCOMPLETE|netlink.NUD_FAILED) == 0
	})
	if err := a.TellNeighbor(role.TellNeighbor{Addr: hoa, Neighbor: ours}); err == nil {
		t.Error("no error for a neighbour without an Ethernet address")
	}
}
