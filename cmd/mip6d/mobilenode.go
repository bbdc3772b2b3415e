package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mip6d/internal/config"
	"mip6d/internal/ctl"
	"mip6d/internal/datapath"
	"mip6d/internal/engine"
	"mip6d/internal/mhsock"
	"mip6d/internal/mn"
	"mip6d/internal/netmon"
	"mip6d/internal/proxynd"
	"mip6d/internal/role"
	"mip6d/internal/rtnl"
	"mip6d/internal/sighting"
	"mip6d/internal/store"
	"mip6d/internal/xfrmmig"
)

// mobileNode is the wiring of a mobile node.
type mobileNode struct {
	d        *daemon
	machine  *mn.Machine
	settings *rtnl.Settings
	paths    *xfrmmig.Paths
	guard    *xfrmmig.Guard
	outgoing *xfrmmig.Outgoing
	watch    *sighting.Watch // nil: BPF may not be used
	gates    *gates          // of multicast
	managed  []string        // names of the interfaces
	router   bool            // there are networks behind us

	duplicates map[place]string // addresses that others have → the problem; of the monitor's goroutine
	*correspondent
}

func (d *daemon) mobileNode(cfg *config.Config) (_ wiring, err error) {
	n := &mobileNode{d: d, managed: interfaceNames(cfg.MobileNode), duplicates: make(map[place]string)}
	if n.settings, err = rtnl.OpenSettings(cfg.RunDir); err != nil {
		return nil, err
	}
	labels, err := rtnl.OpenLabels(cfg.RunDir)
	if err != nil {
		return nil, err
	}
	if cfg.MobileNode.ReleaseOnStop {
		d.keep(atEnd(func() error { return errors.Join(labels.Restore(), n.settings.Restore()) }))
	}
	if err := labels.Set(labelRows(cfg.MobileNode.AddressPolicy.Labels)); err != nil {
		return nil, err
	}
	networks := mobileNetworks(cfg.MobileNode)
	if n.router = len(networks) > 0; n.router {
		if err := n.settings.Forward(); err != nil {
			return nil, err
		}
	}
	for _, name := range n.managed {
		if err := n.settings.Manage(n.manage(name)); err != nil {
			return nil, err
		}
	}
	kept, err := d.openStore(cfg)
	if err != nil {
		return nil, err
	}
	kernel, err := rtnl.OpenMobileNode(marks(cfg.Kernel), len(cfg.MobileNode.Interfaces) > 1)
	if err != nil {
		return nil, err
	}
	d.keep(kernel)
	left := kept.Restored()
	if err := kernel.Settle(append(homeAddresses(cfg.MobileNode), assigned(cfg.MobileNode, left)...), default4(cfg.MobileNode, left), networks); err != nil {
		return nil, err
	}
	if n.paths, err = d.openDirect(keptDirect(left), xfrmmig.MobileNodeSignalling()); err != nil {
		return nil, err
	}
	if err := n.openGates(cfg.MobileNode, kernel); err != nil {
		return nil, err
	}
	if err := n.protect(cfg.MobileNode); err != nil {
		return nil, err
	}
	if err := n.sockets(cfg, n.gates, kept, left); err != nil {
		return nil, err
	}
	return n, d.watchRoutes(kernel.Losses, kernel.Reinstate)
}

// protect brings IPsec into force.
func (n *mobileNode) protect(c *config.MobileNode) error {
	protections, err := nodeProtections(c)
	if err != nil {
		return err
	}
	if n.guard, err = n.d.openGuard(xfrmmig.AtMobileNode, protections); err != nil {
		return err
	}
	if n.outgoing, err = xfrmmig.OpenOutgoing(n.guard, protections); err != nil {
		return err
	}
	n.d.keep(n.outgoing)
	for _, h := range c.Homes {
		n.d.warnGCM(h.HomeAddress.Addr(), h.IPsec)
	}
	return nil
}

