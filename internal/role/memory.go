package role

import (
	"net/netip"
	"time"
)

// Registration is what a home agent must know of one home address in its next
// run: the binding it has promised, and what must not be accepted again (RFC 6275
// §9.5.1, §10.3.1, RFC 4285 §6).
type Registration struct {
	HomeAddress netip.Addr
	Bound       bool
	Binding     Binding // meaningful where Bound; its Ifindex is of no use to the next run

	// The last Binding Update that was accepted or would have been, also of a
	// binding that has ended.
	Sequence uint16
	Sequent  bool   // there is a Sequence to remember
	Stamp    uint64 // RFC 4285; 0: none
}

// Empty says that nothing is left to remember.
func (r Registration) Empty() bool { return !r.Bound && !r.Sequent && r.Stamp == 0 }

// ListEntry is what a mobile node must know of one entry of its Binding Update List
// in its next run (RFC 6275 §11.1).
type ListEntry struct {
	HomeAddress netip.Addr
	Peer        netip.Addr // home agent or correspondent
	Home        bool       // a home registration

	// Sequence is at least the last sequence number used. It is ahead of that, so
	// that a Binding Update need not wait for the store.
	Sequence uint16

	CareOf  netip.Addr    // last registered, or on its way there; invalid: none
	Until   time.Time     // the last moment at which a binding may be there
	Granted time.Duration // lifetime of what was acknowledged; 0: that may be something else

	IPv4HomeAddress netip.Addr // that the home agent has bound as well (RFC 5555), or invalid

	// RFC 4285 §6: the last timestamp sent, and the home agent's clock minus
	// ours.
	Stamp  uint64
	Offset time.Duration
}

// Lease is what a mobile node must know in its next run of a home address that DHCPv6 has
// given it (RFC 8415). There is one for a home subnet.
type Lease struct {
	HomeAddress netip.Prefix // with its home subnet's prefix length
	Until       time.Time    // the end of its valid lifetime; zero: without end
}
