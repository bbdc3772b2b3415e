package ha

import (
	"net/netip"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// Drain has the home agent let go of its mobile nodes, or serve them again. While it
// drains, whoever wants a binding or a longer one is refused with status 130, by
// which a mobile node that can goes to another home agent (RFC 6275 §11.4.1) and the
// others try again later. A binding in force ends with such a refusal, before that
// leaves: the next home agent must find the home address free. So that it comes to
// that soon, mobile nodes are asked for a Binding Update; those that do not answer
// keep what they were promised.
type Drain struct {
	role.External
	On bool
}

// Delete ends the binding of a home address by hand. Its mobile node hears of it by a
// Binding Refresh Request, and may register anew.
type Delete struct {
	role.External
	HomeAddress netip.Addr
}

// Binding Refresh Requests are limited in rate (§9.5.5).
const (
	drainPause = 100 * time.Millisecond
	drainBurst = 20               // in that time
	drainRound = 30 * time.Second // at least from one to the next of a mobile node
)

// drain is the state of draining.
type drain struct {
	on    bool
	round []netip.Addr // whom to ask yet, before all are asked again
	again time.Time    // not earlier than that
	next  time.Time    // when something is to be done
}

// Draining says whether new bindings are refused.
func (m *Machine) Draining() bool { return m.drain.on }

// Settled says whether kernel and store have what is known of a home address.
func (m *Machine) Settled(home netip.Addr) bool {
	n := m.nodes[home]
	return n == nil || !n.unsure && !n.unstored
}

func (m *Machine) setDrain(on bool) {
	if m.drain.on != on {
		m.drain = drain{on: on, next: m.now}
	}
}

// askToLeave sends the next Binding Refresh Requests.
func (m *Machine) askToLeave() {
	d := &m.drain
	if !d.on || d.next.After(m.now) {
		return
	}
	if len(d.round) == 0 {
		for _, b := range m.Bindings() {
			d.round = append(d.round, b.HomeAddress)
		}
		d.again = m.now.Add(drainRound)
	}
	n := min(drainBurst, len(d.round))
	for _, home := range d.round[:n] {
		if b, bound := m.cache.Get(home); bound {
			m.requestRefresh(b)
		}
	}
	d.round, d.next = d.round[n:], m.now.Add(drainPause)
	if len(d.round) == 0 {
		d.next = d.again
	}
}

// requestRefresh goes to the home address, always (§9.5.5): through the tunnel.
func (m *Machine) requestRefresh(b role.Binding) {
	raw, err := mh.Marshal(&mh.BindingRefreshRequest{})
	if err != nil {
		return // a message without options always fits
	}
	mh.SetChecksum(raw, b.HomeAgent, b.HomeAddress)
	m.emit(role.Send{Src: b.HomeAgent, Dst: b.HomeAddress, Raw: raw})
}

// leave refuses a request while we drain, and ends the binding that it would have
// gone on with. What was refused is not to be accepted later, when we serve again.
func (m *Machine) leave(n *node, r *request) {
	n.learn(r.bu.Sequence, r.stamp)
	b, bound := m.cache.Get(n.home)
	switch { // a request in work has its way; the next one is refused like this one
	case n.phase == storing:
		m.emitRegistration(n, m.ask(n), m.outcome(n))
	case bound && n.phase == idle:
		m.tellEndedBy(b, "drained")
		m.end(n.home)
	default:
		m.remember(n)
		m.forgetLater(n)
	}
	m.refuse(r, mh.StatusInsufficientResources, role.CountRefused)
}

// deleteByHand ends a binding, and what is on its way to one.
func (m *Machine) deleteByHand(home netip.Addr) {
	n := m.nodes[home]
	if n == nil {
		return
	}
	n.next = nil
	if n.phase == detecting {
		m.stopDetecting(n)
		m.finish(n)
	}
	b, bound := m.cache.Get(home)
	if !bound || n.phase != idle { // kernel or store has it in hand: to be asked for again
		return
	}
	m.requestRefresh(b) // while there is a tunnel
	m.tellEndedBy(b, "deleted by hand")
	m.end(home)
}

func (m *Machine) tellEndedBy(b role.Binding, text string) {
	m.emit(role.Notice{
		Kind: role.NoticeBindingDeleted, HoA: b.HomeAddress, CoA: b.CareOf, HA: b.HomeAgent, Ifindex: b.Ifindex,
		Sequence: b.Sequence, Text: text,
	})
}