// sockets opens everything that hears and speaks, and the engine between.
func (n *mobileNode) sockets(cfg *config.Config, kernel engine.Applier, kept *store.Keeper, left role.Restored) error {
	d := n.d
	mh, err := d.openMH(func(ifindex int, sa uint32) bool {
		return xfrmmig.IsTunnel(sa) || strings.HasPrefix(ifname(ifindex), cfg.Kernel.TunnelPrefix)
	})
	if err != nil {
		return err
	}
	icmp, err := mhsock.ListenICMP(d.counters.Add)
	if err != nil {
		return err
	}
	d.keep(icmp)
	if err := icmp.Admit(xfrmmig.SocketPolicy()); err != nil {
		return err
	}
	routers, err := mhsock.ListenRouters(func(ifindex int) bool { return slices.Contains(n.managed, ifname(ifindex)) }, d.counters.Add)
	if err != nil {
		return err
	}
	d.keep(routers)
	announcer, err := proxynd.NewAnnouncer(d.counters.Add)
	if err != nil {
		return err
	}
	d.keep(announcer)
	monitor, err := netmon.Open(n.managed)
	if err != nil {
		return err
	}
	n.correspondent = d.newCorrespondent(cfg, nil)
	p := mnParams(cfg.MobileNode)
	p.Silent = n.correspondent.machine != nil
	for i := range p.Homes {
		p.Homes[i].SA = n.guard.Reqid(p.Homes[i].HomeAddress.Addr(), xfrmmig.ForSignalling)
	}
	n.machine = mn.New(p, rand.Reader)
	d.engine = engine.New(engine.Config{
		Machines: n.beside(n.machine),
		Kernel:   datapath.Kernel{Main: &datapath.MobileNode{Paths: kernel, Tunnels: n.guard}, Direct: n.paths},
		Wire:     &datapath.Wire{MH: mh, ICMP: icmp, Routers: routers, Neighbours: announcer, Neighbour: announcer, Protected: n.outgoing},
		Store:    kept,
		Counters: &d.counters, Notify: n.notify, Failed: d.failed, Meter: d.engineMeter(), Recorder: d.journal,
	})
	d.engine.Prime(left)
	d.task(func(ctx context.Context) error { return mh.Run(ctx, d.offer) })
	d.task(func(ctx context.Context) error { return icmp.Run(ctx, d.engine.Offer) })
	d.task(func(ctx context.Context) error { return routers.Run(ctx, d.engine.Offer) })
	d.task(func(ctx context.Context) error { return monitor.Run(ctx, n.news) })
	if err := n.sightPeers(cfg, left); err != nil {
		return err
	}
	return n.listen()
}

// manage says how an interface is to be set up.
func (n *mobileNode) manage(name string) rtnl.Managed {
	m := rtnl.Managed{Name: name, Router: n.router}
	for _, i := range n.d.cfg.Load().MobileNode.Interfaces {
		if i.Name == name {
			m.Optimistic, m.KeepTempAddrs = i.DAD == config.DADOptimistic, i.KeepTempAddrs
		}
	}
	return m
}

var dadModes = map[config.DAD]role.DADMode{
	config.DADOptimistic: role.DADOptimistic, config.DADOn: role.DADFirst, config.DADOff: role.DADNone,
}

// news passes the kernel's on. An interface that appears is set up first.
func (n *mobileNode) news(ev role.Event) {
	if up, ok := ev.(role.LinkUp); ok {
		if err := n.settings.Manage(n.manage(up.Name)); err != nil {
			n.d.log.Error("cannot set up the interface", "if", up.Name, "err", err)
		}
		n.gates.attach(up)
	}
	n.watchDuplicates(ev)
	n.d.engine.Post(ev)
}

// place is an address on an interface.
type place struct {
	ifindex int
	addr    netip.Addr
}

// watchDuplicates shows as a problem what the kernel keeps of addresses that others have.
func (n *mobileNode) watchDuplicates(ev role.Event) {
	switch ev := ev.(type) {
	case role.DADFailed:
		if name := ifname(ev.Ifindex); ev.Kept && slices.Contains(n.managed, name) {
			what := fmt.Sprintf("address %s on %s", ev.Addr, name)
			n.duplicates[place{ev.Ifindex, ev.Addr}] = what
			n.d.problems.set(what, errors.New("another node on the link has it, so it is not used; give one of them another"))
		}
	case role.AddressReady:
		n.noDuplicate(place{ev.Ifindex, ev.Addr})
	case role.AddressGone:
		n.noDuplicate(place{ev.Ifindex, ev.Addr})
	}
}

func (n *mobileNode) noDuplicate(at place) {
	if what, ok := n.duplicates[at]; ok {
		delete(n.duplicates, at)
		n.d.problems.set(what, nil)
	}
}

// atEnd is something to do at the end of the run.
type atEnd func() error

// Close implements io.Closer.
func (f atEnd) Close() error { return f() }

func labelRows(list []config.AddressLabel) []rtnl.Label {
	rows := make([]rtnl.Label, len(list))
	for i, l := range list {
		rows[i] = rtnl.Label(l)
	}
	return rows
}

func interfaceNames(c *config.MobileNode) []string {
	var names []string
	for _, i := range c.Interfaces {
		names = append(names, i.Name)
	}
	return names
}

func homeAddresses(c *config.MobileNode) []netip.Addr {
	var list []netip.Addr
	for _, h := range c.Homes {
		if !h.Stateful() {
			list = append(list, h.HomeAddress.Addr())
		}
		if h.IPv4 != nil && !h.IPv4.Addr.IsUnspecified() {
			list = append(list, h.IPv4.Addr)
		}
	}
	return list
}

