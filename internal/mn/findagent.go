package mn

import (
	"slices"
	"time"

	"mip6d/internal/role"
)

// Before a mobile node that returns home can send its de-registration it needs the
// home agent's link-layer address. Advertisements mostly tell it. Where they don't, it is
// asked for by the home address, which the home agent still defends: from the unspecified
// address, as another source is not ours to use yet (RFC 6275 §11.5.5). Meanwhile the
// home address stays blocked.

const (
	maxSolicits  = 3           // MAX_MULTICAST_SOLICIT, RFC 4861 §10
	retransTimer = time.Second // RETRANS_TIMER, the same
)

// findAgent goes on with the return once the home agent's link-layer address is known, or
// cannot be found out.
func (m *Machine) findAgent(h *home) {
	switch {
	case len(m.homeAgentLinkAddr(h)) > 0 || h.solicits >= maxSolicits:
		h.solicited = noTime
		m.setPath(h, role.HomePath{Mode: role.PathDeregistering})
	default:
		h.solicits++
		h.solicited = m.now.Add(retransTimer)
		m.setPath(h, role.HomePath{Mode: role.PathBlocked})
		m.emit(role.SolicitNeighbor{Ifindex: h.link.ifindex, Target: h.addr()})
	}
}

// finding says that a home address is home and its home agent is being looked for.
func (h *home) finding() bool { return h.stage == stageReturning && !h.solicited.IsZero() }

// neighborAdvertised: somebody on a link defends an address. If it is a home address that
// is being taken home, that is its home agent.
func (m *Machine) neighborAdvertised(ev role.NeighborAdvertised) {
	for _, h := range m.homes {
		if h.finding() && h.link.ifindex == ev.Ifindex && h.addr() == ev.Target && len(ev.LinkAddr) > 0 && !slices.Equal(ev.LinkAddr, h.link.linkAddr) {
			h.defender = slices.Clone(ev.LinkAddr)
		}
	}
}
