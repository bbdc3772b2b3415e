package mn

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// advertisement is what the machine reads in a Router Advertisement.
type advertisement struct {
	linkAddr  []byte
	homeAgent bool
	lifetime  time.Duration // as a default router; 0: not one
	interval  time.Duration // Advertisement Interval (RFC 6275 §7.3); 0: none

	preference int8 // as in router
	prefixes   []advertised
}

type advertised struct {
	net              netip.Prefix
	global           netip.Addr // the router's own address (R flag, §7.2), or invalid
	onLink, auto     bool
	valid, preferred time.Duration // role.Infinite: no end
}

// minInterval is the least MaxRtrAdvInterval (RFC 6275 §7.5). A router that
// claims less doesn't get to be missed sooner.
const minInterval = 70 * time.Millisecond

// readAdvertisement takes out of a Router Advertisement what matters here.
// Prefixes that can't be on-link or make addresses are left out (RFC 4862
// §5.5.3 a–c).
func readAdvertisement(ra *icmp6.RouterAdvertisement) advertisement {
	ad := advertisement{homeAgent: ra.HomeAgent, lifetime: ra.RouterLifetime, preference: rankOf(ra.Preference)}
	for _, o := range ra.Options {
		switch o := o.(type) {
		case icmp6.SourceLinkLayerAddress:
			ad.linkAddr = slices.Clone(o.LinkAddr)
		case icmp6.AdvertisementInterval:
			if o.Interval > 0 {
				ad.interval = max(o.Interval, minInterval)
			}
		case icmp6.PrefixInformation:
			if a, ok := readPrefix(o); ok {
				ad.prefixes = append(ad.prefixes, a)
			}
		}
	}
	return ad
}

func readPrefix(o icmp6.PrefixInformation) (advertised, bool) {
	net := o.Masked()
	a := net.Addr()
	if !net.IsValid() || !a.Is6() || a.Is4In6() || net.Bits() == 0 || a.IsLinkLocalUnicast() || a.IsMulticast() ||
		!o.OnLink && !o.Autonomous || o.Preferred > o.Valid {
		return advertised{}, false
	}
	ad := advertised{
		net: net, onLink: o.OnLink, auto: o.Autonomous,
		valid: lifetime(o.Valid), preferred: lifetime(o.Preferred),
	}
	if o.RouterAddress {
		ad.global = o.Prefix
	}
	return ad, true
}

// lifetime maps the codec's "without end" to the contract's.
func lifetime(d time.Duration) time.Duration {
	if d == icmp6.Infinite {
		return role.Infinite
	}
	return d
}
