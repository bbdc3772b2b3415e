package role

import (
	"net/netip"
	"time"
)

// Side says which end of a conversation has a care-of address.
type Side uint8

const (
	// Ours: we are the mobile node and the peer holds our binding. Packets to
	// it leave from our care-of address with a Home Address option; packets of
	// it come with a type 2 routing header (RFC 6275 §11.3).
	Ours Side = iota

	// Theirs: the peer is the mobile node and we hold its binding. Packets to
	// it leave for its care-of address with a type 2 routing header; packets of
	// it come with a Home Address option (§9.3).
	Theirs
)

var sideNames = [...]string{"ours", "theirs"}

func (s Side) String() string { return sideNames[s] }

// Pair names a conversation by the addresses that upper layers see at both
// ends: home addresses where a node is mobile.
type Pair struct {
	Local, Peer netip.Addr
}

// Direct is the wanted state of one side of a route-optimised conversation. A
// pair has one for each side where both ends are mobile; the kernel then puts
// both headers into the same packet.
//
// While a Direct is in force, packets of the pair without the extension header
// are taken in as well: they may come by the home agent.
type Direct struct {
	Pair
	Side   Side
	CareOf netip.Addr // of that side

	// Lifetime is what is left of the binding. The kernel ends the direct path
	// by itself when it is over, should nobody be there to do it: packets then
	// go by the home agent again.
	Lifetime time.Duration
}

// Traffic counts the packets of a pair that took the direct path, out and in,
// since it was first set.
type Traffic struct {
	PacketsOut, BytesOut uint64
	PacketsIn, BytesIn   uint64
}
