package ctl

import (
	"net/netip"
	"time"
)

// The types of a Binding.
const (
	BindingHome          = "home"          // a home agent's
	BindingCorrespondent = "correspondent" // a correspondent node's
)

// Binding is an entry of a binding cache (RFC 6275 §9.1, §10.1).
type Binding struct {
	Type          string     `json:"type"`
	HomeAddress   netip.Addr `json:"home_address"`
	CareOf        netip.Addr `json:"care_of"`
	HomeAgent     netip.Addr `json:"home_agent,omitzero"` // our address that it is registered with as a home agent
	Local         netip.Addr `json:"local,omitzero"`      // our address that it is registered with as a correspondent
	Interface     string     `json:"interface,omitzero"`  // of the home link
	LinkLocal     netip.Addr `json:"link_local,omitzero"` // defended too (L flag)
	Router        bool       `json:"router"`              // advertised as a router
	Authenticated bool       `json:"authenticated"`       // by a shared key (RFC 4285), by IPsec or by both; a correspondent's by return routability
	IPsec         bool       `json:"ipsec,omitzero"`      // signalling is protected by IPsec
	State         string     `json:"state,omitzero"`      // such as active, pending, deleted
	Sequence      uint16     `json:"sequence"`            // of the Binding Update last accepted
	Lifetime      Seconds    `json:"lifetime_s"`          // as granted
	Remaining     Seconds    `json:"remaining_s"`         // of it
	Expires       time.Time  `json:"expires"`             //
	Created       time.Time  `json:"created,omitzero"`    // first registration of this binding
	Moves         uint64     `json:"moves"`               // care-of changes since

	// NoRouteOptimization: a home agent's policy denies it.
	NoRouteOptimization bool `json:"no_route_optimization,omitzero"`

	MobileRouter   bool           `json:"mobile_router,omitzero"`    // registered with the R flag (RFC 3963)
	MobilePrefixes []netip.Prefix `json:"mobile_prefixes,omitempty"` // of the networks behind it
	Depth          int            `json:"depth,omitzero"`            // how many mobile routers it is behind
	Behind         []netip.Addr   `json:"behind,omitempty"`          // their home addresses, the nearest first

	IPv4HomeAddress netip.Addr `json:"ipv4_home_address,omitzero"` // bound as well (RFC 5555)
}

// BindingUpdate is an entry of a mobile node's Binding Update List
// (RFC 6275 §11.1), one for each home address, at home too.
type BindingUpdate struct {
	HomeAddress netip.Prefix `json:"home_address"` // with its home subnet's prefix length
	HomeAgent   netip.Addr   `json:"home_agent,omitzero"`
	CareOf      netip.Addr   `json:"care_of,omitzero"` // registered or being registered; absent at home
	Interface   string       `json:"interface,omitzero"`
	State       string       `json:"state"` // unknown, away, returning, deregistering, home, duplicate, invalid; waiting: DHCPv6 has not given the home address yet, and home_address is the home subnet's prefix
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

	MobilePrefixes []netip.Prefix `json:"mobile_prefixes,omitempty"` // of the networks behind a mobile router

	IPv4HomeAddress netip.Addr `json:"ipv4_home_address,omitzero"` // in use as well (RFC 5555)
	IPv4Refused     string     `json:"ipv4_refused,omitzero"`      // why there is none although it is wanted

	Correspondents []Correspondent `json:"correspondents"`
}

// Correspondent is the route optimisation with one peer of a home address
// (§11.1, §11.6).
type Correspondent struct {
	Peer  netip.Addr `json:"peer"`
	State string     `json:"state"` // tunnel, testing, registering, direct, deleting, barred

	CareOf       netip.Addr `json:"care_of,omitzero"`          // that the peer has acknowledged
	HomeToken    *Seconds   `json:"home_token_age_s"`          // null: there is none
	CareOfToken  *Seconds   `json:"care_of_token_age_s"`       // null: there is none
	Sequence     uint16     `json:"sequence"`                  // last sent
	Lifetime     Seconds    `json:"lifetime_s"`                // as granted
	Remaining    Seconds    `json:"remaining_s"`               // of what the peer may hold
	Next         Seconds    `json:"next_s,omitzero"`           // until something is to be done
	Barred       Seconds    `json:"barred_s,omitzero"`         // it is left alone for so long
	Idle         Seconds    `json:"idle_s"`                    // since the last traffic that was seen
	Retries      int        `json:"retries"`                   // transmissions since the last answer, but the first
	LastStatus   *uint8     `json:"last_status,omitempty"`     // of the acknowledgement last received
	LastStatusIs string     `json:"last_status_text,omitzero"` // its name

	Direct *Traffic `json:"direct"` // by the direct path since it was set; null: not known
	Tunnel *Traffic `json:"tunnel"` // by the home agent; null: not known
}

// Traffic is counted by the kernel, in 64 bits.
type Traffic struct {
	PacketsOut uint64 `json:"packets_out"`
	BytesOut   uint64 `json:"bytes_out"`
	PacketsIn  uint64 `json:"packets_in"`
	BytesIn    uint64 `json:"bytes_in"`
}

// Nonce is one of a correspondent node's, without its secret (§5.2.2).
type Nonce struct {
	Index     uint16  `json:"index"`
	Age       Seconds `json:"age_s"`       // since its first use
	Remaining Seconds `json:"remaining_s"` // until it is accepted no more
}

// What can be done about a Correspondent.
const (
	ActionStart = "start" // optimise, whatever policy and traffic say
	ActionStop  = "stop"  // and never again by itself
	ActionFlush = "flush" // forget, and begin again if there is traffic
)
