package sim

import (
	"net/netip"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/xfrmmig"
)

// place is a link that a mobile node can be on.
type place int

const (
	nowhere place = iota
	homeLink
	foreign1
	foreign2
)

func (p place) String() string { return [...]string{"nowhere", "home", "foreign1", "foreign2"}[p] }

var (
	hoa      = netip.MustParseAddr("2001:db8:1::100")
	haAddr   = netip.MustParseAddr("2001:db8:1::1")
	attacker = netip.MustParseAddr("2001:db8:bad::1")
	prefixes = map[place]netip.Prefix{
		homeLink: netip.MustParsePrefix("2001:db8:1::/64"),
		foreign1: netip.MustParsePrefix("2001:db8:f1::/64"),
		foreign2: netip.MustParsePrefix("2001:db8:f2::/64"),
	}
)

// packet is a Mobility Header message on its way, with wire addresses.
type packet struct {
	src, dst, home, routing netip.Addr
	raw                     []byte
	sealed                  *xfrmmig.SA // what it is encrypted with; in tunnel mode its addresses are the outer ones
}

// network carries packets, badly.
type network struct {
	recorded []packet                  // Binding Updates that the attacker saw
	toCN     []packet                  // and of those to the correspondent
	harvest  map[netip.Addr]mh.Message // what comes back to the attacker at once, while it is wanted
}

// deliver takes a packet through the network.
func (w *World) deliver(p packet) {
	if w.network.harvest != nil && owned(p.dst) {
		if msg, err := mh.Parse(p.raw); err == nil {
			w.network.harvest[p.dst] = msg
			w.testPassed(p)
		}
		return
	}
	copies := 1
	switch {
	case w.chance(w.faults.Loss):
		if !owned(p.dst) {
			w.say("network: drops %s", describe(p))
		}
		return
	case w.chance(w.faults.Duplicate):
		copies = 2
	}
	for range copies {
		w.after(w.between(w.faults.DelayMin, w.faults.DelayMax), func() { w.arrive(p) })
	}
}

func (w *World) arrive(p packet) {
	in := role.MessageIn{Src: p.src, Dst: p.dst, HomeAddress: p.home, RoutingHome: p.routing, Raw: p.raw}
	switch {
	case p.dst == haAddr:
		in.Ifindex = 1
		if w.ha.takes(w, xfrmmig.In, p, &in) {
			w.ha.step(in)
		}
	case p.dst == cnAddr:
		w.cnTakes(p)
		w.cn.step(in)
	case p.dst == hoa && w.intercepted(p):
	case w.mn.has(p.dst):
		in.Ifindex = mnIfindex
		w.testPassed(p)
		if w.mn.takes(w, xfrmmig.In, p, &in) {
			w.mn.step(in)
		}
	case owned(p.dst):
		w.testPassed(p)
	default:
		w.say("network: nobody has %s", p.dst)
	}
}

// intercepted: a packet to the home address goes into the tunnel while there is
// a binding, and comes out where that ends.
func (w *World) intercepted(p packet) bool {
	b, bound := w.ha.bindings[hoa]
	if !bound {
		return false
	}
	end := b.CareOf
	if !w.ha.protect(w, &p, true) {
		return true
	}
	if p.sealed != nil && p.sealed.Mode == xfrmmig.Tunnel {
		end = p.sealed.Dst
	}
	w.after(w.between(w.faults.DelayMin, w.faults.DelayMax), func() {
		in := role.MessageIn{Ifindex: mnIfindex, Src: p.src, Dst: p.dst, Tunnelled: true, Raw: p.raw}
		if w.mn.has(end) && w.mn.path.Mode == role.PathTunnelled && w.mn.takes(w, xfrmmig.In, p, &in) && len(p.raw) > 0 {
			w.mn.step(in)
		}
	})
	return true
}

// reverseTunnel takes a packet of the home address to the home agent, which
// lets it out where it comes from the registered care-of address.
func (w *World) reverseTunnel(p packet, careOf netip.Addr) {
	if !w.mn.protect(w, &p, true) {
		return
	}
	if p.sealed != nil {
		careOf = p.sealed.Src
	}
	w.after(w.between(w.faults.DelayMin, w.faults.DelayMax), func() {
		var in role.MessageIn
		if b, bound := w.ha.bindings[hoa]; bound && b.CareOf == careOf && w.ha.takes(w, xfrmmig.Forward, p, &in) && len(p.raw) > 0 {
			p.sealed = nil
			w.deliver(p)
		}
	})
}

// advertise has the router of a link speak. Whoever left the link meanwhile
// does not hear it.
func (w *World) advertise(at place, delay time.Duration) {
	if w.chance(w.faults.Loss) {
		return
	}
	arrival := w.mn.arrivals
	w.after(delay, func() {
		if w.mn.up && w.mn.at == at && w.mn.arrivals == arrival {
			w.mn.step(role.RouterSeen{Ifindex: mnIfindex, Router: routerOf(at), RA: advertisement(at)})
		}
	})
}

func routerOf(at place) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: byte(at)})
}

func advertisement(at place) *icmp6.RouterAdvertisement {
	ra := &icmp6.RouterAdvertisement{RouterLifetime: 1800 * time.Second, HomeAgent: at == homeLink}
	ra.Options = icmp6.Options{
		icmp6.SourceLinkLayerAddress{LinkAddr: []byte{2, 0, 0, 0, 0, byte(at)}},
		icmp6.PrefixInformation{
			Length: 64, OnLink: true, Autonomous: true, Prefix: prefixes[at].Addr(),
			Valid: 24 * time.Hour, Preferred: 12 * time.Hour,
		},
	}
	return ra
}

// beacon has the routers of all links advertise for ever.
func (w *World) beacon() {
	w.advertise(w.mn.at, 0)
	w.after(w.between(w.faults.BeaconMin, w.faults.BeaconMax), w.beacon)
}

func describe(p packet) string {
	what := "?"
	if m, err := mh.Parse(p.raw); err == nil {
		what = m.Type().String()
		switch m := m.(type) {
		case *mh.BindingUpdate:
			what += " seq " + itoa(int(m.Sequence)) + " lifetime " + m.Lifetime.String()
		case *mh.BindingAcknowledgement:
			what += " status " + itoa(int(m.Status)) + " seq " + itoa(int(m.Sequence)) + " lifetime " + m.Lifetime.String()
		}
	}
	return what + " " + p.src.String() + " → " + p.dst.String()
}
