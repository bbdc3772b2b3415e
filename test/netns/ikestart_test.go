package netns

import (
	"net/netip"
	"testing"

	"mip6d/test/netns/charon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
)

// newIKE is strongSwan with what configs/strongswan ships for one side, and more files.
func newIKE(t *testing.T, n *node.Node, side, swanctl string, more map[string][]byte) *charon.Charon {
	t.Helper()
	files := map[string][]byte{}
	for name, content := range more {
		files[name] = content
	}
	for from, to := range map[string]string{swanctl: "etc/swanctl/conf.d/mip6d.conf", "strongswan.conf": "etc/strongswan.d/mip6d.conf"} {
		b, err := charon.Shipped(side + "/" + from)
		if err != nil {
			t.Fatal(err)
		}
		files[to] = b
	}
	return charon.New(t, n, files)
}

// careOfOn is the mobile node's care-of address on a link.
func careOfOn(at topology.Link) netip.Addr {
	a := at.Prefix().Addr().As16()
	copy(a[8:], []byte{0, 0, 0, 0xff, 0xfe, 0, 0, 0x11})
	return netip.AddrFrom16(a)
}
