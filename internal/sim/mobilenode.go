package sim

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/datapath"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

const mnIfindex = 7

// mobileNode is a mobile node with a model of its kernel: one interface, its
// care-of addresses, and the path of the home address.
type mobileNode struct {
	host
	w *World
	ipsec
	at       place
	up       bool
	arrivals int                 // how often the link changed
	addrs    map[netip.Addr]bool // care-of addresses; true: ready
	path     role.HomePath
	refused  bool // the kernel has not taken the latest path
	directs  map[netip.Addr]direct
	packets  uint64                        // on the direct path
	stored   map[netip.Addr]role.ListEntry // by peer
	crashed  time.Time
	unkept   bool // the store has refused the latest of its registration: the next run is misled
	misled   bool // this run goes on with what was not the latest, until it asks for a path
	unborn   bool // the next run has not begun yet: nobody has seen what has become of the links
	newborn  func() role.Machine
}

// direct is a direct path in force; the kernel ends it by itself.
type direct struct {
	role.Direct
	until time.Time
}

func newMobileNode(w *World, newborn func() role.Machine) *mobileNode {
	m := &mobileNode{w: w, addrs: make(map[netip.Addr]bool), directs: make(map[netip.Addr]direct), stored: make(map[netip.Addr]role.ListEntry), newborn: newborn, crashed: epoch.Add(-time.Hour)}
	m.host = host{w: &w.stage, name: "MN", machine: newborn(), carryOut: m.apply, reborn: m.restart}
	return m
}

func (m *mobileNode) apply(e role.Effect) error {
	w := m.w
	switch e := e.(type) {
	case role.SolicitRouter:
		if m.up {
			w.advertise(m.at, w.between(time.Millisecond, 20*time.Millisecond))
		}
	case role.AddCareOf:
		if w.chance(w.faults.Kernel) {
			return errKernel
		}
		a := e.Prefix.Addr()
		if _, there := m.addrs[a]; !there {
			m.addrs[a] = false
		}
		w.after(w.between(time.Millisecond, 5*time.Millisecond), func() { m.detected(a) })
	case role.RemoveCareOf:
		delete(m.addrs, e.Addr)
		life := m.life
		w.after(time.Millisecond, func() {
			if _, there := m.addrs[e.Addr]; m.life == life && !there {
				m.step(role.AddressGone{Ifindex: mnIfindex, Addr: e.Addr})
			}
		})
	case role.SetHomePath:
		err := errors.Join((&datapath.MobileNode{Paths: paths{m}, Tunnels: m.guard}).Apply([]role.Effect{e})...)
		m.refused = err != nil
		if err != nil {
			return err
		}
		return w.half("MN", errKernel)
	case role.SetDirect:
		if w.chance(w.faults.Kernel) {
			w.say("MN: kernel refuses the direct path to %s", e.Direct.Peer)
			return errKernel
		}
		w.say("MN: %s directly from %s", e.Direct.Peer, e.Direct.CareOf)
		m.directs[e.Direct.Peer] = direct{e.Direct, w.now.Add(e.Direct.Lifetime)}
		return w.half("MN", errKernel)
	case role.ClearDirect:
		w.say("MN: %s by the home agent", e.Pair.Peer)
		delete(m.directs, e.Pair.Peer)
	case role.StoreListEntry:
		refused := w.chance(w.faults.Kernel)
		if e.Entry.Home {
			m.unkept = refused
		}
		if refused {
			return errStore
		}
		if m.stored[e.Entry.Peer] = e.Entry; e.Drop {
			delete(m.stored, e.Entry.Peer)
		}
		return w.half("MN", errStore)
	case role.AskTraffic:
		life := m.life
		w.after(time.Millisecond, func() {
			if m.life == life {
				m.step(role.TrafficSeen{Pair: e.Pair, Traffic: role.Traffic{PacketsOut: m.packets}})
			}
		})
	case role.Send:
		p := packet{src: e.Src, dst: e.Dst, home: e.HomeAddress, routing: e.RoutingHome, raw: e.Raw}
		w.say("MN: sends %s", describe(p))
		m.sent(p)
	case role.Notice:
		w.say("MN: %s: %s", e.Kind, e.Text)
	}
	return nil
}

// paths is the part of the kernel's model that has the home address's path.
type paths struct{ *mobileNode }

// Apply implements datapath.Applier.
func (m paths) Apply(effects []role.Effect) []error {
	p := effects[0].(role.SetHomePath).Path
	if m.w.chance(m.w.faults.Kernel) {
		m.w.say("MN: kernel refuses path %s", p.Mode)
		return []error{errKernel}
	}
	m.setPath(p)
	return nil
}

