package ctl

import (
	"net/netip"
	"time"
)

// Binding is an entry of a home agent's binding cache (RFC 6275 §9.1, §10.1).
type Binding struct {
	HomeAddress   netip.Addr `json:"home_address"`
	CareOf        netip.Addr `json:"care_of"`
	HomeAgent     netip.Addr `json:"home_agent"`          // our address that it is registered with
	Interface     string     `json:"interface,omitzero"`  // of the home link
	LinkLocal     netip.Addr `json:"link_local,omitzero"` // defended too (L flag)
	Router        bool       `json:"router"`              // advertised as a router
	Authenticated bool       `json:"authenticated"`       // by a shared key (RFC 4285)
	State         string     `json:"state,omitzero"`      // such as active, pending, deleted
	Sequence      uint16     `json:"sequence"`            // of the Binding Update last accepted
	Lifetime      Seconds    `json:"lifetime_s"`          // as granted
	Remaining     Seconds    `json:"remaining_s"`         // of it
	Expires       time.Time  `json:"expires"`             //
	Created       time.Time  `json:"created,omitzero"`    // first registration of this binding
	Moves         uint64     `json:"moves"`               // care-of changes since
}

// BindingUpdate is an entry of a mobile node's Binding Update List
// (RFC 6275 §11.1), one for each home address, at home too.
type BindingUpdate struct {
	HomeAddress netip.Prefix `json:"home_address"` // with its home subnet's prefix length
	HomeAgent   netip.Addr   `json:"home_agent,omitzero"`
	CareOf      netip.Addr   `json:"care_of,omitzero"` // registered or being registered; absent at home
	Interface   string       `json:"interface,omitzero"`
	State       string       `json:"state"` // unknown, away, returning, deregistering, home, duplicate
	Mode        string       `json:"mode"`  // how packets travel: none, blocked, tunnelled, deregistering, answering, home

	Registered   bool       `json:"registered"`                // the home agent acknowledged a binding that has not expired
	BoundCareOf  netip.Addr `json:"bound_care_of,omitzero"`    // the care-of address of that binding
	Waiting      bool       `json:"waiting"`                   // a Binding Update is unanswered
	Refused      bool       `json:"refused"`                   // for a reason that time won't cure
	Sequence     uint16     `json:"sequence"`                  // last sent
	Lifetime     Seconds    `json:"lifetime_s"`                // as granted
	Remaining    Seconds    `json:"remaining_s"`               // of what the home agent may hold
	Retries      int        `json:"retries"`                   // transmissions since the last answer, but the first
	Next         Seconds    `json:"next_update_s,omitzero"`    // until the next Binding Update; absent: none is planned
	LastStatus   *uint8     `json:"last_status,omitempty"`     // of the acknowledgement last received
	LastStatusIs string     `json:"last_status_text,omitzero"` // its name
}
