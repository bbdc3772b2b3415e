package listener

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// View is one membership, for people.
type View struct {
	Ifindex     int // of the home link
	Group       netip.Addr
	HomeAddress netip.Addr
	CareOf      netip.Addr
	Sources     []netip.Addr // whose packets are wanted; none: everybody's
	Version     int          // of MLD
	Since       time.Time
	Remaining   time.Duration // unless it is reported again
}

// Memberships lists all, by link, group and home address.
func (m *Machine) Memberships(now time.Time) []View {
	var list []View
	for _, n := range m.nodes {
		for g, x := range n.groups {
			list = append(list, View{
				Ifindex: n.ifindex, Group: g, HomeAddress: n.home, CareOf: n.ends.careOf, Sources: slices.Clone(x.sources),
				Version: x.version, Since: x.since, Remaining: max(x.until.Sub(now), 0),
			})
		}
	}
	slices.SortFunc(list, func(a, b View) int {
		return cmp.Or(cmp.Compare(a.Ifindex, b.Ifindex), a.Group.Compare(b.Group), a.HomeAddress.Compare(b.HomeAddress))
	})
	return list
}
