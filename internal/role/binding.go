package role

import (
	"net/netip"
	"slices"
	"time"
)

// Binding is one home registration as the home agent's appliers and its store
// need it (RFC 6275 §9.1).
type Binding struct {
	HomeAddress  netip.Addr
	CareOf       netip.Addr
	HomeAgent    netip.Addr // our address: the tunnel's end point
	Ifindex      int        // home link on which to defend; 0: virtual home link, nothing to defend
	LinkLocal    netip.Addr // link-local address to defend too (L flag), or invalid
	Router       bool       // advertised as a router: R flag in proxied advertisements
	MobileRouter bool       // registered with the R flag (RFC 3963 §4.1)
	KeyMgmt      bool       // K flag granted

	// NoRouteOptimization stops return routability in the tunnel.
	NoRouteOptimization bool

	Sequence       uint16
	Lifetime       time.Duration // as granted
	Expires        time.Time
	Created        time.Time      // first registration of this binding
	Moves          uint64         // care-of changes since
	ReplayStamp    uint64         // last RFC 4285 timestamp accepted, NTP format; 0: none
	MobilePrefixes []netip.Prefix // behind a mobile router, sorted; none overlaps with another binding's

	// IPv4HomeAddress is bound beside the home address (RFC 5555 §4.5), or invalid.
	IPv4HomeAddress netip.Addr
}

// Behind is what is reached by the binding's tunnel beside the home address: the
// mobile networks, and the IPv4 home address.
func (b Binding) Behind() []netip.Prefix {
	if !b.IPv4HomeAddress.IsValid() {
		return b.MobilePrefixes
	}
	return append(slices.Clip(b.MobilePrefixes), netip.PrefixFrom(b.IPv4HomeAddress, b.IPv4HomeAddress.BitLen()))
}
