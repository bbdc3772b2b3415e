package mn

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/role"
)

// What a link may teach us. More than this is an attack or a mistake; the
// least recently heard make room.
const (
	maxRouters  = 16
	maxPrefixes = 16
)

// router is what one router advertised. Its link-local address names it on its
// link only: routers of different links may share one (RFC 6275 §11.5.1), so
// prefixes and not addresses tell links apart.
type router struct {
	addr         netip.Addr
	linkAddr     []byte // Source Link-Layer Address option
	homeAgent    bool   // H flag (RFC 6275 §7.1)
	defaultUntil time.Time
	interval     time.Duration // Advertisement Interval option (§7.3); 0: none
	preference   int8          // among default routers (RFC 4191 §2.1): 1 high, 0 medium, -1 low
	unreachable  bool          // neighbour unreachability detection gave up on it after its last word
	heard        time.Time
	mark         uint64 // of the advertisement heard last, see Machine.heard
	prefixes     []*prefix
}

// prefix is one Prefix Information option of one router.
type prefix struct {
	net            netip.Prefix
	global         netip.Addr // the router's own address (R flag, §7.2), or invalid
	onLink, auto   bool       // L and A flags
	validUntil     time.Time  // zero: no end
	preferredUntil time.Time  // zero: no end
	heard          time.Time
	mark           uint64 // of the advertisement that had it last

	// superseded: the router advertised others in its place. Kept, so that a
	// router which spreads its prefixes over several advertisements doesn't
	// send us back and forth.
	superseded bool
}

// backlog is how long a packet may wait within the kernel before it is stamped as received.
const backlog = 50 * time.Millisecond

// routerSeen takes a Router Advertisement: what it says of the link first, then
// what it says of itself.
func (m *Machine) routerSeen(ev role.RouterSeen) {
	l := m.link(ev.Ifindex)
	if l == nil || !l.up || ev.RA == nil {
		return
	}
	ad := readAdvertisement(ev.RA)
	if l.router(ev.Router) != nil && !ev.At.IsZero() && (ev.At.Before(l.lost) || ev.At.Before(l.lost.Add(backlog)) && l.knowsAll(ad)) {
		// It waited in a queue since before the link was lost, and would have us
		// believe that we are where we were.
		return
	}
	m.locate(l, ev.Router, ad)
	m.heard++ // a doubt that begins with this advertisement is older than it
	m.learn(l, ev.Router, ad)
}

// learn records an advertisement in the link's table.
func (m *Machine) learn(l *link, addr netip.Addr, ad advertisement) {
	r := l.router(addr)
	if r == nil {
		if len(l.routers) >= maxRouters && !m.forgetOldest(l) {
			return
		}
		r = &router{addr: addr}
		l.routers = append(l.routers, r)
	}
	r.heard, r.mark, r.homeAgent, r.interval = m.now, m.heard, ad.homeAgent, ad.interval
	r.preference, r.unreachable = ad.preference, false
	r.defaultUntil = time.Time{}
	if ad.lifetime > 0 {
		r.defaultUntil = m.now.Add(ad.lifetime)
	}
	if len(ad.linkAddr) > 0 {
		r.linkAddr = ad.linkAddr
	}
	for _, a := range ad.prefixes {
		m.learnPrefix(l, r, a)
	}
}

func (m *Machine) learnPrefix(l *link, r *router, a advertised) {
	if a.valid == 0 {
		// Withdrawn, and so for every router of the link. RFC 4862 §5.5.3
		// would keep an address two more hours for fear of forged
		// advertisements; a care-of address has a home agent to tell and
		// costs one Binding Update.
		for _, other := range l.routers {
			other.forget(a.net)
		}
		return
	}
	p := r.prefix(a.net)
	if p == nil {
		if len(r.prefixes) >= maxPrefixes {
			return
		}
		p = &prefix{net: a.net}
		r.prefixes = append(r.prefixes, p)
	}
	p.global, p.onLink, p.auto = a.global, a.onLink, a.auto
	p.validUntil, p.preferredUntil = m.end(a.valid), m.end(a.preferred)
	p.heard, p.mark, p.superseded = m.now, m.heard, false
}

// end is the time at which a lifetime ends; zero: never.
func (m *Machine) end(lifetime time.Duration) time.Time {
	if lifetime == role.Infinite {
		return time.Time{}
	}
	return m.now.Add(lifetime)
}

// left is the time until an end, or Infinite.
func (m *Machine) left(end time.Time) time.Duration { return leftAt(m.now, end) }

// forgetOldest makes room for a router, unless all are needed.
func (m *Machine) forgetOldest(l *link) bool {
	var oldest *router
	for _, r := range l.routers {
		if (oldest == nil || r.heard.Before(oldest.heard)) && !m.holdsAnchor(l, r) {
			oldest = r
		}
	}
	l.routers = slices.DeleteFunc(l.routers, func(r *router) bool { return r == oldest })
	return oldest != nil
}

// expirePrefixes forgets what its lifetime has ended.
func (m *Machine) expirePrefixes(l *link) {
	for _, r := range l.routers {
		r.prefixes = slices.DeleteFunc(r.prefixes, func(p *prefix) bool { return m.due(p.validUntil) })
	}
}

func (l *link) router(addr netip.Addr) *router {
	for _, r := range l.routers {
		if r.addr == addr {
			return r
		}
	}
	return nil
}

func (r *router) prefix(net netip.Prefix) *prefix {
	for _, p := range r.prefixes {
		if p.net == net {
			return p
		}
	}
	return nil
}

func (r *router) forget(net netip.Prefix) {
	r.prefixes = slices.DeleteFunc(r.prefixes, func(p *prefix) bool { return p.net == net })
}

// isDefault says whether a router is a default router now.
func (m *Machine) isDefault(r *router) bool { return r.defaultUntil.After(m.now) }

// knowsAll says whether an advertisement has only prefixes that were advertised on the link before.
func (l *link) knowsAll(ad advertisement) bool {
	return !slices.ContainsFunc(ad.prefixes, func(a advertised) bool { return !l.knows(a.net) })
}

// knows says whether any router of the link advertised a prefix.
func (l *link) knows(net netip.Prefix) bool {
	return slices.ContainsFunc(l.routers, func(r *router) bool { return r.prefix(net) != nil })
}
