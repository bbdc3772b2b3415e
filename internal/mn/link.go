package mn

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/role"
)

// link is one managed interface that exists, and what we know of the link
// behind it.
type link struct {
	ifindex int
	Interface
	linkAddr []byte

	up    bool
	since time.Time // when it last came up or went down
	lost  time.Time // when it last went down, for all we heard
	mark  uint64    // advertisements counted at that time, see Machine.heard

	// confirmed says that a router was heard since the link came up, so that
	// the table of routers is about this link and no other.
	confirmed bool

	// silent says that the routers stopped answering without any news of the
	// link itself. We stay where we are, but what the next router says counts
	// as the first word of a link.
	silent bool

	routers []*router // in the order of their first advertisement
	doubt   doubt
	changed bool              // the kernel is still to hear which routers are left
	share   role.ShareRouters // what it was told last
	solicit solicit

	careOf      *careOf   // in use or being made; nil: none
	stale       []*careOf // replaced, not yet taken back
	hold        time.Time // make no care-of address before this
	dadFailures int       // since we came to this link

	// See duplicate.go.
	duplicates     []netip.Addr // others than ours for which detection failed
	tainted        bool         // our link-layer address seems to be another node's, too
	linkLocal      netip.Addr   // that we have made; invalid: none
	linkLocalTries int          // since the link came up
	nextLinkLocal  time.Time    // when to see whether one is needed; zero: never
}

// link returns a managed interface by index, or nil.
func (m *Machine) link(ifindex int) *link {
	for _, l := range m.links {
		if l.ifindex == ifindex {
			return l
		}
	}
	return nil
}

func (m *Machine) linkUp(ev role.LinkUp) {
	cfg := slices.IndexFunc(m.p.Interfaces, func(i Interface) bool { return i.Name == ev.Name })
	l := m.link(ev.Ifindex)
	if l != nil && l.Name != ev.Name {
		m.dropLink(l) // renamed, or the index was given to another device
		l = nil
	}
	if cfg < 0 {
		return
	}
	if l == nil {
		if old := slices.IndexFunc(m.links, func(l *link) bool { return l.Name == ev.Name }); old >= 0 {
			m.dropLink(m.links[old]) // the device went and came back with another index
		}
		l = &link{ifindex: ev.Ifindex, Interface: m.p.Interfaces[cfg]}
		m.links = append(m.links, l)
		slices.SortStableFunc(m.links, func(a, b *link) int { return cmp.Compare(a.Preference, b.Preference) })
	}
	if l.doubt.active() {
		// Strangers of the last minute may be of the link we are coming to, and what
		// we rely on no more may be of the one before.
		l.changed = true
		l.routers = slices.DeleteFunc(l.routers, func(r *router) bool { return !m.holdsAnchor(l, r) })
	}
	if l.up {
		l.lost = m.now // so quickly that nobody saw it
	}
	l.up, l.since, l.mark = true, m.now, m.heard
	l.confirmed, l.silent = false, false
	l.linkAddr = slices.Clone(ev.LinkAddr)
	l.doubt = doubt{}
	l.tainted, l.linkLocalTries = false, 0
	l.solicit = solicit{next: m.now}
	m.notice(role.Notice{Kind: role.NoticeLinkUp, Ifindex: l.ifindex, Text: "link up"})
}

func (m *Machine) linkDown(ev role.LinkDown) {
	l := m.link(ev.Ifindex)
	if l == nil || !l.up {
		return
	}
	l.up, l.since, l.lost = false, m.now, m.now
	l.confirmed, l.silent = false, false
	l.doubt, l.solicit = doubt{}, solicit{}
	m.notice(role.Notice{Kind: role.NoticeLinkDown, Ifindex: l.ifindex, Text: "link down"})
}

// dropLink forgets an interface that is gone.
func (m *Machine) dropLink(l *link) {
	l.up = false
	for _, c := range l.careOfs() {
		c.gone = true
	}
	if len(l.share.Routers) > 0 {
		m.emit(role.ShareRouters{Ifindex: l.ifindex})
	}
	m.links = slices.DeleteFunc(m.links, func(x *link) bool { return x == l })
}

// newLink forgets what was known of the link before: we are on another one.
func (m *Machine) newLink(l *link) {
	l.routers, l.changed = nil, true
	l.dadFailures = 0
	l.hold = time.Time{}
	m.retire(l, true)
}

// fresh says that the link came up and no router was heard yet: we may be
// anywhere.
func (l *link) fresh() bool { return l.up && !l.confirmed && !l.silent }

func (m *Machine) linkDeadlines(l *link, d *deadline) {
	d.add(l.solicit.next)
	d.add(l.doubt.until)
	m.later(d, l.hold)
	if l.up {
		d.add(l.nextLinkLocal)
	}
	m.later(d, m.patience(l))
	if l.fresh() {
		m.later(d, l.since.Add(m.p.ConfirmTimeout))
	}
	for _, r := range l.routers {
		m.later(d, r.defaultUntil)
		for _, p := range r.prefixes {
			m.later(d, p.validUntil)
			m.later(d, p.preferredUntil)
		}
	}
	if c := l.careOf; c != nil {
		if !l.up {
			d.add(l.since.Add(m.p.LinkLinger))
		} else if !c.ready {
			m.later(d, c.made.Add(m.p.ConfirmTimeout))
			m.later(d, c.asked.Add(m.p.AddressTimeout)) // renew may have to wait for a router
		}
	}
	for _, c := range l.stale {
		if c.dead {
			d.add(c.retired.Add(m.p.LinkLinger))
		}
	}
}

// later adds a time after which something looks different although nothing
// needs doing: once past it asks for nothing more.
func (m *Machine) later(d *deadline, t time.Time) {
	if t.After(m.now) {
		d.add(t)
	}
}
