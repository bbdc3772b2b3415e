package daemon

import (
	"fmt"
	"net/netip"
	"strings"

	"mip6d/test/netns/topology"
)

// What the picture's mobile node, and the second one, have behind them where they
// are mobile routers: each a link with a prefix of this one's.
var (
	MobileNetwork       = netip.MustParsePrefix("2001:db8:cafe::/56")
	SecondMobileNetwork = netip.MustParsePrefix("2001:db8:beef::/56")
)

// Within is one of a mobile network's subnets.
func Within(network netip.Prefix) netip.Prefix { return netip.PrefixFrom(network.Addr(), 64) }

// HomeAgentOfRouters lets both have their networks.
func HomeAgentOfRouters() Config {
	c := HomeAgentOfTwo()
	for home, network := range map[netip.Addr]netip.Prefix{topology.HoA: MobileNetwork, SecondHoA: SecondMobileNetwork} {
		entry := fmt.Sprintf("    - home_address: %s\n", home)
		c.Text = strings.Replace(c.Text, entry, entry+fmt.Sprintf("      prefixes: [%s]\n", network), 1)
	}
	return c
}

// MobileRouter is the picture's mobile node as a router.
func MobileRouter(mode string) Config { return router(MobileNode(), MobileNetwork, mode) }

// SecondMobileRouter is the second one.
func SecondMobileRouter() Config { return router(SecondMobileNode(), SecondMobileNetwork, "explicit") }

func router(c Config, network netip.Prefix, mode string) Config {
	const after = "      auth:"
	c.Text = strings.Replace(c.Text, after, fmt.Sprintf("      mobile_network: {prefixes: [%s], mode: %s}\n%s", network, mode, after), 1)
	return c
}
