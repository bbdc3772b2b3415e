package report

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/role"
)

// Handover is one change of a mobile node's care-of address, as its daemon saw it. Moments that were not seen are zero.
type Handover struct {
	Home      netip.Addr
	From, To  netip.Addr // care-of addresses; invalid: none, or the home link
	FromHome  bool
	ToHome    bool
	Interface string // of the mobile node, or the home link's
	Agent     bool   // seen by the home agent

	LinkDown    time.Time // the link of the old care-of address ended, or the binding
	LinkUp      time.Time
	Router      time.Time // the first Router Advertisement
	CareOfReady time.Time
	UpdateSent  time.Time // the first Binding Update
	AckReceived time.Time
	Done        time.Time // the home agent has the care-of address, and the tunnel is in force
	Direct      time.Time // a correspondent is reached directly again, the first of them

	Updates int           // Binding Updates sent; more than one means that some were lost or refused
	Refused string        // what a home agent said at last that would not have it
	Took    time.Duration // at the home agent: from the Binding Update's reception to Done; 0: not known
}

// Began is the first moment that was seen.
func (h *Handover) Began() time.Time {
	for _, t := range []time.Time{h.LinkDown, h.LinkUp, h.Router, h.CareOfReady, h.UpdateSent} {
		if !t.IsZero() {
			return t
		}
	}
	return h.Done
}

// Interruption is how long the mobile node had no path by what its daemon knows: from LinkDown to Done, or zero where the
// old path stood until the new one did. It is false where that is not known: at a home agent, for a first registration, and
// for a handover that has not ended.
func (h *Handover) Interruption() (time.Duration, bool) {
	switch {
	case h.Agent || h.Done.IsZero():
		return 0, false
	case !h.LinkDown.IsZero():
		return h.Done.Sub(h.LinkDown), true
	}
	return 0, h.From.IsValid() || h.FromHome
}

// Stay is where a mobile node was for some time.
type Stay struct {
	From, To  time.Time
	CareOf    netip.Addr // invalid: at home
	Interface string
}

// Node is one mobile node's part of a period.
type Node struct {
	Home      netip.Addr
	Handovers []Handover // the oldest first
	Stays     []Stay     // the oldest first
}

// Follow finds the handovers in a journal, whose events are in their order. Stays that last end at the given time.
func Follow(events []ctl.Event, until time.Time) []*Node {
	f := follower{nodes: make(map[netip.Addr]*place), links: make(map[int]*link)}
	for i := range events {
		f.take(&events[i])
	}
	var list []*Node
	for _, p := range f.nodes {
		p.give()
		p.leave(until)
		if len(p.node.Handovers)+len(p.node.Stays) > 0 {
			list = append(list, p.node)
		}
	}
	slices.SortFunc(list, func(a, b *Node) int { return a.Home.Compare(b.Home) })
	return list
}

// follower goes through a journal.
type follower struct {
	nodes map[netip.Addr]*place
	links map[int]*link
}

// place is what is known of one mobile node so far.
type place struct {
	node    *Node
	careOf  netip.Addr // invalid: none is known
	atHome  bool
	ifindex int
	lost    time.Time // when its path ended; zero: it stands
	open    *Handover // under way
	stay    *Stay
}

func (f *follower) at(home netip.Addr) *place {
	p := f.nodes[home]
	if p == nil {
		p = &place{node: &Node{Home: home}}
		f.nodes[home] = p
	}
	return p
}

func (f *follower) take(e *ctl.Event) {
	switch kind := role.NoticeKind(e.Kind); kind {
	case role.NoticeLinkUp, role.NoticeLinkDown, role.NoticeRouter, role.NoticeCareOfReady:
		f.link(kind, e)
		return
	case role.NoticeDirect:
		f.direct(e)
		return
	default:
		if !e.HomeAddress.IsValid() || e.Peer.IsValid() { // the latter are bindings at correspondents
			return
		}
		if !f.mobileNode(kind, e) {
			f.homeAgent(kind, e)
		}
	}
}

// give puts a handover that has not ended with the others.
func (p *place) give() {
	if p.open != nil {
		p.node.Handovers = append(p.node.Handovers, *p.open)
		p.open = nil
	}
}

// leave ends a stay.
func (p *place) leave(at time.Time) {
	if p.stay != nil {
		p.stay.To = at
		p.node.Stays = append(p.node.Stays, *p.stay)
		p.stay = nil
	}
}

// arrive ends a handover and begins a stay.
func (p *place) arrive(h Handover) {
	p.open = nil
	p.node.Handovers = append(p.node.Handovers, h)
	p.settle(&h.Done, h.To, h.Interface)
}

func (p *place) settle(at *time.Time, careOf netip.Addr, ifname string) {
	p.leave(*at)
	p.careOf, p.atHome, p.lost = careOf, !careOf.IsValid(), time.Time{}
	p.stay = &Stay{From: *at, CareOf: careOf, Interface: ifname}
}