// detected ends an address's duplicate address detection.
func (m *mobileNode) detected(a netip.Addr) {
	if _, there := m.addrs[a]; !there {
		return
	}
	if m.w.chance(m.w.faults.Duplicates) {
		delete(m.addrs, a)
		m.w.say("MN: %s is a duplicate", a)
		m.step(role.DADFailed{Ifindex: mnIfindex, Addr: a})
		return
	}
	m.addrs[a] = true
	m.step(role.AddressReady{Ifindex: mnIfindex, Addr: a})
}

// setPath changes the home address's path; at home the kernel may probe for it.
func (m *mobileNode) setPath(p role.HomePath) {
	m.misled = false
	if p.Mode != m.path.Mode || p.CareOf != m.path.CareOf {
		m.w.say("MN: path %s %s", p.Mode, p.CareOf)
	}
	m.path = p
	if p.Mode != role.PathHome || !p.DAD {
		return
	}
	life, arrival := m.life, m.arrivals
	m.w.after(dadTime, func() {
		if m.life != life || m.arrivals != arrival || m.path.Mode != role.PathHome {
			return
		}
		if _, defended := m.w.ha.bindings[hoa]; defended || m.w.faults.Squatter {
			m.w.say("MN: the home address is a duplicate")
			m.step(role.DADFailed{Ifindex: mnIfindex, Addr: hoa})
			return
		}
		m.step(role.AddressReady{Ifindex: mnIfindex, Addr: hoa})
	})
}

// sent puts a packet on the link, where only addresses of the link leave.
func (m *mobileNode) sent(p packet) {
	w := m.w
	if p.src == hoa && m.up && m.path.Mode == role.PathTunnelled {
		w.reverseTunnel(p, m.path.CareOf)
		return
	}
	if p.src == hoa && (!m.up || m.at != homeLink) {
		if m.up && m.path.Mode != role.PathBlocked && !m.refused {
			w.fail("a packet from the home address leaves untunnelled on %s", m.at)
		}
		return
	}
	if !m.up || p.src != hoa && !prefixes[m.at].Contains(p.src) {
		w.say("network: %s is no source on %s", p.src, m.at)
		return
	}
	if !m.protect(w, &p, false) {
		return
	}
	if bu, ok := parseBU(p); ok {
		w.updateSent(p, bu)
	}
	w.deliver(p)
}

func parseBU(p packet) (*mh.BindingUpdate, bool) {
	msg, err := mh.Parse(p.raw)
	if err != nil {
		return nil, false
	}
	bu, ok := msg.(*mh.BindingUpdate)
	return bu, ok
}

// has says whether a packet to an address arrives here.
func (m *mobileNode) has(a netip.Addr) bool {
	if !m.up {
		return false
	}
	if a == hoa {
		return m.at == homeLink && (m.path.Mode == role.PathHome || m.path.Mode == role.PathAnswering)
	}
	_, there := m.addrs[a]
	return there && prefixes[m.at].Contains(a)
}

// move takes the mobile node to another link.
func (m *mobileNode) move(to place, gap time.Duration) {
	w := m.w
	w.say("move: %s → %s", m.at, to)
	m.arrivals++
	if m.up {
		m.up = false
		m.step(role.LinkDown{Ifindex: mnIfindex})
	}
	m.at = to
	arrival := m.arrivals
	if to == nowhere {
		return
	}
	w.after(gap, func() {
		if m.arrivals == arrival {
			m.up = true
			m.step(m.linkUp())
		}
	})
}

func (m *mobileNode) linkUp() role.LinkUp {
	return role.LinkUp{Ifindex: mnIfindex, Name: "eth0", LinkAddr: []byte{2, 0, 0, 0, 0, 0x42}}
}

// restart begins the next run, which is told what the store has and what is there.
func (m *mobileNode) restart() {
	m.w.say("MN: starts again (store: %v)", m.w.faults.Store)
	m.crashed = m.w.now
	clear(m.directs)
	m.unborn, m.misled = true, m.unkept
	m.crash(m.newborn())
	m.begin(m.w)
	if !m.w.faults.Store {
		clear(m.stored)
	}
	var ev role.Restored
	for _, peer := range slices.SortedFunc(maps.Keys(m.stored), netip.Addr.Compare) {
		ev.Entries = append(ev.Entries, m.stored[peer])
	}
	m.step(ev)
	m.unborn = false
	m.step(role.Start{})
	if m.up {
		m.step(m.linkUp())
	}
	// In an order that the seed decides, not the map.
	for _, a := range slices.SortedFunc(maps.Keys(m.addrs), netip.Addr.Compare) {
		if m.addrs[a] {
			m.step(role.AddressReady{Ifindex: mnIfindex, Addr: a})
		}
	}
}
