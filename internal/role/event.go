package role

import (
	"net/netip"
	"time"

	"mip6d/internal/icmp6"
)

// Event is something that happened: a packet came, the kernel reported, an
// effect ended, time passed. Events are values; nobody changes one after it
// was handed to Step.
type Event interface{ event() }

// Tick says that the time returned by Deadline has come.
type Tick struct{}

// Start is the first event of a run, after the appliers have reported what is
// there: one LinkUp per usable interface follows it.
type Start struct{}

// Stop asks the machine for what it wants done at a clean end of the process.
type Stop struct{}

// Done answers the effect with the same ID. Err is nil where the effect is in
// force. After a failure the machine undoes what it wants undone.
type Done struct {
	ID  ID
	Err error
}

// MessageIn is a Mobility Header message received. Addresses are those of the
// wire; the message's end points (and its checksum's) are HomeAddress instead
// of Src where that is valid, and RoutingHome instead of Dst where that is.
type MessageIn struct {
	Ifindex     int
	Src         netip.Addr // IPv6 source on the wire: the care-of address when away
	Dst         netip.Addr // IPv6 destination on the wire
	HomeAddress netip.Addr // Home Address destination option (RFC 6275 §6.3), or invalid
	RoutingHome netip.Addr // home address in a type 2 routing header (§6.4), or invalid
	Tunnelled   bool       // came out of a mobile node's tunnel from its home agent

	// SA tells the IPsec security association that the packet came in through: the
	// number that its applier gave it, 0 for none.
	SA uint32

	Raw []byte // the Mobility Header, from Payload Proto on
}

// ICMPIn is an ICMPv6 message received that is not a Router Advertisement:
// errors, home agent address discovery, mobile prefix discovery.
type ICMPIn struct {
	Ifindex     int
	Src, Dst    netip.Addr
	HomeAddress netip.Addr // as in MessageIn
	RoutingHome netip.Addr
	SA          uint32
	Raw         []byte // the ICMPv6 message, from Type on, checksum verified
}

// KeysMade says that an IKE daemon has made the security associations by which a home
// address's signalling is protected.
type KeysMade struct {
	HomeAddress netip.Addr
}

// LinkUp says that an interface can carry packets (administratively up and
// with carrier). It is repeated when the interface was down in between or the
// carrier came back, even if so quickly that no LinkDown was seen.
type LinkUp struct {
	Ifindex  int
	Name     string
	LinkAddr []byte // link-layer address, empty where the link has none
}

// LinkDown says that an interface can carry no packets or is gone.
type LinkDown struct {
	Ifindex int
}

// RouterSeen is a valid Router Advertisement (hop limit 255, link-local
// source; RFC 4861 §6.1.2).
type RouterSeen struct {
	Ifindex int
	Router  netip.Addr // link-local source address
	RA      *icmp6.RouterAdvertisement
	At      time.Time // when the kernel received it, by the wall clock; zero: just now
}

// NeighborAdvertised is a valid Neighbor Advertisement (RFC 4861 §7.1.2) for a target
// that a SolicitNeighbor asked for, with a Target Link-Layer Address.
type NeighborAdvertised struct {
	Ifindex  int
	Target   netip.Addr
	LinkAddr []byte
}

// RouterSolicited is a valid Router Solicitation (RFC 4861 §6.1.1).
type RouterSolicited struct {
	Ifindex int
	Src     netip.Addr // unspecified from a node without an address
}

// AddressReady says that an address may be used as a source: DAD ended well or
// was not needed, or the address is optimistic and announced by the kernel
// (RFC 4429).
type AddressReady struct {
	Ifindex int
	Addr    netip.Addr

	// Lease is what is left of the valid lifetime of an address that a DHCPv6 client of the
	// host has put there, Infinite for one without end; 0: it is no such address. The event
	// comes again when the client has changed it.
	Lease time.Duration
}

// DADFailed says that duplicate address detection found the address in use.
type DADFailed struct {
	Ifindex int
	Addr    netip.Addr
	Kept    bool // the kernel keeps it, unusable; else it has taken it away
}

// AddressGone says that an address was removed, by whomever.
type AddressGone struct {
	Ifindex int
	Addr    netip.Addr
}

// RouterUnreachable says that neighbour unreachability detection gave up on a
// default router (RFC 6275 §11.5.2).
type RouterUnreachable struct {
	Ifindex int
	Router  netip.Addr
}

// DADDone ends a StartDAD. Duplicate says that another node defends or probes
// for the address; Err that the question could not be asked.
type DADDone struct {
	Ifindex   int
	Addr      netip.Addr
	Duplicate bool
	Err       error
}

// Restored hands a role what an earlier run has stored, before Start. Times are
// this run's; what has expired meanwhile is among it, as its sequence numbers
// count.
type Restored struct {
	Registrations []Registration // a home agent's
	Entries       []ListEntry    // a mobile node's
	Leases        []Lease        // a mobile node's
}

// PeerSeen says that a packet between one of our home addresses and a peer went
// through the tunnel of a mobile node, in either direction. It comes once for a
// pair, and again now and then (about each minute) while packets go on; never for
// signalling.
type PeerSeen struct {
	Pair    Pair
	Inbound bool // the peer's packet was the first
}

// UnknownHomeAddress says that the kernel dropped a packet with a Home Address
// option for which there is no Direct (RFC 6275 §9.3.1). The kernel tells of a
// flood, not of each of its packets.
type UnknownHomeAddress struct {
	Local       netip.Addr // our address, to which the packet was sent
	HomeAddress netip.Addr
	CareOf      netip.Addr // the packet's source on the wire
}

// TrafficSeen answers AskTraffic.
type TrafficSeen struct {
	Pair    Pair
	Traffic Traffic
}

func (Tick) event()               {}
func (Start) event()              {}
func (Stop) event()               {}
func (Done) event()               {}
func (MessageIn) event()          {}
func (ICMPIn) event()             {}
func (KeysMade) event()           {}
func (LinkUp) event()             {}
func (LinkDown) event()           {}
func (RouterSeen) event()         {}
func (RouterSolicited) event()    {}
func (NeighborAdvertised) event() {}
func (AddressReady) event()       {}
func (DADFailed) event()          {}
func (AddressGone) event()        {}
func (RouterUnreachable) event()  {}
func (DADDone) event()            {}
func (Restored) event()           {}
func (PeerSeen) event()           {}
func (UnknownHomeAddress) event() {}
func (TrafficSeen) event()        {}

// External is embedded by the events of a single role that only its own wiring
// posts, such as a new configuration.
type External struct{}

func (External) event() {}
