package listener

import (
	"net/netip"
	"slices"

	"mip6d/internal/mld"
	"mip6d/internal/role"
)

// Counters of what is heard.
const (
	CountReports   role.Counter = "mld_reports"
	CountBadReport role.Counter = "mld_malformed"
	CountUnbound   role.Counter = "mld_not_bound"  // from no care-of address that is bound, or not to it
	CountTooMany   role.Counter = "mld_max_groups" // memberships beyond a bound
)

// heard takes what a listener says. It must come by the tunnel of a binding (RFC 6275
// §5.5); that is what tells who says it (§10.4.3).
func (m *Machine) heard(ev Heard) {
	src, report, err := mld.ParsePacket(ev.Packet)
	if err != nil {
		m.count(CountBadReport)
		return
	}
	n := m.speaker(ends{ev.HomeAgent, ev.CareOf}, src)
	if n == nil {
		m.count(CountUnbound)
		return
	}
	m.count(CountReports)
	for _, r := range report.Records {
		if m.p.carries(r.Group) {
			m.record(n, r, report.Version)
		}
	}
	m.reschedule(n)
}

// speaker is whose report with such a source it is. Where a mobile node has several home
// addresses in one tunnel a link-local source does not tell them apart, unless by its
// interface identifier; it need not, as packets go through the same tunnel.
func (m *Machine) speaker(tunnel ends, src netip.Addr) *node {
	nodes := m.ends[tunnel]
	for _, n := range nodes {
		if n.home == src {
			return n
		}
	}
	if !src.IsLinkLocalUnicast() || len(nodes) == 0 {
		return nil
	}
	for _, n := range nodes {
		if linkLocal(n.home) == src {
			return n
		}
	}
	return nodes[0]
}

// record takes what is said of one group (RFC 3810 §7.4.1, §7.4.2). The mobile node is the only
// listener on its tunnel: when it leaves, nobody else need be asked.
func (m *Machine) record(n *node, r mld.Record, version int) {
	x := n.groups[r.Group]
	switch r.Type {
	case mld.ModeIsExclude, mld.ChangeToExcludeMode:
		m.listen(n, r.Group, false, nil, version)
	case mld.ModeIsInclude, mld.ChangeToIncludeMode:
		if len(r.Sources) == 0 {
			m.leave(n, r.Group)
			return
		}
		m.listen(n, r.Group, true, r.Sources, version)
	case mld.AllowNewSources:
		if len(r.Sources) == 0 || x != nil && !x.include {
			return
		}
		sources := r.Sources
		if x != nil {
			sources = append(slices.Clone(x.sources), r.Sources...)
		}
		m.listen(n, r.Group, true, sources, version)
	case mld.BlockOldSources:
		if x == nil || !x.include {
			return
		}
		left := slices.DeleteFunc(slices.Clone(x.sources), func(s netip.Addr) bool { return slices.Contains(r.Sources, s) })
		if len(left) == 0 {
			m.leave(n, r.Group)
			return
		}
		m.listen(n, r.Group, true, left, version)
	}
}

// listen sets or renews a membership. Each time the applier is told: what failed before is
// mended.
func (m *Machine) listen(n *node, group netip.Addr, include bool, sources []netip.Addr, version int) {
	key := groupKey{n.ifindex, group}
	x := n.groups[group]
	if x == nil {
		if len(n.groups) >= m.p.MaxGroupsPerNode || m.groups[key] == 0 && len(m.groups) >= m.p.MaxGroups {
			m.count(CountTooMany)
			return
		}
		if n.groups == nil {
			n.groups = make(map[netip.Addr]*membership)
		}
		x = &membership{since: m.now}
		m.notice(role.NoticeGroupJoined, n, group, "listens to a multicast group")
		n.groups[group] = x
		m.groups[key]++
	}
	sources = slices.Compact(slices.SortedFunc(slices.Values(sources), netip.Addr.Compare))
	if len(sources) > maxSources {
		include, sources = false, nil
	}
	x.include, x.sources, x.version, x.until = include, sources, version, m.now.Add(m.p.membershipTime())
	m.emit(role.SetListener{HomeAddress: n.home, Group: group, Sources: sources})
}

// leave ends a membership; that there is none is fine.
func (m *Machine) leave(n *node, group netip.Addr) {
	if n.groups[group] != nil {
		m.unlist(n, group)
		m.emit(role.ClearListener{HomeAddress: n.home, Group: group})
		m.notice(role.NoticeGroupLeft, n, group, "listens to a multicast group no more")
	}
}

func (m *Machine) notice(kind role.NoticeKind, n *node, group netip.Addr, text string) {
	m.emit(role.Notice{Kind: kind, HoA: n.home, CoA: n.ends.careOf, HA: n.ends.homeAgent, Peer: group, Ifindex: n.ifindex, Text: text})
}

func (m *Machine) unlist(n *node, group netip.Addr) {
	delete(n.groups, group)
	key := groupKey{n.ifindex, group}
	if m.groups[key]--; m.groups[key] <= 0 {
		delete(m.groups, key)
	}
}
