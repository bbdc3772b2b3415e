package mn

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/role"
)

const (
	// A sequence number is stored that is sequencesAhead of the last one used, and
	// again when less than sequencesLeft are left: Binding Updates don't wait for
	// the store, and the next run goes on above all of them. The window is 32768
	// wide (RFC 6275 §9.5.1).
	sequencesAhead = 64
	sequencesLeft  = 16

	// resumeTime is for how long a tunnel of an earlier run is left as it is, at most:
	// enough for a router to answer a solicitation. Nothing leaves untunnelled by it.
	resumeTime = 3 * time.Second

	// storeRetry is when what the store refused is stored again.
	storeRetry = time.Second
)

// memory is what the next run will know.
type memory struct {
	kept    map[bul.Key]role.ListEntry // as stored
	waiting map[role.ID]bul.Key
	retry   time.Time // not before, after a failure; zero: at once

	// earlier is what the run before has left, by home address: home addresses of
	// other prefixes come later.
	earlier map[netip.Addr][]role.ListEntry

	strays []role.Lease // of another configuration, to be forgotten
}

// remember has stored what differs from what the next run would know. It stands
// behind everything else of a Step: Binding Updates have left by then.
func (m *Machine) remember() {
	if m.memory.retry.After(m.now) {
		return
	}
	m.memory.retry = time.Time{}
	m.rememberLeases()
	for _, h := range m.homes {
		if h.homeAgent().IsValid() {
			m.keep(h.key(), true, h)
		}
	}
	for _, p := range m.peers {
		m.keep(p.key(), false, p.home)
	}
	for _, k := range slices.SortedFunc(maps.Keys(m.memory.kept), compareKeys) {
		if !m.bul.Numbered(k) {
			delete(m.memory.kept, k)
			m.emit(role.StoreListEntry{Entry: role.ListEntry{HomeAddress: k.HomeAddress, Peer: k.Peer}, Drop: true})
		}
	}
}

func compareKeys(a, b bul.Key) int {
	if c := a.HomeAddress.Compare(b.HomeAddress); c != 0 {
		return c
	}
	return a.Peer.Compare(b.Peer)
}

// keep stores one entry, if it is news.
func (m *Machine) keep(k bul.Key, home bool, h *home) {
	was, known := m.memory.kept[k]
	want := role.ListEntry{HomeAddress: k.HomeAddress, Peer: k.Peer, Home: home, Sequence: was.Sequence}
	last := m.bul.Sequence(k)
	if ahead := was.Sequence - last; !known || ahead < sequencesLeft || ahead > sequencesAhead {
		want.Sequence = last + sequencesAhead
	}
	if home {
		want.Stamp, want.Offset, want.IPv4HomeAddress = h.clock.last, h.clock.offset, h.ipv4.addr
	}
	if e := m.bul.Get(k); e != nil && e.Until().After(m.now) {
		want.CareOf, want.Until = e.CareOf, e.Until()
		// On the home link no tunnel is to be gone on with.
		if e.Registered(m.now) && e.Bound == e.CareOf && e.BoundUntil.Equal(e.Until()) && !(home && h.stage.atHome()) {
			want.Granted = e.Granted
		}
	}
	if known && sameEntry(was, want) {
		return
	}
	m.memory.kept[k] = want
	id := m.id()
	m.memory.waiting[id] = k
	m.emit(role.StoreListEntry{ID: id, Entry: want})
}

func sameEntry(a, b role.ListEntry) bool {
	until := a.Until.Equal(b.Until)
	a.Until, b.Until = time.Time{}, time.Time{}
	return until && a == b
}

// stored is the store's answer. What it refused is stored later; meanwhile all goes
// on, as nobody was promised anything.
func (m *Machine) stored(id role.ID, err error) bool {
	k, ok := m.memory.waiting[id]
	delete(m.memory.waiting, id)
	if ok && err != nil {
		delete(m.memory.kept, k)
		m.memory.retry = m.now.Add(storeRetry)
	}
	return ok
}

// restored takes what an earlier run has stored.
func (m *Machine) restored(ev role.Restored) {
	for _, e := range ev.Entries {
		m.memory.earlier[e.HomeAddress] = append(m.memory.earlier[e.HomeAddress], e)
	}
	for _, h := range m.homes {
		m.recall(h)
	}
	for _, l := range ev.Leases {
		m.restoreLease(l)
	}
	for _, e := range ev.Entries {
		if p := m.findPeer(e.HomeAddress, e.Peer); !e.Home && (p == nil || !p.path.earlier) {
			m.emit(role.ClearDirect{Pair: role.Pair{Local: e.HomeAddress, Peer: e.Peer}, Side: role.Ours})
		}
	}
}

// recall goes on from what an earlier run knew of a home address: above its sequence
// numbers, with its home agent, and with its correspondents, which send to where we
// were.
func (m *Machine) recall(h *home) {
	entries := m.memory.earlier[h.addr()]
	delete(m.memory.earlier, h.addr())
	if h.discovers() {
		h.found.agent = m.lastAgent(entries)
	}
	for _, e := range entries {
		k := bul.Key{Peer: e.Peer, HomeAddress: e.HomeAddress}
		m.memory.kept[k] = e
		bound := e.Until.After(m.now) && e.CareOf.IsValid()
		switch {
		case e.Home && e.Peer == h.homeAgent():
			m.bul.Seed(k, e.Sequence)
			h.clock.last, h.clock.offset = e.Stamp, e.Offset
			h.clock.on = h.clock.on || e.Stamp != 0 && h.Auth != nil
			if bound {
				m.bul.Restore(k, true, e.CareOf, e.Until, e.Granted)
			}
			if bound && h.IPv4 != nil && (h.IPv4.Addr == e.IPv4HomeAddress || h.IPv4.Addr.IsUnspecified()) {
				h.ipv4.addr = e.IPv4HomeAddress
			}
			if bound && e.Granted > 0 {
				h.resumed = m.now.Add(resumeTime)
			}
		case e.Home && !h.discovers():
			m.bul.Seed(k, e.Sequence) // of a home agent that may be configured again
		case bound && !e.Home && m.eligible(h, e.Peer) && m.p.Optimization.Policy.Permits(e.Peer):
			m.bul.Seed(k, e.Sequence)
			if p := m.addPeer(h, e.Peer); p != nil {
				m.bul.Restore(k, false, e.CareOf, e.Until, e.Granted)
				p.used, p.refresh = m.now, m.now // its tokens are gone with the run
				if e.Granted > 0 {
					p.path = directPath{careOf: e.CareOf, until: e.Until, earlier: true}
				}
			}
		}
		// What has no sequence number now is forgotten in the store, too.
	}
}

// lastAgent is the home agent that was found and may hold a binding; the registration
// is renewed there first (§11.4.1: MUST).
func (m *Machine) lastAgent(entries []role.ListEntry) (agent netip.Addr) {
	until := m.now
	for _, e := range entries {
		if e.Home && e.Until.After(until) {
			agent, until = e.Peer, e.Until
		}
	}
	return agent
}
