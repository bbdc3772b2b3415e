package mn

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/role"
)

// Machine is a mobile node. It implements role.Machine.
type Machine struct {
	p        Params
	rand     io.Reader
	links    []*link // the managed interfaces that exist, best first
	homes    []*home
	stateful []*stateful   // homes whose address is DHCPv6's
	leased   []leased      // what its client has configured
	peers    []*peer       // correspondents, oldest first
	dropped  []droppedPeer // the first to be forgotten first
	bul      bul.List
	rates    map[netip.Addr]*bul.Rate // Binding Updates to each home agent
	there    map[address]bool         // what the kernel has and lets us use
	ids      role.ID
	memory   memory

	errors   bul.Rate // Binding Errors sent, to anyone
	newPeers bul.Rate // correspondents begun with because of their traffic

	// heard counts advertisements. Events of one batch share their time; the
	// count keeps their order.
	heard uint64

	started, stopped bool

	// Of the Step in progress. Notices and counts wait behind the rest, so
	// that no log line stands between a care-of address and its Binding
	// Update.
	now   time.Time
	out   []role.Effect
	notes []role.Effect
}

var _ role.Machine = (*Machine)(nil)

// New returns a mobile node. Randomness for sequence numbers, interface
// identifiers and timestamps comes from rand, which must not fail.
func New(p Params, rand io.Reader) *Machine {
	m := &Machine{p: p.withDefaults(), rand: rand, rates: make(map[netip.Addr]*bul.Rate), there: make(map[address]bool)}
	m.memory = memory{
		kept: make(map[bul.Key]role.ListEntry), waiting: make(map[role.ID]bul.Key), earlier: make(map[netip.Addr][]role.ListEntry),
	}
	m.errors.Max, m.newPeers.Max = maxErrorRate, maxNewPeers
	for _, cfg := range m.p.Homes {
		if cfg.Stateful {
			m.stateful = append(m.stateful, &stateful{Home: cfg})
			continue
		}
		h := newHome(cfg)
		m.homes = append(m.homes, h)
		// Unless role.Restored tells what an earlier run sent: start anywhere,
		// and let status 135 correct us (RFC 6275 §11.7.1).
		m.bul.Seed(h.key(), binary.BigEndian.Uint16(m.random(2)))
	}
	return m
}

// Step implements role.Machine.
func (m *Machine) Step(now time.Time, ev role.Event) []role.Effect {
	m.now, m.out, m.notes = now, nil, nil
	if m.stopped {
		return nil
	}
	switch ev := ev.(type) {
	case role.Start:
		m.started = true
	case role.Restored:
		m.restored(ev)
	case role.Stop:
		m.stop()
		m.remember()
		return m.take()
	case role.Done:
		m.done(ev)
	case role.LinkUp:
		m.linkUp(ev)
	case role.LinkDown:
		m.linkDown(ev)
	case role.RouterSeen:
		m.routerSeen(ev)
	case role.NeighborAdvertised:
		m.neighborAdvertised(ev)
	case role.RouterUnreachable:
		m.routerUnreachable(ev)
	case role.AddressReady:
		m.addressReady(ev)
	case role.DADFailed:
		m.dadFailed(ev)
	case role.AddressGone:
		m.addressGone(ev)
	case role.MessageIn:
		m.messageIn(ev)
	case role.ICMPIn:
		m.icmpIn(ev)
	case role.KeysMade:
		m.keysMade(ev)
	case role.PeerSeen:
		m.peerSeen(ev)
	case role.TrafficSeen:
		m.trafficSeen(ev)
	case StartOptimization:
		m.startOptimization(ev.Peer)
	case StopOptimization:
		m.stopOptimization(ev.Peer)
	case FlushPeer:
		m.flushPeer(ev.Peer)
	}
	if m.started {
		m.settle()
		m.remember()
	}
	return m.take()
}

func (m *Machine) take() []role.Effect {
	effects := append(m.out, m.notes...)
	m.out, m.notes = nil, nil
	return effects
}

// Deadline implements role.Machine.
func (m *Machine) Deadline() time.Time {
	if !m.started || m.stopped {
		return time.Time{}
	}
	var d deadline
	d.add(m.bul.Next())
	for _, l := range m.links {
		m.linkDeadlines(l, &d)
	}
	for _, h := range m.homes {
		m.homeDeadlines(h, &d)
	}
	for _, p := range m.peers {
		d.add(p.next)
	}
	d.add(m.memory.retry)
	if len(m.dropped) > 0 {
		d.add(m.dropped[0].until)
	}
	return d.at
}

// deadline is the earliest of some times; the zero time is never.
type deadline struct{ at time.Time }

func (d *deadline) add(t time.Time) {
	if !t.IsZero() && (d.at.IsZero() || t.Before(d.at)) {
		d.at = t
	}
}

// noTime is never.
var noTime time.Time

// due says whether a time has come; the zero time never does.
func (m *Machine) due(t time.Time) bool { return !t.IsZero() && !t.After(m.now) }

func (m *Machine) emit(e role.Effect) { m.out = append(m.out, e) }

func (m *Machine) count(c role.Counter) { m.notes = append(m.notes, role.Count{Counter: c}) }

func (m *Machine) notice(n role.Notice) { m.notes = append(m.notes, n) }

func (m *Machine) id() role.ID {
	m.ids++
	return m.ids
}

// random returns n random octets.
func (m *Machine) random(n int) []byte {
	b := make([]byte, n)
	// A source that runs dry leaves zeros, which are poor but harmless: none
	// of these values is a secret.
	_, _ = io.ReadFull(m.rand, b)
	return b
}

// done takes the answer to an effect.
func (m *Machine) done(ev role.Done) {
	if ev.ID == 0 || m.stored(ev.ID, ev.Err) || m.leaseStored(ev.ID, ev.Err) {
		return
	}
	for _, h := range m.homes {
		if h.pathID == ev.ID {
			m.pathDone(h, ev.Err)
			return
		}
	}
	for _, l := range m.links {
		if c := l.careOf; c != nil && c.id == ev.ID {
			m.careOfDone(l, c, ev.Err)
			return
		}
	}
	for _, p := range m.peers {
		if p.path.id == ev.ID {
			m.directDone(p, ev.Err)
			return
		}
	}
}

// fault tells of something the kernel refused.
func (m *Machine) fault(n role.Notice, doing string, err error) {
	n.Kind, n.Warn, n.Text = role.NoticeFault, true, fmt.Sprintf("%s: %v", doing, err)
	m.notice(n)
}

// stop ends the run. What is in force stays so for the next one, unless it is
// to be released (Params.ReleaseOnStop).
func (m *Machine) stop() {
	m.stopped = true
	if !m.p.ReleaseOnStop || !m.started {
		return
	}
	for _, p := range m.peers {
		m.releasePeer(p)
	}
	for _, h := range m.homes {
		m.release(h)
	}
	for _, l := range m.links {
		for _, c := range l.careOfs() {
			m.emit(role.RemoveCareOf{Ifindex: l.ifindex, Addr: c.addr})
		}
		if l.linkLocal.IsValid() {
			m.emit(role.RemoveCareOf{Ifindex: l.ifindex, Addr: l.linkLocal})
		}
		if len(l.share.Routers) > 0 {
			m.emit(role.ShareRouters{Ifindex: l.ifindex})
		}
	}
}
