package mn

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// discovery is dynamic home agent address discovery for one home address (RFC
// 6275 §11.4.1): what was found, and the search for it.
type discovery struct {
	agent netip.Addr   // in use; invalid: none is known
	next  []netip.Addr // to be tried after it, in the home agents' own order

	id     uint16    // of the request that was sent last
	asking bool      // it may still be answered
	due    time.Time // of the next request; zero: none is wanted
	tries  int       // requests of this series
	wait   time.Duration
	rounds int // searches in a row that led to no registration

	// leaving: the home agent in use refuses to go on, and no other one is known. It is
	// kept, and asked, while its binding lasts; meanwhile another one is looked for.
	leaving bool

	offered, refusing int // home agents of the last reply, and how many refused us as a mobile router
}

const (
	// maxAgentTries is how many Binding Updates without an answer make a home
	// agent count as gone, where another may be found: some 10 s at first, 7 s of
	// one that has answered before.
	maxAgentTries = 3

	maxAgents = 77 // as many as a reply without fragments has (§10.5.1)
)

// discovers says whether the home agent is to be found rather than given.
func (h *home) discovers() bool { return !h.HomeAgent.IsValid() }

// homeAgent is where to register; invalid while none is known.
func (h *home) homeAgent() netip.Addr {
	if h.discovers() {
		return h.found.agent
	}
	return h.HomeAgent
}

// search begins to look for a home agent, unless that has begun.
func (m *Machine) search(h *home) {
	d := &h.found
	if d.agent.IsValid() && !d.leaving || !d.due.IsZero() {
		return
	}
	d.due, d.tries, d.wait = m.now.Add(m.searchPause(d)), 0, 0
}

// searchPause grows with each search in vain.
func (m *Machine) searchPause(d *discovery) time.Duration {
	if d.rounds <= 1 {
		return 0
	}
	return min(m.p.InitialDHAADTimeout<<min(d.rounds, 12), m.p.RefusedRetry)
}

// askForAgents sends the request whose time has come. Each comes after twice the time of
// the one before (MUST); after DHAAD_RETRIES there is a longer pause.
func (m *Machine) askForAgents(h *home) {
	d := &h.found
	if !m.due(d.due) || !m.canSend(h) {
		return
	}
	if d.tries > m.p.DHAADRetries {
		d.asking, d.due = false, time.Time{}
		d.rounds++
		m.tellAgent(h, netip.Addr{}, "no home agent answers; the search will go on")
		m.search(h)
		return
	}
	if d.tries == 0 {
		d.id = uint16(m.random(2)[0])<<8 | uint16(m.random(1)[0])
		d.wait = m.p.InitialDHAADTimeout
	} else {
		d.wait *= 2
	}
	raw, err := icmp6.Marshal(&icmp6.HomeAgentDiscoveryRequest{Identifier: d.id, Router: h.Network != nil})
	if err != nil {
		return // it always fits
	}
	d.asking, d.tries, d.due = true, d.tries+1, m.now.Add(d.wait)
	m.emit(role.SendICMP{Ifindex: h.link.ifindex, Src: h.careOf.addr, Dst: icmp6.HomeAgentsAnycast(h.subnet()), Raw: raw})
}

// agentsFound takes a reply (§6.6). It must answer the request, at the address
// that asked. Who lists nobody means itself.
func (m *Machine) agentsFound(ev role.ICMPIn, reply *icmp6.HomeAgentDiscoveryReply) {
	for _, h := range m.homes {
		d := &h.found
		if !h.discovers() || !d.asking || h.careOf == nil || ev.Dst != h.careOf.addr || reply.Identifier != d.id {
			continue
		}
		named := reply.HomeAgents
		if len(named) == 0 {
			named = []netip.Addr{ev.Src}
		}
		var list []netip.Addr
		for _, a := range named {
			if a.Is6() && !a.Is4In6() && a.IsGlobalUnicast() && !m.isHomeAddress(a) && !slices.Contains(list, a) && len(list) < maxAgents {
				list = append(list, a)
			}
		}
		if h.Network != nil && !reply.Router {
			m.tellAgent(h, ev.Src, "the home agents do not support mobile routers")
			d.rounds++
			d.asking, d.due = false, time.Time{}
			m.search(h)
			return
		}
		if len(list) == 0 {
			return
		}
		d.asking, d.due = false, time.Time{}
		if d.leaving {
			m.othersFound(h, list)
			return
		}
		d.next, d.offered, d.refusing = list[1:], len(list), 0
		m.useAgent(h, list[0], "home agent found")
		return
	}
	m.count(role.CountUnsolicited)
}