// default4 is the IPv4 home address that has the default route, where it is known yet.
func default4(c *config.MobileNode, left role.Restored) (a netip.Addr) {
	for _, h := range c.Homes {
		if h.IPv4 == nil || !h.IPv4.Default {
			continue
		}
		if !h.IPv4.Addr.IsUnspecified() {
			return h.IPv4.Addr
		}
		for _, e := range left.Entries {
			if e.HomeAddress == h.HomeAddress.Addr() || h.Stateful() && h.HomeAddress.Contains(e.HomeAddress) {
				a = e.IPv4HomeAddress
			}
		}
	}
	return a
}

// assigned are the home addresses that DHCPv6, and the IPv4 home addresses that home agents
// have given to an earlier run.
func assigned(c *config.MobileNode, left role.Restored) (list []netip.Addr) {
	for _, l := range left.Leases {
		if slices.ContainsFunc(c.Homes, func(h config.Home) bool { return h.Stateful() && h.HomeAddress == l.HomeAddress.Masked() }) {
			list = append(list, l.HomeAddress.Addr())
		}
	}
	for _, e := range left.Entries {
		if e.IPv4HomeAddress.IsValid() {
			list = append(list, e.IPv4HomeAddress)
		}
	}
	return list
}

func mobileNetworks(c *config.MobileNode) []netip.Prefix {
	var list []netip.Prefix
	for _, h := range c.Homes {
		if h.MobileNetwork != nil {
			list = append(list, h.MobileNetwork.Prefixes...)
		}
	}
	return list
}

func mnParams(c *config.MobileNode) mn.Params {
	o := c.RouteOptimization
	p := mn.Params{ReleaseOnStop: c.ReleaseOnStop, LoadSharing: c.LoadSharing,
		PreferCareOf: c.AddressPolicy.Prefer == config.PreferCareOf, Optimization: mn.Optimization{
			Policy: policy(o), IdleTimeout: o.IdleTimeout, RetryAfter: o.RetryAfter, MaxPeers: o.MaxPeers,
		}}
	for _, i := range c.Interfaces {
		p.Interfaces = append(p.Interfaces, mn.Interface{
			Name: i.Name, Preference: i.Preference, DAD: dadModes[i.DAD], Unmarked: !i.HomeAddressFlag,
		})
	}
	for _, h := range c.Homes {
		home := mn.Home{HomeAddress: h.HomeAddress, HomeAgent: h.HomeAgent, Lifetime: h.Lifetime, LinkLocal: h.LinkLocal,
			Fixed: !h.Renumber || h.IPsec != nil || h.Stateful(), Stateful: h.Stateful(), KeyMgmt: h.IPsec.MovesKeys()}
		if a := h.Auth; a != nil {
			home.Auth = &mn.Auth{SPI: a.SPI, Key: a.Key, Replay: mn.ReplayTimestamp, MNID: a.MNID}
			if a.Replay != config.ReplayTimestamp {
				home.Auth.Replay = mn.ReplaySequence
			}
		}
		if n := h.MobileNetwork; n != nil {
			home.Network = &mn.Network{Prefixes: n.Prefixes, Implicit: n.Mode == config.NetworkImplicit}
		}
		if a := h.IPv4; a != nil {
			home.IPv4 = &mn.IPv4{Addr: a.Addr, Default: a.Default}
		}
		p.Homes = append(p.Homes, home)
	}
	return p
}

func (n *mobileNode) roles() []string { return n.names(ctl.RoleMobileNode) }

// reload: all of a mobile node's needs a restart.
func (n *mobileNode) reload(cfg *config.Config) error {
	n.correspondent.reload(cfg)
	return nil
}

// correspond does what mip6ctl asks about a peer.
func (n *mobileNode) correspond(now time.Time, action string, peer netip.Addr) error {
	known := slices.ContainsFunc(n.machine.Peers(now), func(v mn.PeerView) bool { return v.Peer == peer })
	var ev role.Event
	switch {
	case action == ctl.ActionStart:
		if !slices.ContainsFunc(n.machine.Bindings(now), func(v mn.BindingView) bool { return v.Mode == role.PathTunnelled }) {
			return errors.New("no home address is away from home and registered, so there is no path to optimise")
		}
		ev = mn.StartOptimization{Peer: peer}
	case !known:
		return fmt.Errorf("no correspondent %s in the Binding Update List; mip6ctl show bul lists them", peer)
	case action == ctl.ActionStop:
		ev = mn.StopOptimization{Peer: peer}
	default:
		ev = mn.FlushPeer{Peer: peer}
	}
	go n.d.engine.Post(ev) // we are on the engine's goroutine
	return nil
}

