package mn

import (
	"net/netip"
	"time"

	"mip6d/internal/mh"
)

// PeerView is what `mip6ctl show bul` shows of one correspondent. Times are
// those of the snapshot.
type PeerView struct {
	HomeAddress netip.Addr
	Peer        netip.Addr

	// State is "tunnel" (nothing under way), "testing" (return routability),
	// "registering" (a Binding Update is unanswered), "direct" (packets take
	// the direct path), "deleting" (back home, the peer's binding is to go) or
	// "barred" (the peer can't or won't).
	State string

	CareOf netip.Addr // that the peer has acknowledged; invalid: none

	// Ages of the keygen tokens; negative: there is none.
	HomeToken, CareOfToken time.Duration

	Sequence  uint16        // last sent
	Lifetime  time.Duration // granted
	Remaining time.Duration // of what the peer may hold
	Next      time.Duration // until the next message of ours; 0: none is planned
	Barred    time.Duration // left of it
	Idle      time.Duration // since the last traffic
	Retries   int           // transmissions since the last answer, but the first
	Status    mh.Status     // of the last acknowledgement, where HasStatus
	HasStatus bool
}