// leaveAgent keeps a home agent that refuses to go on while nobody else is known: its
// tunnel works until the binding's lifetime ends, for all that we know, and it may change
// its mind. Another one is looked for at once (§11.4.1).
func (m *Machine) leaveAgent(h *home) {
	h.found.leaving = true
	m.search(h)
	m.askForAgents(h)
}

// othersFound goes to another home agent than the one that refuses; if there is none, the
// search goes on.
func (m *Machine) othersFound(h *home, list []netip.Addr) {
	d := &h.found
	list = slices.DeleteFunc(list, func(a netip.Addr) bool { return a == d.agent })
	if len(list) == 0 {
		d.rounds++
		m.search(h)
		return
	}
	d.next, d.offered, d.refusing = list, len(list), 0
	m.dropAgent(h, "another home agent than the one that refuses is found")
}

// stay ends that: the home agent serves us again, or is asked anew.
func (d *discovery) stay() {
	if d.leaving {
		d.leaving, d.asking, d.due = false, false, time.Time{}
	}
}

// useAgent registers with a home agent that was found.
func (m *Machine) useAgent(h *home, agent netip.Addr, text string) {
	m.knowAgent(h, agent, text)
	h.refused, h.resyncs, h.reported = false, 0, false
	m.startBackoff(h)
	h.due = m.now
	m.sendDue(h)
}

// knowAgent takes a home agent for the one of a home address.
func (m *Machine) knowAgent(h *home, agent netip.Addr, text string) {
	h.found.agent = agent
	m.tellAgent(h, agent, text)
	if !m.bul.Numbered(h.key()) {
		m.bul.Seed(h.key(), uint16(m.random(1)[0])<<8|uint16(m.random(1)[0]))
	}
}

// dropAgent goes on to the next home agent when the one in use refuses, or is
// silent; with none left the search begins anew.
func (m *Machine) dropAgent(h *home, text string) {
	d := &h.found
	m.tellAgent(h, d.agent, text)
	m.bul.Remove(h.key())
	h.due, h.backoff, h.handoff = time.Time{}, bul.Backoff{}, nil
	d.agent, d.leaving = netip.Addr{}, false
	if len(d.next) == 0 {
		m.setPath(h, role.HomePath{Mode: role.PathBlocked})
		d.rounds++
		m.search(h)
		return
	}
	next := d.next[0]
	d.next = d.next[1:]
	m.useAgent(h, next, "trying the next home agent")
	if h.path.HomeAgent != next {
		m.setPath(h, role.HomePath{Mode: role.PathBlocked}) // held back by the rate limit
	}
}

// silentAgent gives up on a home agent that has not answered so many Binding
// Updates, or that refuses to go on and whose binding has ended.
func (m *Machine) silentAgent(h *home) bool {
	switch {
	case !h.discovers() || h.stage != stageAway:
		return false
	case h.found.leaving && !m.tunnelWorks(h):
		m.dropAgent(h, "the home agent refuses, and its binding has ended")
	case h.found.leaving || h.backoff.Tries < maxAgentTries:
		return false
	default:
		m.dropAgent(h, "the home agent does not answer")
	}
	return true
}

// tunnelWorks says whether the home agent has a binding of the present care-of address,
// for all that it has promised.
func (m *Machine) tunnelWorks(h *home) bool {
	e := m.entry(h)
	return e != nil && e.Registered(m.now) && h.careOf != nil && e.Bound == h.careOf.addr
}

// otherAgent says whether a refusal is reason to try another home agent (§11.4.1,
// RFC 3963 §5.4).
func (h *home) otherAgent(s mh.Status) bool {
	switch s {
	case mh.StatusAdministrativelyProhibited, mh.StatusInsufficientResources, mh.StatusHomeRegistrationNotSupport,
		mh.StatusNotHomeSubnet, mh.StatusNotHomeAgent, mh.StatusDADFailed,
		mh.StatusRouterNotPermitted, mh.StatusInvalidPrefix, mh.StatusPrefixNotAuthorized, mh.StatusForwardingSetupFailed:
		return h.discovers() && h.stage == stageAway
	}
	return false
}

func (m *Machine) tellAgent(h *home, agent netip.Addr, text string) {
	m.notice(role.Notice{Kind: role.NoticeHomeAgent, HoA: h.addr(), HA: agent, Ifindex: h.link.ifindex, Text: text})
}
