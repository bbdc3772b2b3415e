package netns

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
)

// linkLocalOf is the kernel's own link-local address of an interface (RFC 4291 appendix A).
func linkLocalOf(t *testing.T, n *node.Node, ifname string) netip.Addr {
	t.Helper()
	l, err := n.Link(ifname)
	if err != nil {
		t.Fatal(err)
	}
	mac := l.Attrs().HardwareAddr
	if len(mac) != 6 {
		t.Fatalf("%s has the link-layer address %s", ifname, net.HardwareAddr(mac))
	}
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]})
}

// usurper is a host on a link with somebody else's link-local address.
func usurper(t *testing.T, topo *topology.Topology, l topology.Link, a netip.Addr) {
	t.Helper()
	h, err := topo.AddHost("usurper", l, netip.PrefixFrom(l.Prefix().Addr(), 64).Addr().Next().Next().Next())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.AddAddress("eth0", netip.PrefixFrom(a, 64)); err != nil {
		t.Fatal(err)
	}
}

// The kernel's own link-local address is another node's. The only interface goes on with
// random identifiers, and says so; the problem ends with the address.
func TestKernelLinkLocalAddressIsInUse(t *testing.T) {
	var own netip.Addr
	w := newWorld(t, settings{
		Config: topology.Config{Start: topology.Foreign1, Unplug: true},
		before: func(topo *topology.Topology) {
			own = linkLocalOf(t, topo.MN, topology.MNInterface)
			usurper(t, topo, topology.Foreign1, own)
		},
	})
	if err := w.Plug(topology.Foreign1); err != nil {
		t.Fatal(err)
	}
	w.registered(t, time.Time{}, 15*time.Second)
	ping := w.pingMN(t)
	what := "address " + own.String() + " on " + topology.MNInterface
	eventually(t, 10*time.Second, func() string { return w.shows(t, w.mn, what, "status") })
	eventually(t, 5*time.Second, func() string { return w.shows(t, w.mn, own.String()+" (duplicate)", "show", "interfaces") })
	eventually(t, 10*time.Second, func() string {
		out, err := w.MN.Run(t.Context(), "ip", "-6", "addr", "show", "dev", topology.MNInterface, "scope", "link")
		for _, line := range strings.Split(out, "\n") {
			if strings.Contains(line, "inet6 fe80::") && !strings.Contains(line, "tentative") && !strings.Contains(line, own.String()) {
				return ""
			}
		}
		return "no other link-local address: " + out + " " + errText(err)
	})
	answered(t, ping, time.Now(), 10*time.Second)
	if out, err := w.MN.Run(t.Context(), "ip", "addr", "del", own.String()+"/64", "dev", topology.MNInterface); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	eventually(t, 5*time.Second, func() string {
		if w.shows(t, w.mn, what, "status") == "" {
			return "the problem is still shown"
		}
		return ""
	})
}

func errText(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

// The better interface's link-layer address is another node's: the other one keeps the
// binding. A static address that is somebody else's is a problem to be shown, no more.
func TestKernelInterfaceWithADuplicateLinkLayerAddress(t *testing.T) {
	w := newTwoInterfaces(t)
	usurper(t, w.Topology, topology.Foreign2, linkLocalOf(t, w.MN, "wlan0"))
	ping := w.pingMN(t)
	if err := w.PlugInterface("wlan0", topology.Foreign2); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, func() string { return w.shows(t, w.mn, " on wlan0", "status") })
	eventually(t, 10*time.Second, func() string { return w.shows(t, w.mn, topology.MNInterface+" ", "show", "bul") })
	answered(t, ping, time.Now(), 5*time.Second)

	static := "2001:db8:f1::77/64"
	if _, err := w.AddHost("owner", topology.Foreign1, netip.MustParsePrefix(static).Addr()); err != nil {
		t.Fatal(err)
	}
	if out, err := w.MN.Run(t.Context(), "ip", "addr", "add", static, "dev", topology.MNInterface); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	eventually(t, 10*time.Second, func() string {
		return w.shows(t, w.mn, "2001:db8:f1::77 on "+topology.MNInterface, "status")
	})
	answered(t, ping, time.Now(), 5*time.Second)
	if wrong := w.shows(t, w.mn, topology.MNInterface+" ", "show", "bul"); wrong != "" {
		t.Error(wrong)
	}
}
