package ctl

import "net/netip"

// The uses of an Interface.
const (
	UseHomeLink = "home_link" // a home agent serves mobile nodes of this link
	UseMobile   = "mobile"    // a mobile node moves with it
	UseTunnel   = "tunnel"    // ours
)

// Interface is one that a role works with.
type Interface struct {
	Name       string `json:"name"`
	Ifindex    int    `json:"ifindex,omitzero"` // absent: it is not there
	Use        string `json:"use"`
	Up         bool   `json:"up"`             // it can carry packets
	State      string `json:"state,omitzero"` // mobile: down, soliciting, silent, probing or confirmed
	Active     bool   `json:"active"`         // mobile: a home address's packets use it now
	Preference int    `json:"preference"`     // mobile: lower is better
	MTU        int    `json:"mtu,omitzero"`   //

	Addresses []InterfaceAddress `json:"addresses"`
	Routers   []Router           `json:"routers"` // mobile: heard on this link
}

// The uses of an InterfaceAddress.
const (
	AddressCareOf    = "care_of"
	AddressOld       = "old_care_of" // kept for packets on their way
	AddressHomeAgent = "home_agent"
	AddressLinkLocal = "link_local" // made by mip6d, as another node has the kernel's
	AddressDuplicate = "duplicate"  // not mip6d's, and unusable, as another node has it
)

// InterfaceAddress is an address of ours on an interface.
type InterfaceAddress struct {
	Address netip.Addr `json:"address"`
	Use     string     `json:"use"`
	Ready   bool       `json:"ready"` // may be used as a source
}

// Router is one that a mobile node hears.
type Router struct {
	Address   netip.Addr     `json:"address"` // link-local
	LinkAddr  string         `json:"link_address,omitzero"`
	HomeAgent bool           `json:"home_agent"`          // H flag, RFC 6275 §7.1
	Default   bool           `json:"default"`             // a default router
	Shared    bool           `json:"shares_load"`         // destinations are spread over it and others (RFC 4311)
	Heard     Seconds        `json:"heard_s"`             // ago
	Interval  Seconds        `json:"interval_s,omitzero"` // Advertisement Interval, §7.3; absent: none
	Prefixes  []RouterPrefix `json:"prefixes"`
}

// RouterPrefix is a prefix that a router advertises.
type RouterPrefix struct {
	Prefix    netip.Prefix `json:"prefix"`
	Valid     Seconds      `json:"valid_s"`     // left; null: without end
	Preferred Seconds      `json:"preferred_s"` // left; null: without end
	OnLink    bool         `json:"on_link"`
	Auto      bool         `json:"autonomous"`
}
