package netns

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// A home agent on two links has a list, an anycast address and bindings for each;
// the mobile node has a home address on each, and finds the second link's home
// agent by itself.
//
// Requirements: 6275-8.4-8, 6275-8.4-9
func TestKernelTwoHomeLinks(t *testing.T) {
	second := netip.MustParsePrefix("2001:db8:3::/64")
	agent, home := netip.MustParseAddr("2001:db8:3::1"), netip.MustParseAddr("2001:db8:3::100")
	homeAgent, mobile := daemon.HomeAgent(), daemon.MobileNode()
	homeAgent.Text = strings.Replace(homeAgent.Text, "  mobile_nodes:\n", fmt.Sprintf(`
    - interface: home2
      address: %s
      prefixes: [%s]
  mobile_nodes:
    - home_address: %s
      auth: {spi: 257, key_file: $DIR/key}
`, agent, second, home), 1)
	mobile.Text = strings.Replace(mobile.Text, "  homes:\n", fmt.Sprintf(`  homes:
    - home_address: %s/64
      auth: {spi: 257, key_file: $DIR/key}
`, home), 1)
	w := newWorld(t, settings{
		Config: topology.Config{Start: topology.Foreign1}, haConfig: &homeAgent, mnConfig: &mobile,
		before: func(topo *topology.Topology) {
			if err := topo.HA.NL.LinkAdd(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "home2"}}); err != nil {
				t.Fatal(err)
			}
			if err := topo.HA.SetUp("home2", true); err != nil {
				t.Fatal(err)
			}
			if err := topo.HA.AddAddress("home2", netip.PrefixFrom(agent, 64)); err != nil {
				t.Fatal(err)
			}
			if err := topo.Router.AddRoute(second, topology.HACoreAddr); err != nil {
				t.Fatal(err)
			}
		},
	})
	for _, a := range []netip.Addr{topology.HoA, home} {
		ping := startPing(t, func() (*traffic.Ping, error) {
			return traffic.StartPing(w.CN, topology.CNAddr, a, 20*time.Millisecond)
		})
		answered(t, ping, time.Now(), 15*time.Second)
	}
	bindings, err := w.ha.Ctl(t.Context(), "show", "bindings")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][2]string{{topology.HoA.String() + " ", topology.HAHomeInterface}, {home.String() + " ", "home2"}} {
		found := false
		for line := range strings.Lines(bindings) {
			found = found || strings.HasPrefix(line, want[0]) && strings.Contains(line, " "+want[1]+" ")
		}
		if !found {
			t.Errorf("%s is not bound on %s:\n%s", want[0], want[1], bindings)
		}
	}
	if wrong := w.shows(t, w.ha, "home2", "show", "home-agents"); wrong != "" {
		t.Error(wrong)
	}
}
