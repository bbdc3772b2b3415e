package ctl

import "net/netip"

// Group is a multicast group of a home link that a mobile node listens to while it is away
// (RFC 6275 §10.4.3).
type Group struct {
	Group       netip.Addr   `json:"group"`
	Interface   string       `json:"interface"` // of the home link
	HomeAddress netip.Addr   `json:"home_address"`
	CareOf      netip.Addr   `json:"care_of"`
	Sources     []netip.Addr `json:"sources"` // whose packets are wanted; empty: everybody's
	MLD         int          `json:"mld"`     // the version in which it was reported
	Age         Seconds      `json:"age_s"`
	Remaining   Seconds      `json:"remaining_s"` // unless it is reported again
}

func wholeGroups(list *[]Group) {
	for i := range *list {
		(*list)[i].Sources = orEmpty((*list)[i].Sources)
	}
}
