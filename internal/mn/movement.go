package mn

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/role"
)

// doubt is the time between a hint that the link may have changed and its end
// (RFC 6275 §11.5.1). During it routers are solicited; at its end, what was not
// heard again is forgotten.
type doubt struct {
	until time.Time
	mark  uint64 // advertisements counted when it began, see Machine.heard

	// blocks: a stranger spoke, so a home address that is at home on this
	// link must not be used until its own router has spoken again.
	blocks bool
}

func (d doubt) active() bool { return !d.until.IsZero() }

// minDoubt leaves a busy router time to answer.
const minDoubt = 300 * time.Millisecond

// locate draws from an advertisement what it says about where we are. It runs
// before the advertisement is learnt.
//
// The rules of §11.5.1: a new router alone is no handover, nor is a new router
// with a new prefix, as long as the old one is there; and a router's link-local
// address proves nothing.
func (m *Machine) locate(l *link, addr netip.Addr, ad advertisement) {
	if len(ad.prefixes) == 0 {
		return // says nothing about the link
	}
	known := slices.ContainsFunc(ad.prefixes, func(a advertised) bool { return l.knows(a.net) })
	r := l.router(addr)
	switch {
	case !l.confirmed:
		// The first word on a link that came up, or after silence.
		if !known {
			m.newLink(l)
		}
		if !l.silent || !known {
			m.noticeRouter(l, "router advertisement")
		}
		l.confirmed, l.silent = true, false
		if m.anchored(l) && !slices.ContainsFunc(ad.prefixes, func(a advertised) bool { return m.isAnchor(l, a.net) }) {
			// A neighbour of what we use. Let that speak for itself.
			m.startDoubt(l, m.probeTimeout(l), false)
		}
		m.resume(l)
	case known:
		m.missing(l, r, ad)
	case r != nil && m.holdsAnchor(l, r):
		// The router we rely on with nothing but new prefixes: renumbered, or
		// a router of another link with the same link-local address.
		for _, p := range r.prefixes {
			p.superseded = true
		}
		m.noticeRouter(l, "router advertises other prefixes")
	case m.anchored(l):
		m.startDoubt(l, m.probeTimeout(l), true)
	}
}

// missing doubts the link when a router goes on advertising but has not
// mentioned for long what we use.
func (m *Machine) missing(l *link, r *router, ad advertisement) {
	if r == nil {
		return
	}
	patience := m.p.RouterProbeTimeout
	if r.interval > 0 {
		patience = time.Duration(m.p.MissedAdvertisements) * r.interval
	}
	for _, p := range r.prefixes {
		if !m.isAnchor(l, p.net) || m.now.Sub(m.lastHeard(l, p.net)) < patience {
			continue
		}
		if !slices.ContainsFunc(ad.prefixes, func(a advertised) bool { return a.net == p.net }) {
			m.startDoubt(l, m.probeTimeout(l), false)
			return
		}
	}
}

func (m *Machine) noticeRouter(l *link, text string) {
	m.notice(role.Notice{Kind: role.NoticeRouter, Ifindex: l.ifindex, Text: text})
}

// routerUnreachable is neighbour unreachability detection giving up (§11.5.1).
func (m *Machine) routerUnreachable(ev role.RouterUnreachable) {
	l := m.link(ev.Ifindex)
	if l == nil || !l.confirmed {
		return
	}
	r := l.router(ev.Router)
	if r == nil {
		return
	}
	r.unreachable = true
	if m.holdsAnchor(l, r) {
		m.startDoubt(l, m.p.UnreachableTimeout, false)
	}
}

// startDoubt asks all routers to speak up, and waits. A doubt that is there
// already is not prolonged, or a stream of hints would keep it from ending. Only
// a stranger that speaks after the router we rely on has done so begins another.
func (m *Machine) startDoubt(l *link, timeout time.Duration, blocks bool) {
	if l.doubt.active() && !(blocks && m.anchorHeard(l, l.doubt.mark)) {
		l.doubt.blocks = l.doubt.blocks || blocks
		return
	}
	l.doubt = doubt{until: m.now.Add(timeout), mark: m.heard, blocks: blocks}
	m.solicitNow(l)
}

