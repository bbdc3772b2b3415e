package report

import (
	"net/netip"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/role"
)

// A link's events belong to a handover that begins with it: not to one that comes after the old link was lost, nor to one
// long afterwards.
const (
	maxWait    = 5 * time.Minute
	maxPlanned = 30 * time.Second // where nothing was lost
)

// link is what is known of an interface since it came up.
type link struct {
	up, router time.Time
	ready      map[netip.Addr]time.Time // care-of addresses
}

func (f *follower) link(kind role.NoticeKind, e *ctl.Event) {
	l := f.links[e.Ifindex]
	switch kind {
	case role.NoticeLinkUp:
		f.links[e.Ifindex] = &link{up: e.Time, ready: make(map[netip.Addr]time.Time)}
		return
	case role.NoticeLinkDown:
		delete(f.links, e.Ifindex)
		for _, p := range f.nodes {
			if p.ifindex == e.Ifindex && (p.careOf.IsValid() || p.atHome) {
				p.lose(e.Time)
			}
		}
		return
	}
	if l == nil || kind == role.NoticeRouter && !l.router.IsZero() { // another link, without the carrier's being lost
		l = &link{ready: make(map[netip.Addr]time.Time)}
		f.links[e.Ifindex] = l
	}
	switch kind {
	case role.NoticeRouter:
		l.router = e.Time
	case role.NoticeCareOfReady:
		l.ready[e.CareOf] = e.Time
	}
}

// lose notes that a path has ended. What was under way towards it has not come to its end.
func (p *place) lose(at time.Time) {
	p.give()
	p.leave(at)
	if p.lost.IsZero() {
		p.lost = at
	}
}

// mobileNode takes what a mobile node's daemon tells of one home address; false: that is none of it.
func (f *follower) mobileNode(kind role.NoticeKind, e *ctl.Event) bool {
	p := f.at(e.HomeAddress)
	switch kind {
	case role.NoticeUpdateSent:
		if e.Lifetime != nil && *e.Lifetime == 0 {
			f.update(p, e, netip.Addr{})
		} else if p.open != nil || !p.lost.IsZero() || p.careOf != e.CareOf {
			f.update(p, e, e.CareOf)
		}
	case role.NoticeAckReceived:
		switch {
		case p.open == nil || e.Status == nil:
		case *e.Status >= 128:
			p.open.Refused = e.StatusText
		default:
			p.open.AckReceived = e.Time
		}
	case role.NoticeRegistered:
		if p.open == nil && p.careOf == e.CareOf && p.lost.IsZero() {
			return true // a binding was refreshed
		}
		if p.open == nil && !p.careOf.IsValid() && !p.atHome { // the journal begins in its midst
			p.ifindex = e.Ifindex
			p.settle(&e.Time, e.CareOf, e.Interface)
			return true
		}
		f.arrived(p, e, e.CareOf)
	case role.NoticeAtHome:
		if !p.atHome || !p.lost.IsZero() {
			f.arrived(p, e, netip.Addr{})
		}
	case role.NoticeUnregistered:
		p.lose(e.Time)
	default:
		return false
	}
	return true
}

// update is a Binding Update for a care-of address, or, with an invalid one, the end of the binding.
func (f *follower) update(p *place, e *ctl.Event, to netip.Addr) {
	if p.open != nil && (p.open.To != to || p.open.Interface != e.Interface) {
		p.give()
	}
	if p.open == nil {
		p.open = f.begin(p, e, to)
	}
	if p.open.Updates++; p.open.Updates == 1 {
		p.open.UpdateSent = e.Time
	}
}

// begin makes a handover of what led to it.
func (f *follower) begin(p *place, e *ctl.Event, to netip.Addr) *Handover {
	h := &Handover{Home: e.HomeAddress, From: p.careOf, FromHome: p.atHome, To: to, ToHome: !to.IsValid(), Interface: e.Interface, LinkDown: p.lost}
	limit := maxPlanned
	if !p.lost.IsZero() {
		limit = maxWait
	}
	seen := func(t time.Time) time.Time {
		if t.Before(p.lost) || e.Time.Sub(t) > limit {
			return time.Time{}
		}
		return t
	}
	if l := f.links[e.Ifindex]; l != nil {
		h.LinkUp, h.Router, h.CareOfReady = seen(l.up), seen(l.router), seen(l.ready[to])
	}
	return h
}

// arrived is the end of a handover.
func (f *follower) arrived(p *place, e *ctl.Event, to netip.Addr) {
	if p.open != nil && p.open.To != to {
		p.give()
	}
	h := p.open
	if h == nil {
		h = f.begin(p, e, to)
	}
	h.Done, p.ifindex = e.Time, e.Ifindex
	p.arrive(*h)
}

// direct notes when the first correspondent is reached directly from a new care-of address.
func (f *follower) direct(e *ctl.Event) {
	p := f.nodes[e.HomeAddress]
	if p == nil || len(p.node.Handovers) == 0 || p.open != nil {
		return
	}
	if h := &p.node.Handovers[len(p.node.Handovers)-1]; h.To == e.CareOf && !h.Done.IsZero() && h.Direct.IsZero() {
		h.Direct = e.Time
	}
}
