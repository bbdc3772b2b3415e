package topology

import (
	"net/netip"
	"time"

	"mip6d/test/netns/radv"
)

// Link is a place where the mobile node can be.
type Link string

// The places.
const (
	Home     Link = "home"
	Foreign1 Link = "foreign1"
	Foreign2 Link = "foreign2"
)

// The addresses of the picture.
var (
	HomePrefix     = netip.MustParsePrefix("2001:db8:1::/64")
	Foreign1Prefix = netip.MustParsePrefix("2001:db8:f1::/64")
	Foreign2Prefix = netip.MustParsePrefix("2001:db8:f2::/64")
	CNPrefix       = netip.MustParsePrefix("2001:db8:c::/64")

	HAAddr     = netip.MustParseAddr("2001:db8:1::1")   // on the home link
	HACoreAddr = netip.MustParseAddr("2001:db8:a::1")   // towards the router
	HoA        = netip.MustParseAddr("2001:db8:1::100") // the mobile node's, everywhere
	CNAddr     = netip.MustParseAddr("2001:db8:c::2")

	// CNDirectAddr is another address of the CN, for those who compare what goes
	// by the home agent with what goes directly. Nobody configures it unasked.
	CNDirectAddr = netip.MustParseAddr("2001:db8:c::3")

	routerCore = netip.MustParseAddr("2001:db8:a::ff")
	routerCN   = netip.MustParseAddr("2001:db8:c::1")
	routerF1   = netip.MustParseAddr("2001:db8:f1::1")
	routerF2   = netip.MustParseAddr("2001:db8:f2::1")

	everywhere = netip.MustParsePrefix("::/0")
)

// Prefix is the on-link prefix of a link.
func (l Link) Prefix() netip.Prefix {
	switch l {
	case Home:
		return HomePrefix
	case Foreign1:
		return Foreign1Prefix
	default:
		return Foreign2Prefix
	}
}

// Router is the global address of a link's router.
func (l Link) Router() netip.Addr {
	switch l {
	case Home:
		return HAAddr
	case Foreign1:
		return routerF1
	default:
		return routerF2
	}
}

// Impairment is what a link does to packets, in each direction.
type Impairment struct {
	Delay, Jitter time.Duration
	Loss          float64 // percent, 0 to 100
}

// Config says how the network differs from the plain one. The zero value is
// the picture above, with advertisements every 30 to 70 ms as RFC 6275 §7.5
// allows, and the mobile node at home.
type Config struct {
	Start    Link // where the mobile node is at first: Home
	Unplug   bool // nowhere at first
	Impair   map[Link]Impairment
	Interval radv.Interval // between unsolicited advertisements

	// SolicitedDelay is the longest random delay before a router answers a
	// solicitation: none here, up to 0.5 s in RFC 4861 §6.2.6.
	SolicitedDelay time.Duration

	// Silent leaves out the advertisements of a link.
	Silent map[Link]bool
}