// anchorHeard says whether a prefix that we rely on was advertised after so many
// advertisements.
func (m *Machine) anchorHeard(l *link, mark uint64) bool {
	return slices.ContainsFunc(l.routers, func(r *router) bool {
		return slices.ContainsFunc(r.prefixes, func(p *prefix) bool { return p.mark > mark && m.isAnchor(l, p.net) })
	})
}

// endDoubt forgets what was not heard since the doubt began. When nothing was
// heard at all we are no wiser, and stay (silent).
func (m *Machine) endDoubt(l *link) {
	if !m.due(l.doubt.until) {
		return
	}
	mark := l.doubt.mark
	l.doubt = doubt{}
	if !slices.ContainsFunc(l.routers, func(r *router) bool { return r.mark > mark }) {
		l.confirmed, l.silent = false, true
		m.solicitNow(l)
		return
	}
	l.changed = true
	l.routers = slices.DeleteFunc(l.routers, func(r *router) bool { return r.mark <= mark })
	for _, r := range l.routers {
		r.prefixes = slices.DeleteFunc(r.prefixes, func(p *prefix) bool { return p.mark <= mark })
	}
}

// patience is when the advertisements of what we use on a link are overdue
// (§11.5.1, Advertisement Interval); zero: never, since a router that doesn't
// say how often it advertises can't be late.
func (m *Machine) patience(l *link) time.Time {
	if !l.up || !l.confirmed || l.doubt.active() {
		return time.Time{}
	}
	var latest time.Time
	for _, r := range l.routers {
		if !m.holdsAnchor(l, r) {
			continue
		}
		if r.interval <= 0 {
			return time.Time{}
		}
		if t := r.heard.Add(time.Duration(m.p.MissedAdvertisements) * r.interval); t.After(latest) {
			latest = t
		}
	}
	return latest
}

// probeTimeout is how long the routers we rely on may take to answer.
func (m *Machine) probeTimeout(l *link) time.Duration {
	longest := time.Duration(0)
	for _, r := range l.routers {
		if !m.holdsAnchor(l, r) {
			continue
		}
		if r.interval <= 0 {
			return m.p.RouterProbeTimeout
		}
		longest = max(longest, r.interval)
	}
	if longest == 0 {
		return m.p.RouterProbeTimeout
	}
	return min(max(3*longest, minDoubt), m.p.RouterProbeTimeout)
}

// isAnchor says whether we rely on a prefix of a link: a care-of address or a
// home address that is at home there.
func (m *Machine) isAnchor(l *link, net netip.Prefix) bool {
	if l.careOf != nil && l.careOf.net == net {
		return true
	}
	return slices.ContainsFunc(m.homes, func(h *home) bool {
		return h.stage.atHome() && h.link == l && h.subnet() == net
	})
}

func (m *Machine) holdsAnchor(l *link, r *router) bool {
	return slices.ContainsFunc(r.prefixes, func(p *prefix) bool { return m.isAnchor(l, p.net) })
}

func (m *Machine) anchored(l *link) bool {
	return slices.ContainsFunc(l.routers, func(r *router) bool { return m.holdsAnchor(l, r) })
}

// lastHeard is when a prefix was last advertised on a link by anyone.
func (m *Machine) lastHeard(l *link, net netip.Prefix) time.Time {
	var last time.Time
	for _, r := range l.routers {
		if p := r.prefix(net); p != nil && p.heard.After(last) {
			last = p.heard
		}
	}
	return last
}

// lastWord says whether the latest advertisement on a link had a prefix.
func (l *link) lastWord(net netip.Prefix) bool {
	var latest uint64
	for _, r := range l.routers {
		latest = max(latest, r.mark)
	}
	return slices.ContainsFunc(l.routers, func(r *router) bool {
		p := r.prefix(net)
		return p != nil && p.mark == latest
	})
}

// unheard says whether a stranger on a link makes us wait for a prefix to be
// heard again.
func (l *link) unheard(net netip.Prefix) bool {
	return l.doubt.active() && l.doubt.blocks && !slices.ContainsFunc(l.routers, func(r *router) bool {
		p := r.prefix(net)
		return p != nil && p.mark > l.doubt.mark
	})
}
