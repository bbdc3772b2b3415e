package mn

import "time"

// choose picks the primary care-of address of a home address (RFC 6275
// §11.5.4): the best interface that has a usable one. Returns nil when there is
// none.
func (m *Machine) choose(h *home) (*link, *careOf) {
	var best *link
	for _, l := range m.links {
		if m.usable(l) && (best == nil || l.rank() < best.rank()) {
			best = l
		}
	}
	if cur := h.careOf; cur != nil && !cur.gone {
		switch {
		case best == nil:
			return h.link, cur // nothing better
		case best.rank() < h.link.rank():
		case m.usable(h.link):
			best = h.link // as good as any, and in use
		case m.now.Before(m.grace(h.link)):
			return h.link, cur
		}
	}
	if best == nil {
		return nil, nil
	}
	return best, best.careOf
}

// usable says whether a link has a care-of address that a default router of the
// link stands behind.
func (m *Machine) usable(l *link) bool {
	if !l.up || !l.confirmed || l.careOf == nil || !l.careOf.ready {
		return false
	}
	for _, r := range l.routers {
		if p := r.prefix(l.careOf.net); p != nil && m.isDefault(r) && m.rank(l, p) > 0 {
			return true
		}
	}
	return false
}

// grace is until when a link that is finding its feet keeps the binding, so
// that a short interruption doesn't send it to another interface and back.
func (m *Machine) grace(l *link) time.Time {
	switch {
	case !l.up:
		return time.Time{}
	case l.fresh():
		return l.since.Add(m.p.ConfirmTimeout)
	case l.careOf != nil && !l.careOf.ready:
		return l.careOf.made.Add(m.p.ConfirmTimeout)
	case l.careOf == nil && l.confirmed && !m.now.Before(l.hold):
		if _, ok := m.choosePrefix(l); ok {
			return m.now.Add(1) // one is made at the end of this Step
		}
	}
	return time.Time{}
}