func (n *mobileNode) bul(now time.Time) []ctl.BindingUpdate {
	var list []ctl.BindingUpdate
	for _, v := range n.machine.Bindings(now) {
		e := ctl.BindingUpdate{
			HomeAddress: v.HomeAddress, HomeAgent: v.HomeAgent, CareOf: v.CareOf, Interface: v.Interface,
			State: v.State, Mode: v.Mode.String(), Registered: v.Registered, BoundCareOf: v.Bound,
			Waiting: v.Waiting, Refused: v.Refused, Sequence: v.Sequence, Lifetime: ctl.Seconds(v.Lifetime),
			Remaining: ctl.Seconds(v.Remaining), Retries: v.Retries, Next: ctl.Seconds(v.Next),
			MobilePrefixes: v.MobilePrefixes, IPv4HomeAddress: v.IPv4HomeAddress, IPv4Refused: v.IPv4Refused,
		}
		if v.HasStatus {
			s := uint8(v.Status)
			e.LastStatus, e.LastStatusIs = &s, v.Status.String()
		}
		for _, p := range n.machine.Peers(now) {
			if p.HomeAddress == v.HomeAddress.Addr() {
				e.Correspondents = append(e.Correspondents, n.correspondentOf(p))
			}
		}
		list = append(list, e)
	}
	return list
}

func (n *mobileNode) correspondentOf(v mn.PeerView) ctl.Correspondent {
	c := ctl.Correspondent{
		Peer: v.Peer, State: v.State, CareOf: v.CareOf, HomeToken: tokenAge(v.HomeToken), CareOfToken: tokenAge(v.CareOfToken),
		Sequence: v.Sequence, Lifetime: ctl.Seconds(v.Lifetime), Remaining: ctl.Seconds(v.Remaining), Next: ctl.Seconds(v.Next),
		Barred: ctl.Seconds(v.Barred), Idle: ctl.Seconds(v.Idle), Retries: v.Retries,
	}
	if v.HasStatus {
		s := uint8(v.Status)
		c.LastStatus, c.LastStatusIs = &s, v.Status.String()
	}
	if t, ok, err := n.paths.Traffic(role.Pair{Local: v.HomeAddress, Peer: v.Peer}); err == nil && ok {
		traffic := ctl.Traffic(t)
		c.Direct = &traffic
	}
	if n.watch != nil {
		if t, err := n.watch.Traffic(role.Pair{Local: v.HomeAddress, Peer: v.Peer}); err == nil {
			traffic := ctl.Traffic(t)
			c.Tunnel = &traffic
		}
	}
	return c
}

// tokenAge is nil where there is no token.
func tokenAge(d time.Duration) *ctl.Seconds {
	if d < 0 {
		return nil
	}
	s := ctl.Seconds(d)
	return &s
}

func (n *mobileNode) interfaces(now time.Time) []ctl.Interface {
	active := make(map[int]bool)
	for _, b := range n.machine.Bindings(now) {
		active[b.Ifindex] = true
	}
	var list []ctl.Interface
	for _, v := range n.machine.Interfaces(now) {
		i := describe(v.Ifindex, ctl.UseMobile)
		i.Name, i.Up, i.State, i.Preference, i.Active = v.Name, v.Up, v.State, v.Preference, active[v.Ifindex]
		if v.CareOf.IsValid() {
			i.Addresses = append(i.Addresses, ctl.InterfaceAddress{Address: v.CareOf, Use: ctl.AddressCareOf, Ready: v.Ready})
		}
		for _, a := range v.Old {
			i.Addresses = append(i.Addresses, ctl.InterfaceAddress{Address: a, Use: ctl.AddressOld, Ready: true})
		}
		if v.LinkLocal.IsValid() {
			i.Addresses = append(i.Addresses, ctl.InterfaceAddress{Address: v.LinkLocal, Use: ctl.AddressLinkLocal, Ready: true})
		}
		for _, a := range v.Duplicates {
			i.Addresses = append(i.Addresses, ctl.InterfaceAddress{Address: a, Use: ctl.AddressDuplicate})
		}
		for _, r := range v.Routers {
			i.Routers = append(i.Routers, routerOf(r))
		}
		list = append(list, i)
	}
	return list
}

func routerOf(r mn.RouterView) ctl.Router {
	out := ctl.Router{
		Address: r.Address, LinkAddr: net.HardwareAddr(r.LinkAddr).String(), HomeAgent: r.HomeAgent, Default: r.Default, Shared: r.Shared,
		Heard: ctl.Seconds(r.Heard), Interval: ctl.Seconds(r.Interval),
	}
	for _, p := range r.Prefixes {
		out.Prefixes = append(out.Prefixes, ctl.RouterPrefix{
			Prefix: p.Prefix, Valid: ctl.Seconds(p.Valid), Preferred: ctl.Seconds(p.Preferred), OnLink: p.OnLink, Auto: p.Auto,
		})
	}
	return out
}

func (n *mobileNode) dataPath() (map[role.Counter]uint64, error) { return nil, nil }
