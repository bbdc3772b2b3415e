package mn

import (
	"bytes"
	"net/netip"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// stage is where a home address is on its way.
type stage uint8

const (
	stageNone      stage = iota // no link yet
	stageAway                   // a care-of address is registered, or shall be
	stageReturning              // on the home link, the path for the de-registration is being made
	stageAnswering              // the de-registration was sent (RFC 6275 §11.5.5)
	stageHome                   // at home
	stageDuplicate              // another node has the address: never again (§11.7.1)
	stageInvalid                // its prefix (§11.4.2), or its lease, is no longer valid
)

// stateWaiting is shown of a home whose address DHCPv6 has not given yet.
const stateWaiting = "waiting"

var stageNames = [...]string{"unknown", "away", "returning", "deregistering", "home", "duplicate", "invalid"}

func (s stage) String() string { return stageNames[s] }

// atHome says whether the home address is on its home link.
func (s stage) atHome() bool {
	return s == stageReturning || s == stageAnswering || s == stageHome
}

// home is one home address and its registration.
type home struct {
	Home
	stage  stage
	link   *link   // the home link when atHome, the care-of address's when away
	careOf *careOf // primary care-of address when away
	paused bool    // at home, but in doubt about it

	// The path last asked for, and whether it is in force.
	path       role.HomePath
	pathID     role.ID
	pathRetry  time.Time // zero: it did not fail
	pathFailed int       // failures in a row
	pathGone   bool      // stageInvalid, and nothing is left of it in the kernel

	// The Binding Update to send next: when (zero: none) and with what
	// patience.
	due     time.Time
	backoff bul.Backoff
	advised time.Time // when the home agent's Refresh Advice wants the next; zero: no advice
	resyncs int       // corrections in a row
	refused bool      // by the home agent, for a reason that time won't cure
	barred  bool      // as a mobile router, by all home agents, for good

	status    mh.Status
	hasStatus bool

	keysStay   bool          // the home agent's key management does not follow us, by its last word (K)
	handoff    *handoff      // under way; nil: none
	answerTime time.Duration // of the home agent, the last time
	found      discovery     // of its home agent
	resumed    time.Time     // until when an earlier run's tunnel is left as it is, while we find out where we are
	prefix     homePrefix    // what the home agent says of it
	stateful   *stateful     // where the address is from; nil: it is configured
	ipv4       ipv4
	advertised int // the interface where neighbours were told of our return; 0: none

	// On the way home, see findAgent.
	solicits  int
	solicited time.Time // when the answer to the last solicitation is overdue; zero: none is wanted
	defender  []byte    // the link-layer address of who answered

	clock    clock
	homeDADs int  // duplicate address detection at home failed so often
	reported bool // an unauthenticated refusal was told of
}

func newHome(cfg Home) *home {
	h := &home{Home: cfg}
	h.clock.on = cfg.Auth != nil && cfg.Auth.Replay == ReplayTimestamp
	return h
}

func (h *home) addr() netip.Addr { return h.HomeAddress.Addr() }

func (h *home) subnet() netip.Prefix { return h.HomeAddress.Masked() }

func (h *home) key() bul.Key { return bul.Key{Peer: h.homeAgent(), HomeAddress: h.addr()} }

func (m *Machine) entry(h *home) *bul.Entry { return m.bul.Get(h.key()) }

// bound says whether the home agent may hold a binding of ours.
func (m *Machine) bound(h *home) bool {
	e := m.entry(h)
	return e != nil && e.Until().After(m.now)
}

// settled says that nothing is left to do for a home address, so that what was
// needed before can go.
func (h *home) settled(m *Machine) bool {
	switch h.stage {
	case stageHome, stageDuplicate, stageInvalid:
		return !h.paused
	case stageAway:
		e := m.entry(h)
		return e != nil && e.Acked && h.careOf != nil && e.Bound == h.careOf.addr
	}
	return false
}

// homeLink finds the link on which a home address is at home (§11.5.2): one
// with its home subnet prefix. Any router's word will do; a home agent need not
// be a default router.
func (m *Machine) homeLink(h *home) *link {
	if h.stage.atHome() && m.hasPrefix(h.link, h.subnet()) {
		return h.link
	}
	for _, l := range m.links {
		if !m.hasPrefix(l, h.subnet()) || l.unheard(h.subnet()) {
			continue
		}
		if l.lastWord(h.subnet()) && m.lastHeard(l, h.subnet()).Add(m.p.RouterProbeTimeout).After(m.now) {
			return l
		}
		// What leads us here is another link's end, and this one may have
		// changed without a word. Nothing depended on that; now it would.
		if !l.silent {
			m.startDoubt(l, m.probeTimeout(l), true)
		}
	}
	return nil
}

// hasPrefix says whether a prefix is on a link for all we know. What was heard
// before the link last came up proves nothing.
func (m *Machine) hasPrefix(l *link, net netip.Prefix) bool {
	if !l.up || l.fresh() {
		return false
	}
	for _, r := range l.routers {
		p := r.prefix(net)
		if p != nil && !p.superseded && (p.onLink || p.auto) && !m.due(p.validUntil) && p.mark > l.mark {
			return true
		}
	}
	return false
}

// arrive is for a home address whose home link we are on.
func (m *Machine) arrive(h *home, l *link) {
	blocked := l.unheard(h.subnet())
	switch {
	case h.stage.atHome() && h.link == l && h.stage != stageHome:
		if blocked {
			m.leave(h)
		} else if h.finding() && (m.due(h.solicited) || len(m.homeAgentLinkAddr(h)) > 0) {
			m.findAgent(h)
		}
	case h.stage == stageHome && h.link == l:
		m.pause(h, blocked)
	case h.stage.atHome() && h.link != l && h.stage == stageHome:
		h.link, h.paused = l, false // our home link by another interface
		m.setPath(h, role.HomePath{Mode: role.PathHome, DAD: true})
	case m.bound(h):
		m.startReturn(h, l)
	default:
		m.atHome(h, l, true, "at home, without a binding")
	}
}

// pause holds the packets of a home address back while it is in doubt whether
// this is still the home link.
func (m *Machine) pause(h *home, blocked bool) {
	if blocked == h.paused {
		return
	}
	h.paused = blocked
	if blocked {
		m.setPath(h, role.HomePath{Mode: role.PathBlocked})
	} else {
		// We never left: nobody else can have taken the address.
		m.setPath(h, role.HomePath{Mode: role.PathHome})
	}
}

// startReturn begins §11.5.5: first make sure that the de-registration, and
// nothing else, can leave from the home address.
func (m *Machine) startReturn(h *home, l *link) {
	h.stage, h.link, h.careOf, h.paused = stageReturning, l, nil, false
	h.due, h.refused, h.resyncs = time.Time{}, false, 0
	h.found.stay() // no other one can end its binding
	h.solicits, h.solicited, h.defender = 0, noTime, nil
	m.remember() // first: the next run must not take what comes now for a tunnel
	m.findAgent(h)
}

// deregister sends the de-registration, as soon as MAX_UPDATE_RATE allows.
func (m *Machine) deregister(h *home) {
	h.stage = stageAnswering
	m.startBackoff(h)
	h.due = m.now
	m.sendDue(h)
}

// returned ends §11.5.5: the home agent has let go. All nodes are told to send
// to us (MUST), for the link-local address too where the home agent defended it
// (L flag).
func (m *Machine) returned(h *home, text string) {
	l := h.link
	m.atHome(h, l, false, text)
	h.advertised = l.ifindex
	for _, a := range h.onLink() {
		m.emit(role.Advertise{Ifindex: l.ifindex, Addr: a, Router: h.Network != nil})
	}
}

// onLink are the addresses that the home agent defends while we are away.
func (h *home) onLink() []netip.Addr {
	if h.LinkLocal {
		return []netip.Addr{h.addr(), h.linkLocal()}
	}
	return []netip.Addr{h.addr()}
}

// stopAdvertising: what is repeated now would leave on another link.
func (m *Machine) stopAdvertising(h *home) {
	if h.advertised == 0 {
		return
	}
	for _, a := range h.onLink() {
		m.emit(role.StopAdvertising{Ifindex: h.advertised, Addr: a})
	}
	h.advertised = 0
}

// atHome makes the home address an ordinary address of the home link. Duplicate
// address detection only if no binding can be alive (§11.5.5).
func (m *Machine) atHome(h *home, l *link, dad bool, text string) {
	m.bul.Remove(h.key())
	h.stage, h.link, h.careOf, h.paused = stageHome, l, nil, false
	h.due, h.refused = time.Time{}, false
	m.setPath(h, role.HomePath{Mode: role.PathHome, DAD: dad})
	m.notice(role.Notice{Kind: role.NoticeAtHome, HoA: h.addr(), HA: h.homeAgent(), Ifindex: l.ifindex, Text: text})
}

// linkLocal is the link-local address with the home address's interface
// identifier.
func (h *home) linkLocal() netip.Addr {
	a := h.addr().As16()
	b := [16]byte{0: 0xfe, 1: 0x80}
	copy(b[8:], a[8:])
	return netip.AddrFrom16(b)
}

// leave stops using a home address on what may not be its home link any more.
func (m *Machine) leave(h *home) {
	h.stage, h.link, h.careOf, h.paused = stageNone, nil, nil, false
	h.due = time.Time{}
	m.setPath(h, role.HomePath{Mode: role.PathBlocked})
}

// setPath asks for a path unless it is what was last asked for.
func (m *Machine) setPath(h *home, p role.HomePath) {
	p.HomeAddress, p.Deprecated = h.HomeAddress, m.p.PreferCareOf || m.over(h.prefix.preferredUntil)
	if h.Network != nil {
		p.MobilePrefixes = h.Network.Prefixes
	}
	if h.IPv4 != nil {
		p.IPv4, p.IPv4Default = h.ipv4.addr, h.IPv4.Default
	}
	if h.stateful != nil {
		p.Lease = max(m.left(h.stateful.until), time.Second)
	}
	switch p.Mode {
	case role.PathBlocked:
		p.HomeAgent = h.homeAgent()
	case role.PathTunnelled:
		p.CareOf, p.HomeAgent, p.Ifindex = h.careOf.addr, h.homeAgent(), h.link.ifindex
		p.KeyMgmt = h.KeyMgmt && !h.keysStay
		p.Router = m.firstHop(h)
		if h.handoff != nil {
			p.CareOf, p.Ifindex, p.Router, p.Hold = h.handoff.careOf.addr, h.handoff.link.ifindex, h.handoff.router, true
		}
	case role.PathDeregistering, role.PathAnswering:
		p.HomeAgent, p.Ifindex = h.homeAgent(), h.link.ifindex
		p.HomeAgentLinkAddr = m.homeAgentLinkAddr(h)
	case role.PathHome:
		p.Ifindex, p.Unmarked = h.link.ifindex, h.link.Unmarked
		p.DAD = p.DAD && h.link.DAD != role.DADNone
	}
	if h.pathID != 0 && samePath(p, h.path) && h.pathRetry.IsZero() {
		return
	}
	if !samePath(p, h.path) {
		h.pathFailed = 0
	}
	if p.Mode != role.PathTunnelled {
		h.handoff = nil
	}
	if p.Mode != role.PathHome {
		m.stopAdvertising(h)
	}
	h.path, h.pathID, h.pathRetry = p, m.id(), time.Time{}
	m.emit(role.SetHomePath{ID: h.pathID, Path: p})
}

func samePath(a, b role.HomePath) bool {
	return a.HomeAddress == b.HomeAddress && a.Mode == b.Mode && a.CareOf == b.CareOf &&
		a.HomeAgent == b.HomeAgent && a.Router == b.Router && a.Ifindex == b.Ifindex && a.DAD == b.DAD && a.Hold == b.Hold && a.Deprecated == b.Deprecated &&
		a.Unmarked == b.Unmarked && a.KeyMgmt == b.KeyMgmt &&
		a.IPv4 == b.IPv4 &&
		bytes.Equal(a.HomeAgentLinkAddr, b.HomeAgentLinkAddr)
}

// firstHop is the router by which the home agent is reached from the care-of
// address: the one in use while it stands behind the prefix, else the one that
// did so last; one that can be reached before others. Who was not heard since the
// link came up may be gone. While there is none, the one in use will do.
func (m *Machine) firstHop(h *home) netip.Addr {
	var used netip.Addr
	if h.path.Mode == role.PathTunnelled && h.path.CareOf == h.careOf.addr {
		used = h.path.Router
	}
	var best *router
	for _, r := range h.link.routers {
		if p := r.prefix(h.careOf.net); p == nil || !m.isDefault(r) || r.mark <= h.link.mark {
			continue
		}
		if r.addr == used && !r.unreachable {
			return used
		}
		if best == nil || best.unreachable && !r.unreachable || best.unreachable == r.unreachable && r.mark > best.mark {
			best = r
		}
	}
	if best == nil || best.unreachable && used.IsValid() {
		return used
	}
	return best.addr
}

// keepTunnel follows a change of the first hop, without a Binding Update.
func (m *Machine) keepTunnel(h *home) {
	if h.path.Mode == role.PathTunnelled && h.path.CareOf == h.careOf.addr && h.pathRetry.IsZero() && m.canSend(h) {
		m.setPath(h, role.HomePath{Mode: role.PathTunnelled})
	}
}

// pathDone: the path is in force, or the kernel refused it; then it is asked
// for again, soon at first, since until then packets may go astray.
func (m *Machine) pathDone(h *home, err error) {
	if err == nil {
		h.pathFailed = 0
		h.pathGone = h.stage == stageInvalid
		switch {
		case h.stage == stageReturning && h.path.Mode == role.PathDeregistering:
			m.deregister(h)
		case h.stage == stageAnswering && h.path.Mode == role.PathAnswering:
			m.tellHomeAgent(h)
		}
		return
	}
	m.fault(role.Notice{HoA: h.addr(), CoA: h.path.CareOf, HA: h.path.HomeAgent, Ifindex: h.path.Ifindex},
		"set the home address's path to "+h.path.Mode.String(), err)
	h.pathRetry = m.now.Add(min(200*time.Millisecond<<min(h.pathFailed, 10), 5*time.Second))
	h.pathFailed++
}

// tellHomeAgent answers a question that may have been asked before it could be: to send its
// acknowledgement the home agent asks for the home address as soon as it has let go of it, and
// asks again a second later only (RFC 6275 §11.5.5). Others are told when it has acknowledged.
func (m *Machine) tellHomeAgent(h *home) {
	if len(h.path.HomeAgentLinkAddr) > 0 {
		m.emit(role.TellNeighbor{Ifindex: h.path.Ifindex, Addr: h.addr(), Router: h.Network != nil,
			Neighbor: h.path.HomeAgent, LinkAddr: h.path.HomeAgentLinkAddr})
	}
}

// retryPath asks again for a path that failed.
func (m *Machine) retryPath(h *home) {
	if m.due(h.pathRetry) {
		h.pathID, h.pathRetry = m.id(), time.Time{}
		m.emit(role.SetHomePath{ID: h.pathID, Path: h.path})
	}
}

// homeAgentLinkAddr is the home agent's link-layer address as advertised on the
// home link (§11.5.5): of the router that says it has the home agent's address
// (R flag), or of the only home agent there (H flag); else of who has answered for the
// home address (findAgent). Without any the kernel solicits for it, from our link-local
// address: the home address is not on the link yet.
func (m *Machine) homeAgentLinkAddr(h *home) []byte {
	var only []byte
	agents := 0
	for _, r := range h.link.routers {
		p := r.prefix(h.subnet())
		if p == nil {
			continue
		}
		if p.global == h.homeAgent() && len(r.linkAddr) > 0 {
			return r.linkAddr
		}
		if r.homeAgent {
			only = r.linkAddr
			agents++
		}
	}
	if agents != 1 || len(only) == 0 {
		return h.defender
	}
	return only
}

// homeDuplicate: duplicate address detection failed for a home address at home.
// It may be the home agent itself that defends it, for a binding of an earlier
// run of ours: de-register that. If there is none, the address is another's.
func (m *Machine) homeDuplicate(h *home, ev role.DADFailed) {
	if h.stage != stageHome || h.link.ifindex != ev.Ifindex {
		return
	}
	m.count(role.CountDADFailure)
	m.notice(role.Notice{Kind: role.NoticeDADFailed, HoA: h.addr(), Ifindex: ev.Ifindex, Warn: true,
		Text: "the home address is in use on the home link"})
	h.homeDADs++
	if h.homeDADs > 1 {
		m.duplicate(h)
		return
	}
	if !h.homeAgent().IsValid() {
		agent := m.advertisedAgent(h)
		if !agent.IsValid() {
			m.duplicate(h) // nobody can be asked
			return
		}
		h.found = discovery{} // nor are others asked for any more
		m.knowAgent(h, agent, "this home agent may be what has the home address")
	}
	m.bul.Presume(h.key(), m.now.Add(h.lifetime()))
	m.startReturn(h, h.link)
}

// advertisedAgent is a home agent that tells its address on the home link, or invalid.
func (m *Machine) advertisedAgent(h *home) netip.Addr {
	for _, r := range h.link.routers {
		if p := r.prefix(h.subnet()); p != nil && r.homeAgent && p.global.IsGlobalUnicast() && !m.isHomeAddress(p.global) {
			return p.global
		}
	}
	return netip.Addr{}
}

// duplicate gives a home address up for good (§11.7.1: MUST NOT be used again).
func (m *Machine) duplicate(h *home) {
	m.bul.Remove(h.key())
	h.stage, h.link, h.careOf, h.paused = stageDuplicate, nil, nil, false
	h.due = time.Time{}
	m.setPath(h, role.HomePath{Mode: role.PathNone})
}

// release undoes a home address at Stop: one best-effort de-registration, so
// that the home agent need not keep what nobody will use.
func (m *Machine) release(h *home) {
	if h.stage == stageAway && h.careOf != nil && m.bound(h) {
		m.sendUpdate(h, 0)
	}
	if h.stage != stageHome {
		m.setPath(h, role.HomePath{Mode: role.PathNone})
	}
}

func (m *Machine) homeDeadlines(h *home, d *deadline) {
	d.add(h.pathRetry)
	if h.finding() {
		d.add(h.solicited)
	}
	if h.pathID == 0 {
		d.add(h.resumed)
	}
	if s := h.stateful; s != nil && s.home == h {
		d.add(s.until)
	}
	if h.stage == stageAway {
		for _, t := range []time.Time{h.prefix.validUntil, h.prefix.preferredUntil} {
			if t.After(m.now) {
				d.add(t)
			}
		}
		if m.canSend(h) && m.agreed(h) {
			d.add(h.prefix.due)
		}
	}
	if h.handoff != nil {
		d.add(h.handoff.until)
	}
	if m.canSend(h) {
		d.add(h.due)
		if h.stage == stageAway {
			d.add(h.found.due)
		}
	}
}
