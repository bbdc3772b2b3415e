package report

import (
	"net/netip"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/role"
)

// homeAgent takes what a home agent tells of one binding.
func (f *follower) homeAgent(kind role.NoticeKind, e *ctl.Event) {
	p := f.at(e.HomeAddress)
	h := Handover{Home: e.HomeAddress, From: p.careOf, FromHome: p.atHome, To: e.CareOf, Interface: e.Interface, Agent: true, Done: e.Time,
		Took: time.Duration(e.TookMicros) * time.Microsecond}
	if h.Took > 0 {
		h.UpdateSent = e.Time.Add(-h.Took) // that it came is all that is known
	}
	switch kind {
	case role.NoticeBindingCreated, role.NoticeBindingMoved:
		p.arrive(h)
	case role.NoticeBindingRefreshed:
		if p.stay == nil { // the journal begins in its midst
			p.settle(&e.Time, e.CareOf, e.Interface)
		}
	case role.NoticeBindingDeleted:
		if e.Warn { // by us
			p.end(e.Time)
			return
		}
		h.To, h.ToHome = netip.Addr{}, true
		p.arrive(h)
	case role.NoticeBindingExpired:
		p.end(e.Time)
	}
}

// end is that of a binding without another.
func (p *place) end(at time.Time) {
	p.leave(at)
	p.careOf, p.atHome = netip.Addr{}, false
}
