package ha

import "net/netip"

// Roster finds mobile nodes by their home addresses. It takes little more than they do, and does
// not change: it may be used on any goroutine.
type Roster struct {
	list []MobileNode
	at   map[[16]byte]int32 // in the list
}

// NewRoster returns one of these mobile nodes, which must stay as they are.
func NewRoster(list []MobileNode) Roster {
	r := Roster{list, make(map[[16]byte]int32, len(list))}
	for i := range list {
		r.at[list[i].HomeAddress.As16()] = int32(i)
	}
	return r
}

// Find returns the mobile node of a home address; nil: there is none.
func (r Roster) Find(home netip.Addr) *MobileNode {
	if i, ok := r.at[home.As16()]; ok {
		return &r.list[i]
	}
	return nil
}
