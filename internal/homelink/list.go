package homelink

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// agent is an entry of the Home Agents List (RFC 6275 §10.1).
type agent struct {
	router     netip.Addr // link-local
	addresses  []netip.Addr
	preference uint16
	routers    bool // serves mobile routers
	expires    time.Time
	heard      uint64 // advertisements
}

// routerSeen keeps the list in step with an advertisement of another router, in
// the order of RFC 6275 §10.5.1.
func (m *Machine) routerSeen(ev role.RouterSeen) {
	l := m.on(ev.Ifindex)
	if l == nil {
		return
	}
	at := slices.IndexFunc(l.agents, func(a *agent) bool { return a.router == ev.Router })
	info, told := icmp6.Find[icmp6.HomeAgentInformation](ev.RA.Options)
	lifetime := ev.RA.RouterLifetime
	if told {
		lifetime = info.Lifetime
	}
	if !ev.RA.HomeAgent || lifetime == 0 {
		if at >= 0 {
			m.leaves(l, at)
		}
		return
	}
	if at < 0 {
		if len(l.agents) >= maxAgents {
			m.count(CountAgentsFull)
			return
		}
		l.agents = append(l.agents, &agent{router: ev.Router})
		at = len(l.agents) - 1
	}
	a := l.agents[at]
	a.heard++
	known := len(a.addresses)
	a.preference, a.routers, a.expires = info.Preference, info.Router, m.now.Add(lifetime)
	for _, o := range ev.RA.Options {
		p, ok := o.(icmp6.PrefixInformation)
		if ok && p.RouterAddress && l.mayBe(p.Prefix) && len(a.addresses) < maxAddresses && !slices.Contains(a.addresses, p.Prefix) {
			a.addresses = append(a.addresses, p.Prefix)
		}
	}
	if known == 0 && len(a.addresses) > 0 {
		m.tell(l, a, "another home agent is on the home link")
	}
}

// mayBe says whether an address can be another home agent's.
func (l *link) mayBe(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.Is4In6() && a != l.Address
}

// expire forgets home agents that have not been heard of for as long as they
// said.
func (m *Machine) expire() {
	for _, l := range m.links {
		for at := len(l.agents) - 1; at >= 0; at-- {
			if !l.agents[at].expires.After(m.now) {
				m.leaves(l, at)
			}
		}
	}
}

func (m *Machine) leaves(l *link, at int) {
	a := l.agents[at]
	l.agents = slices.Delete(l.agents, at, at+1)
	if len(a.addresses) > 0 {
		m.tell(l, a, "another home agent has left the home link")
	}
}

func (m *Machine) tell(l *link, a *agent, text string) {
	m.emit(role.Notice{Kind: role.NoticeHomeAgent, HA: a.addresses[0], Ifindex: l.Ifindex, Text: text})
}

// AgentView is an entry of the Home Agents List, or ourselves.
type AgentView struct {
	Ifindex    int
	Self       bool
	Router     netip.Addr // link-local address; invalid: ourselves
	Addresses  []netip.Addr
	Preference uint16
	Routers    bool      // serves mobile routers
	Expires    time.Time // zero: ourselves
	Heard      uint64    // advertisements; of ourselves: sent
}

// Agents returns the home agents of all links, ourselves first on each.
func (m *Machine) Agents() []AgentView {
	var list []AgentView
	for _, l := range m.links {
		list = append(list, AgentView{
			Ifindex: l.Ifindex, Self: true, Addresses: []netip.Addr{l.Address}, Preference: l.Preference, Routers: m.p.Routers,
			Heard: l.all,
		})
		for _, a := range l.agents {
			list = append(list, AgentView{
				Ifindex: l.Ifindex, Router: a.router, Addresses: slices.Clone(a.addresses),
				Preference: a.preference, Routers: a.routers, Expires: a.expires, Heard: a.heard,
			})
		}
	}
	return list
}
