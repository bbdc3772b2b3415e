package main

import (
	"net/netip"
	"time"

	"mip6d/internal/config"
	"mip6d/internal/engine"
	"mip6d/internal/mngate"
	"mip6d/internal/role"
	"mip6d/internal/rtnl"
)

// gates keeps the multicast gates of a mobile node as its home addresses' paths are. It
// stands between the engine and the applier of these.
type gates struct {
	n     *mobileNode
	paths *rtnl.MobileNode
	gate  *mngate.Gate // nil: BPF may not be used
	joins *mngate.Groups

	// What is set.
	tunnels map[int]bool       // device → bound
	shut    map[int]bool       // the other devices
	homes   map[netip.Addr]int // away → device; 0: nowhere

	diverted map[int]bool // interfaces; attach's own
}

var _ engine.Applier = (*gates)(nil)

// openGates needs the machine before the first effect. Without BPF no groups are joined:
// they would be reported too early.
func (n *mobileNode) openGates(cfg *config.MobileNode, paths *rtnl.MobileNode) error {
	g := &gates{n: n, paths: paths, tunnels: make(map[int]bool), homes: make(map[netip.Addr]int), diverted: make(map[int]bool)}
	n.gates = g
	gate, err := mngate.Open()
	if err != nil {
		n.d.log.Warn("multicast of home addresses is not kept in their tunnels, and groups may be reported there too early", "err", err)
		n.d.problems.set("multicast", err)
		return nil
	}
	g.gate = gate
	n.d.keep(gate)
	groups := make(map[netip.Addr][]netip.Addr)
	for _, h := range cfg.Homes {
		if len(h.Groups) > 0 {
			groups[h.HomeAddress.Addr()] = h.Groups
		}
	}
	if g.joins, err = mngate.OpenGroups(groups); err != nil {
		return err
	}
	n.d.keep(g.joins)
	return nil
}

// Apply implements engine.Applier. A home address is held back before it has a path.
func (g *gates) Apply(effects []role.Effect) []error {
	changed := false
	for _, e := range effects {
		if p, ok := e.(role.SetHomePath); ok {
			changed = true
			if _, away := g.homes[p.Path.HomeAddress.Addr()]; !away && p.Path.Mode != role.PathHome && p.Path.Mode != role.PathNone {
				g.home(p.Path.HomeAddress.Addr(), 0)
			}
		}
	}
	errs := g.paths.Apply(effects)
	if changed {
		g.update(time.Now())
	}
	return errs
}

// notify follows what happens to bindings.
func (n *mobileNode) notify(t time.Time, notice role.Notice) {
	switch notice.Kind {
	case role.NoticeRegistered, role.NoticeUnregistered, role.NoticeAtHome, role.NoticeAckReceived, role.NoticeHomeAgent:
		n.gates.update(time.Now())
	}
	if notice.Kind == role.NoticeHomeAddress && n.watch != nil {
		n.d.problems.set("watch "+notice.HoA.String()+" for new peers", n.watchHome(notice))
	}
	n.d.notify(t, notice)
}

// update sets what has changed.
func (g *gates) update(now time.Time) {
	if g.gate == nil {
		return
	}
	tunnels, shut, places := make(map[int]bool), make(map[int]bool), make(map[netip.Addr]int)
	for _, b := range g.n.machine.Bindings(now) {
		home := b.HomeAddress.Addr()
		device, receiver := g.paths.Devices(b.HomeAgent)
		switch b.Mode {
		case role.PathNone:
			g.atHome(home)
			places[home] = 0
			continue
		case role.PathHome:
			g.atHome(home)
			places[home] = b.Ifindex
			continue
		}
		if places[home] = device; device != 0 {
			tunnels[device] = tunnels[device] || b.Registered
		}
		if receiver != 0 {
			shut[receiver] = true // nobody need join anything there
		}
		if b.Mode != role.PathTunnelled {
			device = 0
		}
		g.home(home, device)
	}
	for device := range g.tunnels {
		if _, there := tunnels[device]; !there {
			g.failed(g.gate.ClearTunnel(device))
			delete(g.tunnels, device)
		}
	}
	for device, bound := range tunnels {
		if was, there := g.tunnels[device]; there && was == bound {
			continue
		}
		if err := g.gate.SetTunnel(device, bound); err != nil {
			g.failed(err)
			continue
		}
		g.tunnels[device] = bound
	}
	for device := range shut {
		if _, there := g.shut[device]; !there {
			g.failed(g.gate.Shut(device))
		}
	}
	for device := range g.shut {
		if _, there := shut[device]; !there {
			g.failed(g.gate.ClearTunnel(device))
		}
	}
	g.shut = shut
	for home, at := range places { // once the gates stand
		g.failed(g.joins.Place(home, at))
	}
}

func (g *gates) home(home netip.Addr, device int) {
	if was, there := g.homes[home]; g.gate == nil || there && was == device {
		return
	}
	if err := g.gate.SetHome(home, device); err != nil {
		g.failed(err)
		return
	}
	g.homes[home] = device
}

func (g *gates) atHome(home netip.Addr) {
	if _, there := g.homes[home]; g.gate != nil && there {
		g.failed(g.gate.ClearHome(home))
		delete(g.homes, home)
	}
}

// attach has an interface's packets looked at. Once: packets may leave by a link that has just
// come up, and what keeps them back waits for us. It is called by one goroutine, not the
// engine's.
func (g *gates) attach(up role.LinkUp) {
	if g.gate == nil || g.diverted[up.Ifindex] {
		return
	}
	err := g.gate.AttachInterface(up.Ifindex)
	g.n.d.problems.set("divert multicast of home addresses on "+up.Name, err)
	g.diverted[up.Ifindex] = err == nil
}

func (g *gates) failed(err error) {
	if err != nil {
		g.n.d.counters.Add(role.CountKernelFailure)
		g.n.d.log.Error("multicast", "err", err)
	}
}
