package sim

import (
	"net/netip"

	"mip6d/internal/datapath"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/xfrmmig"
)

// Protocols of what is sent: the Mobility Header (RFC 6275 §6.1.1), and payload, which has
// no octets here.
const (
	protoMH  = 135
	protoUDP = 17
)

// signalling is the security association of the mobile node's signalling, by its mark.
var signalling = xfrmmig.Number(0).Reqid(xfrmmig.ForSignalling)

// ipsec is one side's IPsec: the guard of the daemon, and the kernel's model that it
// works on and that outlives it.
type ipsec struct {
	end     xfrmmig.End
	name    string
	payload bool
	model   *xfrmmig.Model
	guard   *tunnels
	refuses func() error
}

// tunnels are a guard's, with what a mutant makes of them.
type tunnels struct {
	*xfrmmig.Guard
	datapath.Tunnels
}

func (t *tunnels) SetTunnels(home, careOf netip.Addr, keyMgmt bool) error {
	return t.Tunnels.SetTunnels(home, careOf, keyMgmt)
}
func (t *tunnels) ClearTunnels(home netip.Addr) error { return t.Tunnels.ClearTunnels(home) }

// Set is the guard's, by way of the mutant.
func (t *tunnels) Set(list []role.Binding) (errs []error) {
	for _, b := range list {
		errs = append(errs, t.SetTunnels(b.HomeAddress, b.CareOf, b.KeyMgmt))
	}
	return errs
}

// Clear as well.
func (t *tunnels) Clear(list []netip.Addr) (errs []error) {
	for _, a := range list {
		errs = append(errs, t.ClearTunnels(a))
	}
	return errs
}

// protected makes one, empty.
func (x *ipsec) protected(w *World, end xfrmmig.End, name string, refuses func() error) {
	*x = ipsec{end: end, name: name, payload: w.faults.Payload, model: &xfrmmig.Model{NoMigration: w.faults.NoMigration}, refuses: refuses}
	x.begin(w)
}

// begin is that of a daemon: policies and associations come into force before anything
// is heard. A daemon that fails in that does not run.
func (x *ipsec) begin(w *World) {
	x.model.Refuse = nil
	g := xfrmmig.NewModelGuard(x.model, x.end)
	x.guard = &tunnels{Guard: g, Tunnels: g}
	if w.mutants.IPsec != nil {
		x.guard.Tunnels = w.mutants.IPsec(x.name, g)
	}
	if !w.faults.IPsec {
		return
	}
	if !w.mutants.Naked {
		if err := g.Protect([]xfrmmig.Protection{protection(w.faults.Payload)}); err != nil {
			w.fail("%s: %v", x.name, err)
		}
	}
	x.model.Refuse = x.refuses
}

// protection is that of the mobile node's signalling and return routability, and of payload
// if wanted.
func protection(payload bool) xfrmmig.Protection {
	p := xfrmmig.Protection{HomeAddress: hoa, HomeAgent: haAddr}
	for i, u := range xfrmmig.Purposes {
		if u == xfrmmig.ForPayload && !payload {
			continue
		}
		spi := uint32(300 + 2*i)
		p.Pairs[u] = xfrmmig.Pair{ToHomeAgent: xfrmmig.Key{SPI: spi}, ToMobileNode: xfrmmig.Key{SPI: spi + 1}}
	}
	return p
}

// flow is what policies see of a message: Binding Updates of a protected home address
// get their Home Address option after them (xfrmmig.Outgoing), other messages before.
func (p packet) flow() xfrmmig.Packet {
	f := xfrmmig.Packet{Src: p.src, Dst: p.dst, Proto: protoUDP}
	if len(p.raw) > 2 {
		f.Proto, f.Type = protoMH, p.raw[2]
	}
	if p.home.IsValid() && p.dst == haAddr {
		f.Src = p.home
	}
	if p.routing.IsValid() {
		f.Dst = p.routing
	}
	return f
}

