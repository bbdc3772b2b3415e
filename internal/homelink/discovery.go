package homelink

import (
	"net/netip"
	"slices"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// Counters of discovery.
const (
	CountDiscovery    role.Counter = "discovery_requests_answered"
	CountBadDiscovery role.Counter = "discovery_requests_ignored"
	CountNoAgent      role.Counter = "discovery_requests_without_home_agent"
	CountAgentsFull   role.Counter = "home_agents_list_full"
)

// maxListed is how many addresses fit into the least IPv6 MTU: 1280 octets less
// the headers of IPv6 and of the reply (RFC 6275 §10.5.1).
const maxListed = (1280 - 40 - 8) / 16

func (m *Machine) icmp(ev role.ICMPIn) {
	if len(ev.Raw) == 0 {
		return
	}
	switch icmp6.Type(ev.Raw[0]) {
	case icmp6.TypeHomeAgentDiscoveryRequest:
		m.discoveryRequest(ev)
	case icmp6.TypeMobilePrefixSolicitation:
		m.prefixSolicitation(ev)
	}
}

// discoveryRequest answers a Home Agent Address Discovery Request to the anycast address of a
// subnet that we serve.
func (m *Machine) discoveryRequest(ev role.ICMPIn) {
	l := m.asked(ev.Dst)
	msg, err := icmp6.Parse(ev.Raw)
	q, ok := msg.(*icmp6.HomeAgentDiscoveryRequest)
	src := ev.Src
	if l == nil || err != nil || !ok || q.Code != 0 || !src.IsGlobalUnicast() || src.Is4In6() ||
		ev.HomeAddress.IsValid() || ev.RoutingHome.IsValid() {
		m.count(CountBadDiscovery)
		return
	}
	if m.replies.Next(m.now).After(m.now) {
		m.count(role.CountRateLimited)
		return
	}
	reply := m.reply(l, q)
	if len(reply.HomeAgents) == 0 {
		// We leave, and know of nobody else. An empty list would mean us.
		m.count(CountNoAgent)
		return
	}
	m.replies.Note(m.now)
	raw, err := icmp6.Marshal(reply)
	if err != nil {
		m.count(CountBadDiscovery)
		return
	}
	m.count(CountDiscovery)
	m.emit(role.SendICMP{Src: l.Address, Dst: src, Raw: raw})
}

// asked returns the link of whose home agents an address is the anycast address.
func (m *Machine) asked(a netip.Addr) *link {
	for _, l := range m.links {
		for _, x := range l.Prefixes {
			if x.Prefix.Bits() <= icmp6.LongestAnycastPrefix && a == icmp6.HomeAgentsAnycast(x.Prefix) {
				return l
			}
		}
	}
	return nil
}

// reply lists the home agents of a link, the best first, without us if we leave. Who asks for one that
// serves mobile routers gets only such, unless there is none (RFC 3963 §7.2).
func (m *Machine) reply(l *link, q *icmp6.HomeAgentDiscoveryRequest) *icmp6.HomeAgentDiscoveryReply {
	all := slices.Clone(l.agents)
	if !m.leaving {
		all = append(all, &agent{addresses: []address{{Addr: l.Address}}, preference: l.Preference, routers: m.p.Routers})
	}
	out := &icmp6.HomeAgentDiscoveryReply{Identifier: q.Identifier}
	if q.Router && slices.ContainsFunc(all, func(a *agent) bool { return a.routers && len(a.addresses) > 0 }) {
		out.Router = true
		all = slices.DeleteFunc(all, func(a *agent) bool { return !a.routers })
	}
	shuffle(m, all)
	slices.SortStableFunc(all, func(a, b *agent) int { return int(b.preference) - int(a.preference) })
	told := make(map[netip.Addr]bool)
	for _, a := range all {
		addresses := a.plain()
		shuffle(m, addresses)
		for _, x := range addresses {
			if !told[x] {
				told[x] = true
				out.HomeAgents = append(out.HomeAgents, x)
			}
		}
	}
	if len(out.HomeAgents) > maxListed {
		out.HomeAgents = out.HomeAgents[:maxListed]
	}
	return out
}

// shuffle puts a list into a random order.
func shuffle[T any](m *Machine, list []T) {
	for i := len(list) - 1; i > 0; i-- {
		k := m.upTo(i + 1)
		list[i], list[k] = list[k], list[i]
	}
}
