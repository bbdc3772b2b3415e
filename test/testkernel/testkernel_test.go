package testkernel

import (
	"testing"

	"github.com/vishvananda/netlink"
)

func TestKernelNamespaceIsEmpty(t *testing.T) {
	Namespace(t)
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		// The modules ip6_tunnel and sit put a device of their own into each.
		if n := l.Attrs().Name; n != "lo" && n != "ip6tnl0" && n != "sit0" {
			t.Errorf("a fresh namespace holds the link %s", n)
		}
	}
}
