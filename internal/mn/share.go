package mn

import (
	"net/netip"
	"slices"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// maxShared is how many routers of a link share its load.
const maxShared = 4

// shareLoad tells the kernel which routers of each link are equivalent, so that it
// spreads destinations among them (RFC 4311 §2). Only on the best link that has a
// default router does that hold for all packets; on others for those of care-of
// addresses.
func (m *Machine) shareLoad() {
	if !m.p.LoadSharing {
		return
	}
	all := true
	for _, l := range m.links {
		e := role.ShareRouters{Ifindex: l.ifindex, Routers: m.equivalent(l)}
		if m.hasDefault(l) {
			e.All, all = all && len(e.Routers) > 0, false
		}
		if e.All == l.share.All && slices.Equal(e.Routers, l.share.Routers) {
			continue
		}
		l.share = e
		m.emit(e)
	}
}

// equivalent returns the routers of a link of which one is as good as another, in the
// order of their addresses; none if there are not two. All of them are default routers
// that neighbour unreachability detection has not given up, of the highest preference
// (RFC 4191 §2.2), and stand behind the prefix that we have our address from: others may
// drop what has such a source.
func (m *Machine) equivalent(l *link) []netip.Addr {
	net, ok := m.anchor(l)
	if !ok || !l.up || !l.confirmed {
		return nil
	}
	var best int8
	var list []netip.Addr
	for _, r := range l.routers {
		p := r.prefix(net)
		if p == nil || p.superseded || r.mark <= l.mark || r.unreachable || !m.isDefault(r) {
			continue
		}
		rank := r.preference
		if len(list) == 0 || rank > best {
			best, list = rank, nil
		}
		if rank == best {
			list = append(list, r.addr)
		}
	}
	if len(list) < 2 {
		return nil
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return list[:min(len(list), maxShared)]
}

// anchor is the prefix of a link that we have an address from.
func (m *Machine) anchor(l *link) (netip.Prefix, bool) {
	if l.careOf != nil {
		return l.careOf.net, true
	}
	for _, h := range m.homes {
		if h.stage == stageHome && h.link == l {
			return h.subnet(), true
		}
	}
	return netip.Prefix{}, false
}

// hasDefault says whether a link that is up has a default router.
func (m *Machine) hasDefault(l *link) bool {
	return l.up && l.confirmed && slices.ContainsFunc(l.routers, func(r *router) bool { return m.isDefault(r) && r.mark > l.mark })
}

// rankOf orders the preferences of RFC 4191 §2.1; what is reserved is medium (§2.2).
func rankOf(p icmp6.Preference) int8 {
	switch p {
	case 1:
		return 1
	case 3:
		return -1
	}
	return 0
}
