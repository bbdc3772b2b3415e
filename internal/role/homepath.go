package role

import (
	"net/netip"
	"strconv"
	"time"
)

// PathMode is one of the ways in which a home address is reached.
type PathMode uint8

const (
	// PathNone: the home address is not configured at all and nothing of
	// ours is left of it. Used at a clean end and for a duplicate.
	PathNone PathMode = iota

	// PathBlocked: the home address lives on the tunnel device (NODAD,
	// HOMEADDRESS) so that connections keep it, but there is no binding: its
	// packets go nowhere and never leave untunnelled.
	PathBlocked

	// PathTunnelled: as PathBlocked, with a tunnel CareOf ↔ HomeAgent that
	// carries the packets of the home address, both ways.
	PathTunnelled

	// PathDeregistering: the mobile node is back on its home link (Ifindex)
	// and about to send its de-registration from the home address. The home
	// address stays on the tunnel device; only packets to HomeAgent leave
	// on the link, to the link-layer address HomeAgentLinkAddr, without a
	// neighbour solicitation (RFC 6275 §11.5.5). Other packets stay blocked.
	PathDeregistering

	// PathAnswering: the de-registration has left; the home address is on
	// the home interface without DAD, so that solicitations are answered, but
	// nothing but signalling uses it yet.
	PathAnswering

	// PathHome: at home. The home address is an ordinary address of the home
	// interface; no tunnel, no rule of ours.
	PathHome
)

var pathModeNames = [...]string{"none", "blocked", "tunnelled", "deregistering", "answering", "home"}

// String is the name that `mip6ctl show bul` prints.
func (m PathMode) String() string {
	if int(m) < len(pathModeNames) {
		return pathModeNames[m]
	}
	return "PathMode(" + strconv.Itoa(int(m)) + ")"
}

// HomePath is the wanted state of one home address on a mobile node. Setting it
// goes from any earlier mode to this one without a moment in which a packet of
// the home address can leave untunnelled on a foreign link.
type HomePath struct {
	HomeAddress netip.Prefix // the home address with its home subnet's prefix length
	Mode        PathMode
	CareOf      netip.Addr // PathTunnelled
	HomeAgent   netip.Addr // where known, in all modes but PathNone and PathHome
	Router      netip.Addr // PathTunnelled: link-local address of the first hop on CareOf's link
	Ifindex     int        // the link: of CareOf, or the home link

	// KeyMgmt: an IKE daemon is to follow to CareOf, as the home agent's does (K, RFC 6275
	// §11.7.3). PathTunnelled.
	KeyMgmt bool

	// Deprecated: new connections are to use another address, where there is one.
	Deprecated bool

	// Hold keeps what is to leave by the tunnel on its device, until a path comes
	// without it. PathTunnelled.
	Hold bool

	// MobilePrefixes are those of a mobile router's networks (RFC 3963). Packets
	// from there take the way of the home address's, but at home, and once the
	// de-registration has been sent, they are held back. What is sent to them and is on
	// none of our links goes nowhere, always.
	MobilePrefixes []netip.Prefix

	// IPv4 is the IPv4 home address (RFC 5555), or invalid: its packets take the way of
	// the home address's, but at home there is none. With IPv4Default so do the IPv4
	// packets of all who have not chosen a source address, but to addresses of our links.
	IPv4        netip.Addr
	IPv4Default bool

	// Lease is how long the home address is valid, Infinite for one without end, where a DHCPv6
	// client of the host gives it to the home link's interface; 0: it is configured. At home
	// the client's copy is left as it is. Where there is none, ours stands in until it comes.
	Lease time.Duration

	HomeAgentLinkAddr []byte // PathDeregistering: from the home agent's advertisement
	DAD               bool   // PathHome: probe for the home address first (no binding existed)

	// Unmarked: at home the address does not carry the kernel's mark of home addresses
	// (IFA_F_HOMEADDRESS), which has it preferred to others (RFC 6724 §5 rule 4). PathHome.
	Unmarked bool
}
