package netns

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// RFC 3963 allows a home link that is none: the home agent's address is on lo, and
// nothing is probed for or defended.
//
// Requirements: 6275-8.4-3
func TestKernelVirtualHomeLink(t *testing.T) {
	virtual := netip.MustParsePrefix("2001:db8:3::/64")
	agent, home := netip.MustParseAddr("2001:db8:3::1"), netip.MustParseAddr("2001:db8:3::100")
	homeAgent, mobile := daemon.HomeAgent(), daemon.MobileNode()
	homeAgent.Text = fmt.Sprintf(`
home_agent:
  links: [{virtual: true, address: %s, prefixes: [%s]}]
  mobile_nodes: [{home_address: %s, auth: {spi: 256, key_file: $DIR/key}}]
`, agent, virtual, home)
	mobile.Text = strings.NewReplacer(topology.HoA.String(), home.String(), topology.HAAddr.String(), agent.String()).Replace(mobile.Text)
	w := newWorld(t, settings{
		Config: topology.Config{Start: topology.Foreign1}, haConfig: &homeAgent, mnConfig: &mobile,
		before: func(topo *topology.Topology) {
			if err := topo.HA.AddAddress("lo", netip.PrefixFrom(agent, 128)); err != nil {
				t.Fatal(err)
			}
			if err := topo.Router.AddRoute(virtual, topology.HACoreAddr); err != nil {
				t.Fatal(err)
			}
		},
	})
	w.registered(t, time.Time{}, 10*time.Second)
	ping := startPing(t, func() (*traffic.Ping, error) {
		return traffic.StartPing(w.CN, topology.CNAddr, home, 10*time.Millisecond)
	})
	answered(t, ping, time.Now(), 5*time.Second)
	for _, to := range []topology.Link{topology.Foreign2, topology.Home} { // to this home address, a foreign link as well
		since, err := w.Move(to)
		if err != nil {
			t.Fatal(err)
		}
		answered(t, ping, since, 10*time.Second)
	}
	if wrong := w.shows(t, w.ha, home.String(), "show", "bindings"); wrong != "" {
		t.Error(wrong)
	}
}

// An aggregated home network: the mobile network's prefix is within the home
// link's, so that hosts there look for its addresses on their link.
func TestKernelAggregatedHomeNetwork(t *testing.T) {
	whole, network := netip.MustParsePrefix("2001:db8:1::/48"), netip.MustParsePrefix("2001:db8:1:a000::/56")
	homeAgent, router := daemon.HomeAgent(), daemon.MobileRouter("implicit")
	homeAgent.Text = strings.NewReplacer(topology.HomePrefix.String(), whole.String(),
		"      auth:", fmt.Sprintf("      prefixes: [%s]\n      auth:", network)).Replace(homeAgent.Text)
	router.Text = strings.ReplaceAll(router.Text, daemon.MobileNetwork.String(), network.String())
	inside := daemon.Within(network)
	addr := inside.Addr().Next().Next()
	w := newWorld(t, settings{
		Config: topology.Config{Start: topology.Foreign1}, haConfig: &homeAgent, mnConfig: &router,
		before: func(topo *topology.Topology) {
			if err := topo.AddNetwork(car, topo.MN, inside); err != nil {
				t.Fatal(err)
			}
			if _, err := topo.AddHostBy("host", car, addr, inside.Addr().Next()); err != nil {
				t.Fatal(err)
			}
		},
	})
	w.registered(t, time.Time{}, 10*time.Second)
	neighbour, err := w.AddHost("neighbour", topology.Home, netip.MustParseAddr("2001:db8:1::77"))
	if err != nil {
		t.Fatal(err)
	}
	link, err := neighbour.Link("eth0")
	if err != nil {
		t.Fatal(err)
	}
	if err := neighbour.NL.RouteAdd(&netlink.Route{
		LinkIndex: link.Attrs().Index, Dst: &net.IPNet{IP: whole.Addr().AsSlice(), Mask: net.CIDRMask(whole.Bits(), 128)},
	}); err != nil {
		t.Fatal(err)
	}
	ping := startPing(t, func() (*traffic.Ping, error) {
		return traffic.StartPing(neighbour, netip.MustParseAddr("2001:db8:1::77"), addr, 20*time.Millisecond)
	})
	answered(t, ping, time.Now(), 5*time.Second)
}
