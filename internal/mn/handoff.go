package mn

import (
	"net/netip"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/role"
)

// handoff is a planned change from one care-of address to another while both work
// (RFC 6275 §11.5.4): make before break. Packets come by either, the old one and
// the new one. What is to leave waits, from a moment before the Binding Update until
// its acknowledgement: the home agent takes packets from the care-of address in its
// binding cache only (§10.4.5), and nothing is to be under way while that changes.
type handoff struct {
	link   *link // the old one's
	careOf *careOf
	router netip.Addr
	until  time.Time // packets wait no longer
}

const (
	minDrain = 20 * time.Millisecond
	maxDrain = 200 * time.Millisecond
	maxHold  = 500 * time.Millisecond // from the Binding Update on
)

// planned says whether a change from the present care-of address can be made without
// a loss: it is registered, in use and works. It returns what is to be known of it.
func (m *Machine) planned(h *home) *handoff {
	e := m.entry(h)
	// IPsec's tunnels move before the Binding Update leaves, with all that is in
	// them, and its messages by the route of the new care-of address.
	if h.SA != 0 || h.stage != stageAway || h.careOf == nil || h.handoff != nil || !h.pathRetry.IsZero() ||
		h.path.Mode != role.PathTunnelled || h.path.CareOf != h.careOf.addr ||
		e == nil || !e.Acked || e.Bound != h.careOf.addr || !e.Registered(m.now) || !m.usable(h.link) || h.link.careOf != h.careOf {
		return nil
	}
	return &handoff{link: h.link, careOf: h.careOf, router: h.path.Router}
}

// answerTime is how long the home agent took to answer, without the duplicate address
// detection that it does for a first registration (RFC 4862 §5.1: RetransTimer).
func (m *Machine) answerTime(e *bul.Entry, t bul.Transmission) time.Duration {
	const retransTimer = time.Second
	took := m.now.Sub(t.Sent)
	if !e.Registered(m.now) && took > retransTimer {
		took -= retransTimer
	}
	return took
}

// drain is how long what has left may be under way: no longer than the home agent
// took to answer by that way.
func (m *Machine) drain(h *home) time.Duration {
	return min(max(h.answerTime, minDrain), maxDrain)
}

// watchHandoff ends one that takes too long, or has lost its old care-of address.
func (m *Machine) watchHandoff(h *home) {
	f := h.handoff
	if f == nil {
		return
	}
	if m.due(f.until) || f.careOf.gone || f.careOf.dead || !f.link.up {
		m.endHandoff(h)
		if h.due.After(m.now) && h.backoff.Tries == 0 {
			h.due = m.now // it waited for what is lost now
		}
	}
}

// endHandoff lets the packets go, by the new care-of address.
func (m *Machine) endHandoff(h *home) {
	if h.handoff == nil {
		return
	}
	h.handoff = nil
	if h.stage == stageAway && h.path.Mode == role.PathTunnelled && m.canSend(h) {
		m.setPath(h, role.HomePath{Mode: role.PathTunnelled})
	}
}
