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
	addresses  []address  // global, none at first
	preference uint16
	routers    bool // serves mobile routers
	expires    time.Time
	heard      uint64 // advertisements

	prefixes []heard
	differs  bool // says something else than we do about a prefix of ours
}

// address is one of a home agent's. It goes with its prefix (§10.1).
type address struct {
	netip.Addr
	expires time.Time
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
	a.preference, a.routers, a.expires = info.Preference, info.Router, m.now.Add(lifetime)
	for _, o := range ev.RA.Options {
		if p, ok := o.(icmp6.PrefixInformation); ok && p.RouterAddress && l.mayBe(p.Prefix) {
			m.learn(l, a, address{p.Prefix, m.now.Add(p.Valid)})
		}
	}
	m.hearPrefixes(l, a, ev.RA)
}

// learn keeps an address of another home agent.
func (m *Machine) learn(l *link, a *agent, x address) {
	at := slices.IndexFunc(a.addresses, func(y address) bool { return x.Addr == y.Addr })
	switch {
	case at >= 0:
		a.addresses[at] = x
	case len(a.addresses) < maxAddresses && x.expires.After(m.now):
		if a.addresses = append(a.addresses, x); len(a.addresses) == 1 {
			m.tell(l, x.Addr, "another home agent is on the home link")
		}
	}
}

// mayBe says whether an address can be another home agent's.
func (l *link) mayBe(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.Is4In6() && a != l.Address
}

// expire forgets home agents that have not been heard of for as long as they
// said, and of the others addresses and prefixes that are no longer valid.
func (m *Machine) expire() {
	for _, l := range m.links {
		for at := len(l.agents) - 1; at >= 0; at-- {
			a := l.agents[at]
			if !a.expires.After(m.now) {
				m.leaves(l, at)
				continue
			}
			a.prefixes = slices.DeleteFunc(a.prefixes, func(h heard) bool { return !h.valid.After(m.now) })
			if len(a.addresses) == 0 {
				continue
			}
			first := a.addresses[0].Addr
			a.addresses = slices.DeleteFunc(a.addresses, func(x address) bool { return !x.expires.After(m.now) })
			if len(a.addresses) == 0 {
				m.tell(l, first, "another home agent has no address on the home link any more")
			}
		}
	}
}

func (m *Machine) leaves(l *link, at int) {
	a := l.agents[at]
	l.agents = slices.Delete(l.agents, at, at+1)
	if len(a.addresses) > 0 {
		m.tell(l, a.addresses[0].Addr, "another home agent has left the home link")
	}
}

func (m *Machine) tell(l *link, agent netip.Addr, text string) {
	m.notice(role.Notice{HA: agent, Ifindex: l.Ifindex, Text: text})
}

// notice tells people of another home agent, unless there is no end to it.
func (m *Machine) notice(n role.Notice) {
	if m.notices.Next(m.now).After(m.now) {
		m.count(role.CountRateLimited)
		return
	}
	m.notices.Note(m.now)
	n.Kind = role.NoticeHomeAgent
	m.emit(n)
}

// plain returns addresses without their times.
func (a *agent) plain() []netip.Addr {
	list := make([]netip.Addr, len(a.addresses))
	for i, x := range a.addresses {
		list[i] = x.Addr
	}
	return list
}

// AgentView is an entry of the Home Agents List, or ourselves.
type AgentView struct {
	Ifindex    int
	Self       bool
	Leaving    bool       // ourselves: see Drain
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
			Ifindex: l.Ifindex, Self: true, Leaving: m.leaving, Addresses: []netip.Addr{l.Address}, Preference: l.Preference, Routers: m.p.Routers,
			Heard: l.all,
		})
		for _, a := range l.agents {
			list = append(list, AgentView{
				Ifindex: l.Ifindex, Router: a.router, Addresses: a.plain(),
				Preference: a.preference, Routers: a.routers, Expires: a.expires, Heard: a.heard,
			})
		}
	}
	return list
}
