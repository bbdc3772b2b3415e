package netns

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// Link-layer addresses on the home link, see topology.
const (
	haLinkAddr = "02:00:00:00:01:01"
	mnLinkAddr = "02:00:00:00:00:11"
)

// neighbour is the link-layer address that a machine has for another, "" for
// none.
func neighbour(t *testing.T, n *node.Node, addr netip.Addr) string {
	t.Helper()
	out, err := n.Run(t.Context(), "ip", "-6", "neigh", "show", "to", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(out)
	for i, w := range words {
		if w == "lladdr" {
			return words[i+1]
		}
	}
	return ""
}

// A host on the home link goes on talking to a mobile node while it leaves and
// comes back: the home agent answers for its home address (RFC 6275 §10.4.1),
// the mobile node takes it back with an overriding advertisement (§11.5.5).
//
// Requirements: 6275-8.4-2, 6275-10.3.1-29, 6275-10.4.1-1, 6275-10.4.1-12, 6275-11.5.5-11
func TestKernelHomeLinkHostFollowsTheMobileNode(t *testing.T) {
	mn := daemon.MobileNode()
	mn.Text = strings.Replace(mn.Text, "home_agent: ", "link_local: true\n      home_agent: ", 1)
	linkLocal := netip.MustParseAddr("fe80::100") // the home address's interface identifier
	w := newWorld(t, settings{
		Config: topology.Config{Start: topology.Home}, mnConfig: &mn,
	})
	host, err := w.AddHost("neighbour", topology.Home, netip.MustParseAddr("2001:db8:1::50"))
	if err != nil {
		t.Fatal(err)
	}
	for _, sysctl := range []string{"dad_transmits", "accept_dad"} { // off in the test bed
		if err := host.Sysctl("net/ipv6/conf/eth0/"+sysctl, "1"); err != nil {
			t.Fatal(err)
		}
	}
	ping, err := traffic.StartPing(host, netip.MustParseAddr("2001:db8:1::50"), topology.HoA, 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ping.Stop(0) })
	is := func(want string) {
		t.Helper()
		eventually(t, 5*time.Second, func() string {
			if got := neighbour(t, host, topology.HoA); got != want {
				return "the neighbour has " + got + " for the home address, not " + want
			}
			return ""
		})
	}
	answered(t, ping, time.Time{}, 10*time.Second)
	is(mnLinkAddr)

	up, err := w.Move(topology.Foreign1)
	if err != nil {
		t.Fatal(err)
	}
	w.registered(t, up, 10*time.Second)
	answered(t, ping, time.Now(), 5*time.Second)
	is(haLinkAddr)
	// What the kernel learned while the mobile node was at home may still age.
	if out, err := w.HA.Run(t.Context(), "ip", "-6", "neigh", "show", "dev", topology.HAHomeInterface, "to", topology.HoA.String()); err != nil ||
		strings.Contains(out, "lladdr") && !strings.Contains(out, "STALE") && !strings.Contains(out, "FAILED") {
		t.Errorf("the home agent's kernel has a neighbour for an address that it defends: %s (%v)", out, err)
	}
	defended(t, host, topology.HoA)
	defended(t, host, linkLocal)

	if up, err = w.Move(topology.Home); err != nil {
		t.Fatal(err)
	}
	w.registered(t, up, 10*time.Second)
	answered(t, ping, time.Now(), 5*time.Second)
	is(mnLinkAddr)
}

// defended has a machine try an address; detection must find it in use.
func defended(t *testing.T, n *node.Node, addr netip.Addr) {
	t.Helper()
	if out, err := n.Run(t.Context(), "ip", "-6", "addr", "add", addr.String()+"/64", "dev", "eth0"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	eventually(t, 5*time.Second, func() string {
		out, err := n.Run(t.Context(), "ip", "-6", "addr", "show", "dev", "eth0")
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(out, "\n") {
			if strings.Contains(line, addr.String()+"/64") && strings.Contains(line, "dadfailed") {
				return ""
			}
		}
		return "detection for " + addr.String() + " has not failed:\n" + out
	})
	if out, err := n.Run(t.Context(), "ip", "-6", "addr", "del", addr.String()+"/64", "dev", "eth0"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
