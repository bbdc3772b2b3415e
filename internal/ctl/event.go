package ctl

import (
	"net/netip"
	"time"

	"mip6d/internal/role"
)

// Event is something that happened, at a change of state.
type Event struct {
	Number      uint64     `json:"number"` // 1 is the first since the daemon's start, and none is left out
	Time        time.Time  `json:"time"`
	Kind        string     `json:"kind"` // role.NoticeKind
	HomeAddress netip.Addr `json:"home_address,omitzero"`
	CareOf      netip.Addr `json:"care_of,omitzero"`
	HomeAgent   netip.Addr `json:"home_agent,omitzero"`
	Peer        netip.Addr `json:"peer,omitzero"` // the other end, in events of route optimisation
	Ifindex     int        `json:"ifindex,omitzero"`
	Interface   string     `json:"interface,omitzero"`
	Sequence    *uint16    `json:"sequence,omitempty"`
	Lifetime    *Seconds   `json:"lifetime_s,omitempty"`
	TookMicros  uint64     `json:"took_us,omitzero"` // at a home agent: from a Binding Update's reception until its binding is in force, in µs
	Status      *uint8     `json:"status,omitempty"` // of a Binding Acknowledgement
	StatusText  string     `json:"status_text,omitzero"`
	Warn        bool       `json:"warn"` // a person should look at it
	Text        string     `json:"text"`

	// Lost is how many events this watcher was too slow for, just before
	// this one.
	Lost uint64 `json:"lost,omitzero"`
}

// NewEvent makes an event of a role's notice. ifname names an interface, and
// may be nil.
func NewEvent(t time.Time, n role.Notice, ifname func(ifindex int) string) Event {
	e := Event{
		Time: t, Kind: string(n.Kind),
		HomeAddress: n.HoA, CareOf: n.CoA, HomeAgent: n.HA, Peer: n.Peer, Ifindex: n.Ifindex,
		TookMicros: uint64(max(n.Took, 0).Microseconds()), Warn: n.Warn, Text: n.Text,
	}
	if n.Ifindex != 0 && ifname != nil {
		e.Interface = ifname(n.Ifindex)
	}
	// A Sequence or Lifetime of zero has a meaning only where a message or a
	// binding is told of.
	if carriesBinding(n.Kind) {
		seq, life := n.Sequence, Seconds(n.Lifetime)
		e.Sequence, e.Lifetime = &seq, &life
	}
	if n.HasStatus {
		s := uint8(n.Status)
		e.Status, e.StatusText = &s, n.Status.String()
	}
	return e
}

func carriesBinding(k role.NoticeKind) bool {
	switch k {
	case role.NoticeUpdateSent, role.NoticeAckReceived, role.NoticeRegistered,
		role.NoticeBindingCreated, role.NoticeBindingMoved, role.NoticeBindingRefreshed, role.NoticeBindingDeleted,
		role.NoticeBindingRefused:
		return true
	}
	return false
}
