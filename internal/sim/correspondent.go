package sim

import (
	"net/netip"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// maxCNBindings bounds the correspondent's cache, and is soon reached.
const maxCNBindings = 8

var cnAddr = netip.MustParseAddr("2001:db8:c::2")

// correspondent is a correspondent node with a model of its kernel: the direct
// paths in force, by home address.
type correspondent struct {
	host
	w       *World
	directs map[netip.Addr]role.Direct
	refused map[netip.Addr]bool // the kernel has not taken the latest
	crashed time.Time
	newborn func() role.Machine
}

func newCorrespondent(w *World, newborn func() role.Machine) *correspondent {
	c := &correspondent{w: w, directs: make(map[netip.Addr]role.Direct), refused: make(map[netip.Addr]bool), newborn: newborn}
	c.host = host{w: &w.stage, name: "CN", machine: newborn(), carryOut: c.apply}
	return c
}

func (c *correspondent) apply(e role.Effect) error {
	w := c.w
	switch e := e.(type) {
	case role.SetDirect:
		if w.chance(w.faults.Kernel) {
			w.say("CN: kernel refuses the direct path to %s", e.Direct.Peer)
			return errKernel
		}
		w.say("CN: %s directly at %s", e.Direct.Peer, e.Direct.CareOf)
		w.directSet(e.Direct)
		c.directs[e.Direct.Peer] = e.Direct
		return w.half("CN", errKernel)
	case role.ClearDirect:
		w.say("CN: %s by the home agent", e.Pair.Peer)
		delete(c.directs, e.Pair.Peer)
	case role.AskTraffic:
		life := c.life
		w.after(time.Millisecond, func() {
			if c.life == life {
				c.step(role.TrafficSeen{Pair: e.Pair, Traffic: role.Traffic{PacketsOut: uint64(w.now.Sub(epoch) / time.Second)}})
			}
		})
	case role.Send:
		p := packet{src: e.Src, dst: e.Dst, home: e.HomeAddress, routing: e.RoutingHome, raw: e.Raw}
		if !owned(p.dst) { // a flood's answers are no story
			w.say("CN: sends %s", describe(p))
		}
		w.deliver(p)
	case role.Notice:
		w.say("CN: %s: %s", e.Kind, e.Text)
	}
	return nil
}

// restart crashes the correspondent; the next one sweeps the direct paths.
func (c *correspondent) restart() {
	c.w.say("CN: crashes")
	c.crashed = c.w.now
	c.crash(c.newborn())
	clear(c.directs)
	c.step(role.Start{})
}

// converse has a packet go each way now and then: what starts route
// optimisation, and what suffers when it is wrong.
func (w *World) converse() {
	w.toCorrespondent()
	w.toMobile()
	w.after(w.between(500*time.Millisecond, 2*time.Second), w.converse)
}

// toCorrespondent: a packet of the home address, directly or by the tunnel.
func (w *World) toCorrespondent() {
	m := w.mn
	if !m.up || m.dead {
		return
	}
	d, direct := m.directs[cnAddr]
	if !direct || d.until.Before(w.now) {
		if m.path.Mode == role.PathTunnelled {
			w.reverseTunnel(packet{src: hoa, dst: cnAddr}, m.path.CareOf)
			m.step(role.PeerSeen{Pair: role.Pair{Local: hoa, Peer: cnAddr}})
		}
		return
	}
	m.packets++
	if !prefixes[m.at].Contains(d.CareOf) || m.at == homeLink {
		w.fail("a packet leaves directly from %s on %s", d.CareOf, m.at)
		return
	}
	w.after(w.between(w.faults.DelayMin, w.faults.DelayMax), func() {
		if at, ok := w.cn.directs[hoa]; !ok || at.CareOf != d.CareOf {
			w.cn.step(role.UnknownHomeAddress{Local: cnAddr, HomeAddress: hoa, CareOf: d.CareOf})
		}
	})
}

// toMobile: a packet to the home address starts return routability as well,
// when it comes by the tunnel.
func (w *World) toMobile() {
	if d, ok := w.cn.directs[hoa]; ok {
		if w.mn.has(d.CareOf) {
			w.mn.packets++
		}
		return
	}
	w.intercepted(packet{src: cnAddr, dst: hoa})
	if b, ok := w.ha.bindings[hoa]; ok && w.mn.has(b.CareOf) && w.mn.path.Mode == role.PathTunnelled && w.chance(0.5) {
		w.mn.step(role.PeerSeen{Pair: role.Pair{Local: hoa, Peer: cnAddr}, Inbound: true})
	}
}

// directSet: the correspondent sends nobody's packets where their mobile node
// did not ask for it, after a test of that address; and nothing older undoes
// what was asked for later.
func (w *World) directSet(d role.Direct) {
	if d.Peer != hoa {
		if !owned(d.Peer) || !owned(d.CareOf) {
			w.fail("the correspondent believes that %s is at %s", d.Peer, d.CareOf)
		}
		return
	}
	r := &w.record
	n, asked := r.cnOrder[update{w.sequenceOf(hoa), d.CareOf}]
	switch {
	case !asked:
		w.fail("a direct path of %s at %s that its mobile node never asked for", d.Peer, d.CareOf)
	case !r.tested[d.CareOf]:
		w.fail("a direct path at %s, which was not tested", d.CareOf)
	case n < r.cnSet && w.now.Sub(w.mn.crashed) > rr.MaxNonceLifetime && w.cn.crashed.Before(r.cnSetAt):
		// A mobile node that lost its memory numbers anew, and a Binding Update
		// that never arrived is good while its tokens are.
		w.fail("binding update %d to the correspondent comes into force after %d", n, r.cnSet)
	}
	r.cnSet, r.cnSetAt = n, w.now
	w.bounded()
}

// sequenceOf is the sequence number of the Binding Update that the correspondent
// has just taken.
func (w *World) sequenceOf(home netip.Addr) uint16 { return w.record.cnTaking[home] }

// bounded: whatever anybody sends, the correspondent remembers a bounded amount.
func (w *World) bounded() {
	if n := len(w.cn.directs); n > maxCNBindings+1 { // the new one before the old one goes
		w.fail("%d bindings at the correspondent", n)
	}
}

// cnTakes notes a Binding Update that is about to be handed to the
// correspondent.
func (w *World) cnTakes(p packet) {
	if bu, ok := parseBU(p); ok {
		home := p.src
		if p.home.IsValid() {
			home = p.home
		}
		w.record.cnTaking[home] = bu.Sequence
	}
}

// testPassed notes a Care-of Test that has reached the address it was sent to.
func (w *World) testPassed(p packet) {
	msg, err := mh.Parse(p.raw)
	if _, ok := msg.(*mh.CareOfTest); err == nil && ok {
		w.record.tested[p.dst] = true
	}
}
