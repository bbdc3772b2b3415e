package mn

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// Optimization is what a mobile node is told about route optimisation. Durations
// and counts that are zero take the default named beside them.
type Optimization struct {
	Policy role.Policy // with which peers; the zero value: none

	// IdleTimeout is how long after its last packet a peer is still worth
	// return routability and a refreshed binding. 2 min.
	IdleTimeout time.Duration

	// RetryAfter is how long a peer that can't or won't is left alone. 5 min.
	RetryAfter time.Duration

	// MaxPeers bounds the peers, over all home addresses. 256.
	MaxPeers int
}

// peer is one correspondent of one home address: what return routability has
// found out, what is registered there (its entry is in the Binding Update List)
// and the direct path to it.
type peer struct {
	home *home
	addr netip.Addr

	homeTest, careOfTest test

	// The Binding Update under way: for which care-of address, when it is
	// due again (zero: none was sent), with what patience.
	target  netip.Addr
	due     time.Time
	backoff bul.Backoff
	rate    bul.Rate
	resyncs int // corrections in a row
	refresh time.Time

	path     directPath
	reverted bool // return routability fails: packets go by the tunnel (§5.2.9)

	status    mh.Status // of the last acknowledgement
	hasStatus bool

	used    time.Time    // last sign of traffic
	asked   time.Time    // when its traffic was last asked for
	traffic role.Traffic // as last told

	byHand  bool      // wanted, used or not
	stopped bool      // unwanted, whatever its traffic
	barred  time.Time // left alone until; zero: not barred
	errored time.Time // when a Binding Error last made us begin again

	next time.Time // when something is to be done; see wait
}

func (p *peer) key() bul.Key { return bul.Key{Peer: p.addr, HomeAddress: p.home.addr()} }

func (p *peer) pair() role.Pair { return role.Pair{Local: p.home.addr(), Peer: p.addr} }

// wait has the machine called again at a time, if that is to come.
func (m *Machine) wait(p *peer, t time.Time) {
	if t.After(m.now) && (p.next.IsZero() || t.Before(p.next)) {
		p.next = t
	}
}

// peerEntry is what the Binding Update List has of a peer, or nil.
func (m *Machine) peerEntry(p *peer) *bul.Entry { return m.bul.Get(p.key()) }

// held says whether the peer may hold a binding of ours.
func (m *Machine) held(p *peer) bool {
	e := m.peerEntry(p)
	return e != nil && e.Until().After(m.now)
}

// worthwhile says whether a direct path to the peer is worth having.
func (m *Machine) worthwhile(p *peer) bool {
	return !p.stopped && (p.byHand || p.used.Add(m.p.Optimization.IdleTimeout).After(m.now))
}

// findPeer returns the peer with an address of a home address, or nil.
func (m *Machine) findPeer(home, addr netip.Addr) *peer {
	for _, p := range m.peers {
		if p.addr == addr && p.home.addr() == home {
			return p
		}
	}
	return nil
}

// peerSeen takes the sight of traffic in the tunnel (RFC 6275 §11.7.2).
func (m *Machine) peerSeen(ev role.PeerSeen) {
	h := m.homeOf(ev.Pair.Local)
	if h == nil || !m.eligible(h, ev.Pair.Peer) || !m.p.Optimization.Policy.Permits(ev.Pair.Peer) {
		return
	}
	p := m.findPeer(h.addr(), ev.Pair.Peer)
	if p == nil {
		if h.stage != stageAway {
			return
		}
		if m.newPeers.Next(m.now).After(m.now) { // anybody can send us packets from many addresses
			m.count(role.CountPeersFull)
			return
		}
		m.newPeers.Note(m.now)
		if p = m.addPeer(h, ev.Pair.Peer); p == nil {
			return
		}
		text := "traffic with a new peer"
		if ev.Inbound {
			text = "traffic from a new peer"
		}
		m.notice(role.Notice{Kind: role.NoticePeerSeen, HoA: h.addr(), Peer: p.addr, Text: text})
	}
	p.used = m.now
}

func (m *Machine) homeOf(a netip.Addr) *home {
	for _, h := range m.homes {
		if h.addr() == a {
			return h
		}
	}
	return nil
}

// eligible says whether return routability can be done with an address at all.
// The home agent is reached directly as it is.
func (m *Machine) eligible(h *home, a netip.Addr) bool {
	return a.Is6() && a.IsGlobalUnicast() && a != h.homeAgent() && !m.isHomeAddress(a)
}

// addPeer makes room for one more peer. When there is no room, the one whose
// traffic is the longest ago gives way, unless it holds a binding of ours: then
// nobody does, and nil is returned.
func (m *Machine) addPeer(h *home, addr netip.Addr) *peer {
	if len(m.peers) >= m.p.Optimization.MaxPeers {
		m.count(role.CountPeersFull)
		var oldest *peer
		for _, p := range m.peers {
			if !m.held(p) && !p.byHand && (oldest == nil || p.used.Before(oldest.used)) {
				oldest = p
			}
		}
		if oldest == nil {
			return nil
		}
		m.dropPeer(oldest)
	}
	p := &peer{home: h, addr: addr, rate: bul.Rate{Max: m.p.MaxUpdateRate}}
	p.homeTest.rate.Max, p.careOfTest.rate.Max = m.p.MaxUpdateRate, m.p.MaxUpdateRate
	if !m.bul.Numbered(p.key()) {
		// §11.7.2: SHOULD start at a random value.
		m.bul.Seed(p.key(), binary.BigEndian.Uint16(m.random(2)))
	}
	m.peers = append(m.peers, p)
	return p
}

// dropPeer forgets a peer but for its sequence number. What it holds of ours, if
// anything, ends by itself.
func (m *Machine) dropPeer(p *peer) {
	m.clearDirect(p)
	m.bul.Remove(p.key())
	m.peers = slices.DeleteFunc(m.peers, func(x *peer) bool { return x == p })
	m.dropped = append(m.dropped, droppedPeer{p.key(), m.now.Add(rr.MaxNonceLifetime)})
}

// droppedPeer is one whose sequence number is remembered. While the tokens of
// our last Binding Update may be good, a smaller number would let that one,
// recorded by somebody on its way, come after all those that follow it.
type droppedPeer struct {
	key   bul.Key
	until time.Time
}

// forgetDropped forgets the sequence numbers whose time is over.
func (m *Machine) forgetDropped() {
	for len(m.dropped) > 0 && (m.due(m.dropped[0].until) || len(m.dropped) > maxDropped) {
		k := m.dropped[0].key
		m.dropped = m.dropped[1:]
		again := slices.ContainsFunc(m.dropped, func(d droppedPeer) bool { return d.key == k })
		if !again && m.findPeer(k.HomeAddress, k.Peer) == nil {
			m.bul.Forget(k)
		}
	}
}

// bar leaves a peer that can't or won't alone for a while (§11.3.5, §11.7.3).
func (m *Machine) bar(p *peer, n role.Notice) {
	p.barred = m.now.Add(m.p.Optimization.RetryAfter)
	p.endEffort()
	p.homeTest.token.drop()
	p.careOfTest.token.drop()
	if e := m.peerEntry(p); e != nil {
		e.Refuse()
	}
	n.Kind, n.HoA, n.Peer = role.NoticePeerRefused, p.home.addr(), p.addr
	m.notice(n)
}

// endEffort stops what is being transmitted to a peer.
func (p *peer) endEffort() {
	p.homeTest.stop()
	p.careOfTest.stop()
	p.target, p.due, p.backoff, p.resyncs = netip.Addr{}, time.Time{}, bul.Backoff{}, 0
}
