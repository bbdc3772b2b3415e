package ctl

import "net/netip"

// HomeAgent is an entry of a home agent's list of those on its home links (RFC
// 6275 §10.1), or itself.
type HomeAgent struct {
	Interface      string       `json:"interface,omitzero"` // absent: a virtual home link
	Self           bool         `json:"self"`
	Draining       bool         `json:"draining,omitzero"` // itself: it lets go of its mobile nodes, and tells nobody of itself
	Router         netip.Addr   `json:"router,omitzero"`   // link-local address; absent: itself
	Addresses      []netip.Addr `json:"addresses"`
	Preference     uint16       `json:"preference"`     // higher is better
	MobileRouters  bool         `json:"mobile_routers"` // it serves those as well
	Remaining      Seconds      `json:"remaining_s"`    // until it is forgotten, unless heard again; null: itself
	Advertisements uint64       `json:"advertisements"` // sent or heard
}

func wholeHomeAgents(list *[]HomeAgent) {
	for i := range *list {
		(*list)[i].Addresses = orEmpty((*list)[i].Addresses)
	}
}
