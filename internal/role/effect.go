package role

import (
	"net/netip"
	"time"

	"mip6d/internal/mh"
)

// Effect is something a machine wants done. Effects are idempotent and keyed:
// setting what is set changes nothing, clearing what is not there succeeds.
type Effect interface{ effect() }

// Send sends one Mobility Header message. The addresses are those of the wire;
// the applier adds the extension headers.
type Send struct {
	Ifindex     int        // outgoing interface, or 0 for the routing table's choice
	Src         netip.Addr // IPv6 source: the care-of address when HomeAddress is valid
	Dst         netip.Addr // IPv6 destination: the care-of address when RoutingHome is valid
	HomeAddress netip.Addr // put into a Home Address option, or invalid
	RoutingHome netip.Addr // put into a type 2 routing header, or invalid
	Raw         []byte     // the Mobility Header, checksum filled in
	Neighbour   bool       // Dst is a node on Ifindex, a home link, whatever routes say
}

// SendICMP sends one ICMPv6 message that is not neighbour discovery. The
// applier fills in the checksum.
type SendICMP struct {
	Ifindex     int
	Src, Dst    netip.Addr
	HomeAddress netip.Addr
	RoutingHome netip.Addr
	Raw         []byte // from Type on
}

// SolicitRouter multicasts a Router Solicitation from the unspecified address
// (RFC 4861 §6.3.7).
type SolicitRouter struct {
	Ifindex int
}

// SolicitNeighbor multicasts a Neighbor Solicitation for an address from the unspecified
// address, to its solicited-node group (RFC 4861 §4.3, RFC 6275 §11.5.5).
// NeighborAdvertised may follow.
type SolicitNeighbor struct {
	Ifindex int
	Target  netip.Addr
}

// AdvertiseRouter multicasts a Router Advertisement to all nodes of a link, from
// our link-local address there. The applier fills in the checksum.
type AdvertiseRouter struct {
	Ifindex int
	Raw     []byte // from Type on
}

// SetBinding brings a binding into force on a home agent: tunnel route, proxy
// neighbour discovery for the home address on its home link, and the reverse
// tunnel's source check. It replaces the binding of the same home address
// without a gap in forwarding. Answered by Done.
type SetBinding struct {
	ID      ID
	Binding Binding
}

// ClearBinding ends interception, tunnelling and reverse tunnelling for a home
// address at once. Answered by Done when ID is not zero.
type ClearBinding struct {
	ID          ID
	HomeAddress netip.Addr
}

// SendTunnelled sends an IPv6 packet of the home agent's own to a mobile node that is
// away, in the tunnel.
type SendTunnelled struct {
	HomeAgent, CareOf netip.Addr // the tunnel's ends
	Packet            []byte     // from the IPv6 header on
}

// SetListener has packets to a multicast group that arrive on the home link of a
// binding tunnelled to its mobile node (RFC 6275 §10.4.2), for as long as that binding
// lasts. It replaces what was set for the same group and home address.
type SetListener struct {
	HomeAddress netip.Addr
	Group       netip.Addr
	Sources     []netip.Addr // whose packets are wanted; none: everybody's
}

// ClearListener takes a SetListener back.
type ClearListener struct {
	HomeAddress netip.Addr
	Group       netip.Addr
}

// StartDAD asks whether an address is free on a link by probing for it from
// the unspecified address (RFC 4862 §5.4), without configuring it. DADDone
// answers. Any number run in parallel.
type StartDAD struct {
	Ifindex int
	Addr    netip.Addr
}

// Advertise multicasts an unsolicited Neighbor Advertisement for an address to
// all nodes of the link, with our own link-layer address, S clear, O set. The
// applier repeats it up to MAX_NEIGHBOR_ADVERTISEMENT times. An IPv4 address is
// announced by ARP (RFC 5227 §2.3).
type Advertise struct {
	Ifindex int
	Addr    netip.Addr
	Router  bool // the R flag
}

// TellNeighbor sends one node of the link an unsolicited Neighbor Advertisement for an
// address, with our own link-layer address, S clear, O set, once.
type TellNeighbor struct {
	Ifindex int
	Addr    netip.Addr
	Router  bool // the R flag

	Neighbor netip.Addr
	LinkAddr []byte // the neighbour's, 6 octets
}

// StopAdvertising ends the repetitions of an Advertise: the address has left the
// link.
type StopAdvertising struct {
	Ifindex int
	Addr    netip.Addr
}

// DADMode says what duplicate address detection an address gets.
type DADMode uint8

const (
	DADOptimistic DADMode = iota // used while it runs, where the kernel can (RFC 4429)
	DADFirst                     // used after it
	DADNone                      // none
)

// AddCareOf puts an address on an interface. Done says that the kernel took the request; AddressReady or
// DADFailed follow.
type AddCareOf struct {
	ID        ID
	Ifindex   int
	Prefix    netip.Prefix  // the address with its on-link prefix length
	Preferred time.Duration // 0: not preferred for new connections
	Valid     time.Duration // Infinite for no end
	DAD       DADMode
}

