package mn

import (
	"fmt"
	"net/netip"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// acknowledgement takes a Binding Acknowledgement (RFC 6275 §11.7.3). What
// fails one of the tests is ignored and counted.
func (m *Machine) acknowledgement(ev role.MessageIn, ba *mh.BindingAcknowledgement) {
	h, t, ok := m.matching(ev, ba)
	if !ok {
		m.count(role.CountUnsolicited)
		return
	}
	if h.SA != 0 && ev.SA != h.SA {
		m.count(role.CountUnprotected)
		return
	}
	if bad := h.verify(ev.Raw, ba, t.CareOf); bad != "" {
		m.count(bad)
		m.unverified(h, t, ba)
		return
	}
	if !stampMatches(ba, t.Stamp) {
		m.count(role.CountReplay)
		return
	}
	h.status, h.hasStatus = ba.Status, true
	m.notice(role.Notice{Kind: role.NoticeAckReceived, HoA: h.addr(), CoA: t.CareOf, HA: h.homeAgent(),
		Ifindex: ev.Ifindex, Sequence: ba.Sequence, Lifetime: ba.Lifetime, Status: ba.Status, HasStatus: true,
		Text: "binding acknowledgement received"})
	switch {
	case !ba.Status.Accepted():
		m.rejected(h, t, ba)
	case h.stage == stageAnswering:
		m.accepted(h, t)
		m.returned(h, "at home, the home agent has let go")
	default:
		m.registered(h, t, ba)
	}
}

// matching finds the Binding Update that an acknowledgement answers. Status 135
// has the home agent's number instead of ours (rfc-pitfalls: "sequence matches,
// or status is 135").
func (m *Machine) matching(ev role.MessageIn, ba *mh.BindingAcknowledgement) (*home, bul.Transmission, bool) {
	to := ev.Dst
	if ev.RoutingHome.IsValid() {
		to = ev.RoutingHome
	}
	h := m.homeFor(ev.Src, to)
	if h == nil || ev.HomeAddress.IsValid() {
		return nil, bul.Transmission{}, false
	}
	// Away it comes to the care-of address with a routing header (§9.5.4), at
	// home to the home address itself.
	away := h.stage == stageAway && ev.RoutingHome.IsValid()
	e := m.entry(h)
	if e == nil || !away && h.stage != stageAnswering {
		return nil, bul.Transmission{}, false
	}
	t, ok := e.Match(ba.Sequence)
	if ba.Status == mh.StatusSequenceOutOfWindow {
		t, ok = e.Last()
	}
	// Back home, a registration's late answer says nothing about our return: the
	// home agent defends the home address until it has our de-registration.
	if h.stage == stageAnswering && t.Lifetime > 0 {
		ok = false
	}
	return h, t, ok
}

// accepted is common to registration and de-registration.
func (m *Machine) accepted(h *home, t bul.Transmission) {
	h.clock.accept(t.Stamp)
	h.refused, h.resyncs, h.reported, h.homeDADs = false, 0, false, 0
	h.found.rounds = 0
	h.found.stay()
}

// registered takes a status below 128 for a registration.
func (m *Machine) registered(h *home, t bul.Transmission, ba *mh.BindingAcknowledgement) {
	e := m.entry(h)
	if ba.Lifetime == 0 {
		// Accepted for no time at all: as good as refused for now.
		e.Refuse()
		return
	}
	if h.Network != nil && !ba.Router {
		m.notForwarded(h, t, ba)
		return
	}
	m.accepted(h, t)
	h.answerTime = m.answerTime(e, t)
	e.Accept(t, ba.Lifetime)
	changed := m.ipv4Answer(h, ba) || h.KeyMgmt && h.keysStay == ba.KeyMgmt
	h.keysStay = !ba.KeyMgmt
	m.endHandoff(h)
	if changed && h.path.Mode == role.PathTunnelled {
		m.setPath(h, role.HomePath{Mode: role.PathTunnelled})
	}
	h.advised = m.advice(ba)
	h.backoff, h.due = bul.Backoff{}, m.refreshAt(h, e)
	if h.ipv4.lost {
		h.due = m.now // another one is asked for
	}
	m.prefixAdvised(h, ba.Status)
	m.notice(role.Notice{Kind: role.NoticeRegistered, HoA: h.addr(), CoA: t.CareOf, HA: h.homeAgent(),
		Ifindex: h.link.ifindex, Sequence: t.Sequence, Lifetime: e.Granted, Status: ba.Status, HasStatus: true,
		Text: "registered"})
}

// advice is when a Binding Refresh Advice wants the next Binding Update: a
// little before its interval is over (§6.2.4). An interval that is zero, or not
// shorter than the lifetime as the RFC has it, is no advice.
func (m *Machine) advice(ba *mh.BindingAcknowledgement) time.Time {
	opt, ok := mh.Find[mh.BindingRefreshAdvice](ba.Options)
	if !ok || opt.Interval <= 0 || opt.Interval >= ba.Lifetime {
		return time.Time{}
	}
	return m.now.Add(opt.Interval - opt.Interval/10)
}

// What a rejection calls for.
type reaction uint8

const (
	reactWait   reaction = iota // try again with the back-off
	reactStop                   // leave the home agent alone, see Params.RefusedRetry
	reactResync                 // put the sequence number right
	reactClock                  // put the clock right
	reactStamp                  // send timestamps
	reactGiveUp                 // another node has the home address
)

// reactionTo lists what is more than a passing trouble. MIPV6-AUTH-FAIL is not
// among it, though RFC 4285 §5.3 sees an error of configuration: anybody can
// provoke one, rightly authenticated, by sending a broken copy of our Binding
// Update.
var reactionTo = map[mh.Status]reaction{
	mh.StatusAdministrativelyProhibited: reactStop,
	mh.StatusHomeRegistrationNotSupport: reactStop,
	mh.StatusNotHomeSubnet:              reactStop,
	mh.StatusRegistrationTypeChange:     reactStop,
	mh.StatusRouterNotPermitted:         reactStop, // RFC 3963 §5.4
	mh.StatusInvalidPrefix:              reactStop,
	mh.StatusPrefixNotAuthorized:        reactStop,
	mh.StatusForwardingSetupFailed:      reactStop,
	mh.StatusDADFailed:                  reactGiveUp,
	mh.StatusSequenceOutOfWindow:        reactResync,
	mh.StatusIDMismatch:                 reactClock,
	mh.StatusMesgIDRequired:             reactStamp,
}

// rejected takes a status of 128 or more, authenticated.
func (m *Machine) rejected(h *home, t bul.Transmission, ba *mh.BindingAcknowledgement) {
	e := m.entry(h)
	e.Refuse()
	m.count(role.CountRefused)
	react := reactionTo[ba.Status]
	if h.stage == stageAnswering && m.nothingThere(h, ba.Status) {
		return
	}
	if h.Network != nil && noRouters(ba.Status) && h.stage == stageAway && !m.othersFor(h) {
		m.barRouter(h, ba.Status)
		return
	}
	if h.otherAgent(ba.Status) {
		m.refusal(h, ba.Status, "refused; looking for another home agent")
		if ba.Status == mh.StatusInsufficientResources && len(h.found.next) == 0 && m.tunnelWorks(h) {
			m.leaveAgent(h) // h.due stands as the retransmission's
			return
		}
		m.dropAgent(h, "the home agent refuses")
		return
	}
	switch react {
	case reactResync:
		m.bul.Adopt(h.key(), ba.Sequence) // MUST; the next one is greater by one
	case reactClock:
		opt, _ := mh.Find[mh.MesgID](ba.Options)
		h.clock.correct(t.Stamp, opt.Timestamp)
	case reactStamp:
		h.clock.on = h.Auth != nil
	case reactGiveUp:
		m.refusal(h, ba.Status, "the home address belongs to another node and will not be used again")
		m.duplicate(h)
		return
	case reactStop:
		h.refused, h.due = true, m.now.Add(m.p.RefusedRetry)
		m.refusal(h, ba.Status, fmt.Sprintf("refused; next try in %v or after a move", m.p.RefusedRetry))
		m.blockUnbound(h)
		return
	default:
		m.refusal(h, ba.Status, "refused; will try again")
		return // h.due stands as the retransmission's
	}
	// Corrected: at once, unless that has not helped before.
	h.resyncs++
	if h.resyncs <= maxResyncs {
		h.due = m.now
		return
	}
	m.refusal(h, ba.Status, "refused although corrected; will try again")
}

// nothingThere ends a return home when the home agent says that it holds no
// binding. Then there is nothing to defend us against, unless we are here
// because somebody defended the home address: perhaps the home agent, until a
// de-registration of ours whose acknowledgement was lost, perhaps another node.
// A second detection tells.
func (m *Machine) nothingThere(h *home, s mh.Status) bool {
	switch s {
	case mh.StatusNotHomeAgent, mh.StatusHomeRegistrationNotSupport, mh.StatusNotHomeSubnet:
	default:
		return false
	}
	if h.homeDADs > 0 {
		m.atHome(h, h.link, true, "at home, the home agent holds no binding; probing for the home address again")
		return true
	}
	m.returned(h, "at home, the home agent held no binding")
	return true
}

func (m *Machine) refusal(h *home, s mh.Status, text string) {
	var careOf netip.Addr
	ifindex := 0
	if h.careOf != nil {
		careOf = h.careOf.addr
	}
	if h.link != nil {
		ifindex = h.link.ifindex
	}
	m.notice(role.Notice{Kind: role.NoticeUnregistered, HoA: h.addr(), CoA: careOf, HA: h.homeAgent(), Ifindex: ifindex,
		Status: s, HasStatus: true, Warn: true, Text: text})
}

// blockUnbound takes a tunnel away that leads nowhere, so that applications
// hear of it, unless an older binding is still in force.
func (m *Machine) blockUnbound(h *home) {
	if h.stage == stageAway && !m.bound(h) {
		m.setPath(h, role.HomePath{Mode: role.PathBlocked})
	}
}

// unverified is a rejection that doesn't verify, such as MIPV6-AUTH-FAIL from a
// home agent that has another key than we. It may be forged, so it changes
// nothing; but a person should hear of it, once.
func (m *Machine) unverified(h *home, t bul.Transmission, ba *mh.BindingAcknowledgement) {
	if ba.Status.Accepted() || h.reported {
		return
	}
	h.reported = true
	m.notice(role.Notice{Kind: role.NoticeAckReceived, HoA: h.addr(), CoA: t.CareOf, HA: h.homeAgent(),
		Sequence: ba.Sequence, Status: ba.Status, HasStatus: true, Warn: true,
		Text: "a rejection that does not verify, ignored: is the key the home agent's?"})
}
