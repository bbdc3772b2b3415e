package mn

import (
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// noRouters says whether a refusal is of mobile routers, or of this one's network (RFC
// 3963 §5.4).
func noRouters(s mh.Status) bool {
	switch s {
	case mh.StatusRouterNotPermitted, mh.StatusInvalidPrefix, mh.StatusPrefixNotAuthorized, mh.StatusForwardingSetupFailed:
		return true
	}
	return false
}

// barRouter ends the registrations of a mobile router that every home agent we know of
// has refused in the one mode that is configured: no more Binding Updates with the R flag
// are sent for the home address (RFC 3963 §5.4.1, §5.4.2: MUST). It takes a person to
// change the home agent's mind, and a restart to try again.
func (m *Machine) barRouter(h *home, s mh.Status) {
	h.barred, h.refused, h.due, h.backoff = true, true, time.Time{}, bul.Backoff{}
	m.refusal(h, s, "no home agent takes this mobile router; it is not asked again until mip6d is restarted")
	m.blockUnbound(h)
}

// othersFor says, after a refusal of a mobile router, whether there is a home agent that
// has not refused it: another one of the list, or one that was only silent or busy.
func (m *Machine) othersFor(h *home) bool {
	if !h.discovers() {
		return false
	}
	h.found.refusing++
	return len(h.found.next) > 0 || h.found.refusing < h.found.offered
}

// staysBarred takes a new care-of address of a home address that may not be registered.
func (m *Machine) staysBarred(h *home) {
	h.refused, h.due, h.handoff = true, time.Time{}, nil
	m.setPath(h, role.HomePath{Mode: role.PathBlocked})
}