// Infinite is a lifetime without end (all ones on the wire).
const Infinite = time.Duration(1<<63 - 1)

// RemoveCareOf takes back an address that AddCareOf put there.
type RemoveCareOf struct {
	Ifindex int
	Addr    netip.Addr
}

// KeepRouters says which routers are on a link, for all we know, after it has
// changed. The kernel keeps the default routers of the link before until their
// lifetimes end, and would send to them; their routes and neighbour entries go.
type KeepRouters struct {
	Ifindex int
	Routers []netip.Addr // link-local addresses
}

// ShareRouters says which default routers of a link are equivalent, so that the kernel
// is to spread destinations among them (RFC 4311 §2). None: it is up to the kernel.
type ShareRouters struct {
	Ifindex int
	Routers []netip.Addr // link-local addresses, sorted; at least two, or none

	// All: all packets without a better route, not only those of care-of addresses
	// that leave on the link.
	All bool
}

// SetHomePath says how the packets of one home address travel on a mobile
// node; see HomePath. Answered by Done when ID is not zero.
type SetHomePath struct {
	ID   ID
	Path HomePath
}

// SetDirect brings one side of a direct path into force or replaces it: its
// care-of address, its lifetime. No packet leaves with half of it. Answered by
// Done.
type SetDirect struct {
	ID     ID
	Direct Direct
}

// ClearDirect ends one side of a direct path. Answered by Done when ID is not
// zero.
type ClearDirect struct {
	ID   ID
	Pair Pair
	Side Side
}

// AskTraffic asks for the Traffic of a pair. A TrafficSeen answers, later, and
// none when the kernel can't say.
type AskTraffic struct {
	Pair Pair
}

// StoreRegistration puts what is to be known of a home address after this run into
// the store, in place of what was there; an empty one takes that out. It is durable
// when Done answers.
type StoreRegistration struct {
	ID           ID
	Registration Registration
}

// StoreListEntry does the same for a mobile node's Binding Update List. It is
// answered by Done when ID is not zero.
type StoreListEntry struct {
	ID    ID
	Entry ListEntry
	Drop  bool // take it out
}

// StoreLease does the same for a home address that DHCPv6 has given, in place of what was
// there of its home subnet.
type StoreLease struct {
	ID    ID
	Lease Lease
	Drop  bool // take it out
}

// Count adds one to a counter.
type Count struct {
	Counter Counter
}

// Notice tells people what happened: it becomes a log line, an entry of
// `mip6ctl watch`, later a metric. One per change of state, none per packet.
type Notice struct {
	Kind      NoticeKind
	HoA       netip.Addr
	CoA       netip.Addr
	HA        netip.Addr
	Peer      netip.Addr // the other end, in notices of route optimisation
	Ifindex   int
	Sequence  uint16
	Lifetime  time.Duration
	Took      time.Duration // at a home agent: from a Binding Update's reception until its binding is in force; 0: unknown
	Status    mh.Status     // meaningful where HasStatus
	HasStatus bool
	Warn      bool   // something a person should look at
	Text      string // what happened, one clause, no address in it that has a field
}

func (Send) effect()              {}
func (SendICMP) effect()          {}
func (SolicitRouter) effect()     {}
func (SolicitNeighbor) effect()   {}
func (AdvertiseRouter) effect()   {}
func (SetBinding) effect()        {}
func (ClearBinding) effect()      {}
func (SendTunnelled) effect()     {}
func (SetListener) effect()       {}
func (ClearListener) effect()     {}
func (StartDAD) effect()          {}
func (Advertise) effect()         {}
func (StopAdvertising) effect()   {}
func (TellNeighbor) effect()      {}
func (AddCareOf) effect()         {}
func (RemoveCareOf) effect()      {}
func (KeepRouters) effect()       {}
func (ShareRouters) effect()      {}
func (SetHomePath) effect()       {}
func (SetDirect) effect()         {}
func (ClearDirect) effect()       {}
func (AskTraffic) effect()        {}
func (StoreRegistration) effect() {}
func (StoreListEntry) effect()    {}
func (StoreLease) effect()        {}
func (Count) effect()             {}
func (Notice) effect()            {}

// IDOf returns the ID by which an effect wants to be answered, zero for none.
func IDOf(e Effect) ID {
	switch e := e.(type) {
	case SetBinding:
		return e.ID
	case ClearBinding:
		return e.ID
	case AddCareOf:
		return e.ID
	case SetHomePath:
		return e.ID
	case SetDirect:
		return e.ID
	case ClearDirect:
		return e.ID
	case StoreRegistration:
		return e.ID
	case StoreListEntry:
		return e.ID
	case StoreLease:
		return e.ID
	default:
		return 0
	}
}
