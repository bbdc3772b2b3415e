package rtnl

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// TestKernelOldRouterKeepsNothing: what is sent by a router that is not there
// any more waits in its neighbour entry for seconds. After a move it must not:
// TCP would wait, too.
func TestKernelOldRouterKeepsNothing(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	old := homePath(role.PathTunnelled, eth0)
	old.Router = netip.MustParseAddr("fe80::a")
	must(t, setPath(m, old))
	c, err := net.DialUDP("udp6", &net.UDPAddr{IP: hoa.AsSlice()}, &net.UDPAddr{IP: cn.AsSlice(), Port: 9})
	must(t, err)
	defer c.Close()
	waiting := func() bool {
		list, err := dump(func() ([]netlink.Neigh, error) { return netlink.NeighList(eth0, netlink.FAMILY_V6) })
		must(t, err)
		for _, n := range list {
			if n.State&unix.NUD_INCOMPLETE != 0 {
				return true
			}
		}
		return false
	}
	_, err = c.Write([]byte("x"))
	must(t, err)
	for end := time.Now().Add(time.Second); !waiting(); {
		if time.Now().After(end) {
			t.Fatal("nothing waits for the router: this test shows nothing")
		}
	}
	next := old
	next.Router = netip.MustParseAddr("fe80::b")
	must(t, setPath(m, next))
	if waiting() {
		t.Error("packets still wait for the old router")
	}
}