// protect encrypts what a policy wants encrypted, and says whether the packet leaves, by
// the tunnel or as it is.
func (x *ipsec) protect(w *World, p *packet, tunnelled bool) bool {
	if !w.faults.IPsec {
		return true
	}
	through, clear := x.model.Output(p.flow())
	p.sealed = through
	switch {
	case clear && (p.secret(tunnelled) || w.faults.Payload && tunnelled):
		w.fail("%s: %s leaves in clear", x.name, describe(*p))
	case through == nil && !clear:
		w.say("%s: no security association for %s", x.name, describe(*p))
	}
	return through != nil || clear
}

// secret says whether RFC 3776 §4.1 wants a message protected: Binding Updates and
// Acknowledgements between home address and home agent, and Home Test Init and Home
// Test in the tunnel.
func (p packet) secret(tunnelled bool) bool {
	agent := p.flow().Src == hoa && p.dst == haAddr || p.src == haAddr && p.flow().Dst == hoa
	switch mh.Type(p.flow().Type) {
	case mh.TypeBindingUpdate, mh.TypeBindingAcknowledgement:
		return agent
	case mh.TypeHomeTestInit, mh.TypeHomeTest:
		return tunnelled
	}
	return false
}

// takes decrypts a packet, and says whether policies let it in.
func (x *ipsec) takes(w *World, d xfrmmig.Dir, p packet, in *role.MessageIn) bool {
	if !w.faults.IPsec {
		return true
	}
	f := p.flow()
	if p.home.IsValid() {
		f.Src = p.home
	}
	var sa *xfrmmig.SA
	if p.sealed != nil {
		to := p.sealed.Dst
		if sa = x.model.Open(to, p.sealed.SPI); sa == nil {
			w.say("%s: no security association with SPI %d at %s", x.name, p.sealed.SPI, to)
			return false
		}
		in.SA = sa.Mark
	}
	if !x.model.Input(d, f, sa) {
		w.say("%s: no policy lets %s in", x.name, describe(p))
		return false
	}
	return true
}

// endOf is where the tunnels end on the mobile node's side, if they are whole, with policies
// and associations for both directions, and alike.
func (x *ipsec) endOf() netip.Addr {
	end := x.endFor(xfrmmig.Packet{Src: hoa, Dst: cnAddr, Proto: protoMH, Type: uint8(mh.TypeHomeTestInit)},
		xfrmmig.Packet{Src: cnAddr, Dst: hoa, Proto: protoMH, Type: uint8(mh.TypeHomeTest)})
	if x.payload && end != x.endFor(xfrmmig.Packet{Src: hoa, Dst: cnAddr, Proto: protoUDP}, xfrmmig.Packet{Src: cnAddr, Dst: hoa, Proto: protoUDP}) {
		return netip.Addr{}
	}
	return end
}

// endFor is where the one ends that is for packets from and to the mobile node.
func (x *ipsec) endFor(out, in xfrmmig.Packet) netip.Addr {
	dir := xfrmmig.In
	if x.end == xfrmmig.AtHomeAgent {
		out, in, dir = in, out, xfrmmig.Forward
	}
	sa, _ := x.model.Output(out)
	if sa == nil {
		return netip.Addr{}
	}
	back := x.model.Open(sa.Src, sa.SPI^1)
	if back == nil || back.Src != sa.Dst || !x.model.Input(dir, in, back) {
		return netip.Addr{}
	}
	if x.end == xfrmmig.AtHomeAgent {
		return sa.Dst
	}
	return sa.Src
}

// checkTunnels: what is in use is protected from end to end. Of a request that was refused,
// or is not done with, nothing is in use.
func (w *World) checkTunnels() {
	if !w.faults.IPsec {
		return
	}
	m := w.mn
	if m.path.Mode == role.PathTunnelled && !m.refused && !m.dead && m.endOf() != m.path.CareOf {
		w.fail("MN: the path is by %s, and the tunnels end at %s", m.path.CareOf, m.endOf())
	}
}
