package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/admission"
	"mip6d/internal/config"
	"mip6d/internal/ctl"
	"mip6d/internal/datapath"
	"mip6d/internal/engine"
	"mip6d/internal/ha"
	"mip6d/internal/homelink"
	"mip6d/internal/ingress"
	"mip6d/internal/mhsock"
	"mip6d/internal/netmon"
	"mip6d/internal/proxyarp"
	"mip6d/internal/proxynd"
	"mip6d/internal/role"
	"mip6d/internal/rtnl"
	"mip6d/internal/xfrmmig"
)

// homeAgent is the wiring of a home agent.
type homeAgent struct {
	d          *daemon
	machine    *ha.Machine
	links      *homelink.Machine
	neighbours *proxynd.Links
	bindings   *rtnl.Bindings
	check      ingress.Check
	paths      *xfrmmig.Paths
	guard      *xfrmmig.Guard
	params     ha.Params
	settings   *rtnl.Settings
	onLinks    *mhsock.HomeLinks
	anycasts   *anycasts
	admission  *admission.HomeAgent
	*multicast
	*correspondent
}

func (d *daemon) homeAgent(cfg *config.Config) (_ wiring, err error) {
	h := &homeAgent{d: d, admission: admission.NewHomeAgent(d.counters.Add)}
	if h.params, err = haParams(cfg.HomeAgent); err != nil {
		return nil, err
	}
	if h.params.AllowUnauthenticated {
		d.log.Warn("allow_unauthenticated is set: anybody who can send to the home agent can divert its mobile nodes' packets")
	}
	kept, err := d.openStore(cfg)
	if err != nil {
		return nil, err
	}
	left := kept.Restored()
	// Of an earlier run that was allowed more, all are to have room.
	if err := h.kernel(cfg, max(cfg.HomeAgent.MaxBindings, len(left.Registrations))); err != nil {
		return nil, err
	}
	h.protect(cfg.HomeAgent, &h.params)
	links, err := proxynd.OpenLinks(homeLinks(h.params, cfg.HomeAgent, &d.counters))
	if err != nil {
		return nil, err
	}
	d.keep(links)
	h.neighbours = links
	arp, err := h.openARP(cfg.HomeAgent)
	if err != nil {
		return nil, err
	}
	d.keep(arp)
	mh, err := d.openMH(nil)
	if err != nil {
		return nil, err
	}
	icmp, err := mhsock.ListenICMP(d.counters.Add)
	if err != nil {
		return nil, err
	}
	d.keep(icmp)
	if err := icmp.Admit(xfrmmig.SocketPolicy()); err != nil {
		return nil, err
	}
	if err := h.openHomeLinks(cfg.HomeAgent); err != nil {
		return nil, err
	}
	if err := h.openMulticast(cfg.HomeAgent); err != nil {
		return nil, err
	}
	h.correspondent = d.newCorrespondent(cfg, func(local, home netip.Addr) bool { return h.machine.Registered(local, home) })
	if h.correspondent.machine != nil {
		h.params.Correspondent = h.correspondent.machine.Bound
	}
	h.params.Registered, h.params.Ended, h.params.Stored = h.registered, h.ended, true
	h.admission.Configure(keysOf(h.params), h.params.AllowUnauthenticated)
	h.machine = ha.New(h.params)
	parts := []datapath.Part{h.guard, h.check, h.bindings, links, arp}
	wire := &datapath.Wire{MH: mh, ICMP: icmp, HomeLinks: h.onLinks, Neighbours: links, ARP: arp, Delivery: links, Refused: func(e role.DADDone) {
		go d.engine.Post(e)
	}}
	kernel := datapath.Kernel{Direct: h.paths}
	machines := []role.Machine{h.machine, h.links}
	if h.multicast != nil {
		// Last in and first out: it ends with the binding, at once.
		parts = append(parts, h.forwarder)
		kernel.Listeners, wire.Tunnels = h.forwarder, h.forwarder
		machines = append(machines, h.listeners)
	}
	kernel.Main = datapath.NewHomeAgent(parts...)
	d.engine = engine.New(engine.Config{
		Machines: h.beside(machines...), Kernel: kernel, Wire: wire, Store: kept,
		Counters: &d.counters, Classify: h.classify(), Notify: d.notify, Failed: d.failed, Meter: d.engineMeter(), Recorder: d.journal,
	})
	h.restore(left)
	if err := h.settle(); err != nil {
		return nil, err
	}
	d.task(func(ctx context.Context) error { return mh.Run(ctx, d.offer) })
	d.task(func(ctx context.Context) error { return icmp.Run(ctx, d.engine.Offer) })
	d.task(func(ctx context.Context) error { return links.Run(ctx, d.engine.Post) })
	d.task(arp.Run)
	d.task(func(ctx context.Context) error { return h.onLinks.Run(ctx, d.engine.Offer) })
	h.runMulticast()
	if err := h.hearRouters(); err != nil {
		return nil, err
	}
	if err := h.watchLinks(); err != nil {
		return nil, err
	}
	if err := h.listen(); err != nil {
		return nil, err
	}
	if err := d.watchRoutes(h.bindings.Losses, h.reinstate); err != nil {
		return nil, err
	}
	return h, h.watchTunnel(cfg)
}

// kernel prepares what all bindings share, of which there are so many at most.
func (h *homeAgent) kernel(cfg *config.Config, bindings int) (err error) {
	if h.settings, err = rtnl.OpenSettings(cfg.RunDir); err != nil {
		return err
	}
	if err := h.settings.Forward(); err != nil {
		return err
	}
	if err := h.forwardIPv4(cfg.HomeAgent); err != nil {
		return err
	}
	if h.bindings, err = rtnl.OpenBindings(marks(cfg.Kernel)); err != nil {
		return err
	}
	h.d.keep(h.bindings)
	var noBPF error
	if h.check, noBPF, err = ingress.Open(h.gates(bindings)); err != nil {
		return err
	}
	h.d.keep(h.check)
	if noBPF != nil {
		h.d.log.Warn("BPF may not be used here; the reverse tunnel's sources are checked with tc flower, and home links have no gate",
			"err", noBPF)
	}
	if h.paths, err = h.d.openDirect(nil); err != nil {
		return err
	}
	protections, err := agentProtections(cfg.HomeAgent)
	if err != nil {
		return err
	}
	h.guard, err = h.d.openGuard(xfrmmig.AtHomeAgent, protections)
	return err
}

// restoredTogether is how many bindings of an earlier run come into force at a time: each needs
// memory for a moment.
const restoredTogether = 4096

// restore has the bindings of an earlier run in force again.
func (h *homeAgent) restore(left role.Restored) {
	for part := range slices.Chunk(left.Registrations, restoredTogether) {
		h.d.engine.Prime(role.Restored{Registrations: part})
	}
}

// settle sweeps what an earlier run left, after what is still wanted was set again.
func (h *homeAgent) settle() error {
	swept, err := h.check.Settle()
	if err != nil {
		return err
	}
	routes, err := h.bindings.Settle()
	if err != nil {
		return err
	}
	if swept+routes > 0 {
		h.d.log.Info("swept what an earlier run left", "source_checks", swept, "routes", routes)
	}
	return h.guard.Settle()
}

// protect tells the machine through which security association each mobile node's
// signalling comes, and whose packets must not go in clear.
func (h *homeAgent) protect(c *config.HomeAgent, p *ha.Params) {
	for i := range p.MobileNodes {
		p.MobileNodes[i].SA = h.guard.Reqid(p.MobileNodes[i].HomeAddress, xfrmmig.ForSignalling)
		p.MobileNodes[i].NoIPv4 = h.guard.Reqid(p.MobileNodes[i].HomeAddress, xfrmmig.ForPayload) != 0
	}
	for _, m := range c.MobileNodes {
		h.d.warnGCM(m.HomeAddress, m.IPsec)
	}
}

// forwardIPv4 has the kernel forward IPv4 packets, where a mobile node may have some.
func (h *homeAgent) forwardIPv4(cfg *config.HomeAgent) error {
	if !cfg.ServesIPv4() {
		return nil
	}
	return h.settings.ForwardIPv4()
}

func (h *homeAgent) gates(bindings int) ingress.Config {
	return ingress.Config{Tunnel: h.bindings.Device(), HomeLinks: h.realLinks(), MaxBindings: uint32(bindings)}
}

// realLinks are the interfaces of home links that are not virtual.
func (h *homeAgent) realLinks() (list []int) {
	for _, l := range h.params.Links {
		if l.Ifindex != 0 && !slices.Contains(list, l.Ifindex) {
			list = append(list, l.Ifindex)
		}
	}
	return list
}

// watchTunnel makes the shared tunnel device and its routes again when somebody
// sets it down or deletes it: the kernel forgets the routes then.
func (h *homeAgent) watchTunnel(cfg *config.Config) error {
	monitor, err := netmon.Open([]string{cfg.Kernel.TunnelName})
	if err != nil {
		return err
	}
	h.d.task(func(ctx context.Context) error {
		return monitor.Run(ctx, func(ev role.Event) {
			if _, down := ev.(role.LinkDown); !down {
				return
			}
			err := h.d.engine.Do(ctx, func() { h.d.problems.set("tunnel", h.reinstate()) })
			if err == nil {
				h.d.log.Warn("the tunnel device was set down or deleted; it is there again")
			}
		})
	})
	return nil
}

func (h *homeAgent) reinstate() error {
	if err := h.bindings.Reinstate(); err != nil {
		return err
	}
	if err := h.check.AttachTunnel(h.bindings.Device()); err != nil || h.multicast == nil {
		return err
	}
	return h.forwarder.AttachTunnel(h.bindings.Device())
}

// registered and ended tell the others of bindings. Whose packets are protected
// gets no multicast: copies would go in clear.
func (h *homeAgent) registered(now time.Time, b role.Binding) {
	h.admission.Registered(b.HomeAddress, b.Sequence)
	h.links.Registered(now, b)
	switch {
	case h.multicast == nil:
	case h.guard.Reqid(b.HomeAddress, xfrmmig.ForPayload) != 0:
		h.listeners.Ended(b.HomeAddress)
	default:
		h.listeners.Registered(now, b)
	}
}

func (h *homeAgent) ended(home netip.Addr) {
	h.admission.Ended(home)
	if h.multicast != nil {
		h.listeners.Ended(home)
	}
}

func (h *homeAgent) roles() []string { return h.names(ctl.RoleHomeAgent) }

// reload takes mobile nodes and policies over.
func (h *homeAgent) reload(cfg *config.Config) error {
	p, err := haParams(cfg.HomeAgent)
	if err != nil {
		return err
	}
	if err := h.forwardIPv4(cfg.HomeAgent); err != nil {
		return err
	}
	links := h.linkParams(cfg.HomeAgent, p.Links)
	if err := h.anycasts.keep(anycastsOf(links)); err != nil {
		return err
	}
	p.Correspondent, p.Registered, p.Ended, p.Stored = h.params.Correspondent, h.params.Registered, h.params.Ended, h.params.Stored
	protections, err := agentProtections(cfg.HomeAgent)
	if err != nil {
		return err
	}
	if err := h.guard.Protect(protections); err != nil {
		return err
	}
	h.protect(cfg.HomeAgent, &p)
	h.admission.Configure(keysOf(p), p.AllowUnauthenticated)
	for _, l := range homeLinks(p, cfg.HomeAgent, &h.d.counters) {
		h.neighbours.SetRate(l.Ifindex, l.Params.Rate)
	}
	h.d.engine.Post(ha.Reconfigured{Params: p})
	h.d.engine.Post(homelink.Reconfigured{Params: links})
	h.correspondent.reload(cfg)
	h.reloadMulticast(cfg.HomeAgent)
	return nil
}

// haParams converts the configuration.
func haParams(c *config.HomeAgent) (ha.Params, error) {
	p := ha.Params{
		AllowUnauthenticated: c.AllowUnauthenticated, MaxLifetime: c.MaxLifetime, MaxBindings: c.MaxBindings,
		TimestampWindow: c.TimestampWindow, DenyByDefault: c.DenyByDefault, IPv4Pool: c.IPv4Pool,
	}
	if len(p.IPv4Pool) > 0 {
		own, err := net.InterfaceAddrs()
		if err != nil {
			return p, fmt.Errorf("list our own addresses, which are not to be assigned: %w", err)
		}
		for _, a := range own {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
				p.OwnIPv4 = append(p.OwnIPv4, netip.AddrFrom4([4]byte(n.IP.To4())))
			}
		}
	}
	for _, x := range c.Policies {
		p.Policies = append(p.Policies, ha.Policy{
			Prefix: x.Prefix, Deny: x.Bind == config.Deny, DenyRouters: x.MobileRouters == config.Deny,
			DenyDirect: x.RouteOptimization == config.Deny, MaxLifetime: x.MaxLifetime,
		})
	}
	for _, l := range c.Links {
		link := ha.Link{Address: l.Address}
		if l.Interface != "" {
			i, err := net.InterfaceByName(l.Interface)
			if err != nil {
				return p, fmt.Errorf("home link %s: there is no such interface", l.Interface)
			}
			link.Ifindex = i.Index
		}
		for _, prefix := range l.Prefixes {
			link.Prefixes = append(link.Prefixes, ha.Prefix{
				Prefix: prefix.Prefix, Valid: prefix.Valid, Preferred: prefix.Preferred, Deprecated: prefix.Preferred == 0,
			})
		}
		p.Links = append(p.Links, link)
	}
	p.MobileNodes = make([]ha.MobileNode, 0, len(c.MobileNodes))
	for _, m := range c.MobileNodes {
		mn := ha.MobileNode{HomeAddress: m.HomeAddress, MaxLifetime: m.MaxLifetime, Router: m.Router, Prefixes: m.Prefixes, IPv4HomeAddress: m.IPv4HomeAddress,
			KeyMgmt: m.IPsec.MovesKeys()}
		if a := m.Auth; a != nil {
			mn.Auth = &ha.Auth{SPI: a.SPI, Key: a.Key, Replay: haReplay[a.Replay], MNID: a.MNID}
		}
		p.MobileNodes = append(p.MobileNodes, mn)
	}
	return p, nil
}

var haReplay = map[config.Replay]ha.Replay{
	config.ReplayTimestamp: ha.ReplayTimestamp,
	config.ReplaySequence:  ha.ReplaySequence,
	config.ReplayNone:      ha.ReplayNone,
}

func homeLinks(p ha.Params, cfg *config.HomeAgent, counters *engine.Counters) []proxynd.Config {
	var links []proxynd.Config
	for i, l := range p.Links {
		there := slices.ContainsFunc(links, func(c proxynd.Config) bool { return c.Ifindex == l.Ifindex })
		if l.Ifindex != 0 && !there {
			links = append(links, proxynd.Config{
				Ifindex: l.Ifindex, Source: l.Address, Count: counters.Add, Params: proxynd.Params{Rate: cfg.Links[i].NeighbourRate},
			})
		}
	}
	return links
}

// openARP defends IPv4 home addresses where home addresses are defended.
func (h *homeAgent) openARP(cfg *config.HomeAgent) (*proxyarp.Links, error) {
	var links []int
	for _, l := range homeLinks(h.params, cfg, &h.d.counters) {
		links = append(links, l.Ifindex)
	}
	return proxyarp.Open(links, h.d.counters.Add)
}

func (h *homeAgent) bindingList(now time.Time) []ctl.Binding {
	var list []ctl.Binding
	for _, b := range h.machine.Bindings() {
		list = append(list, h.show(b, now))
	}
	return append(list, h.correspondent.bindingList(now)...)
}

func (h *homeAgent) show(b role.Binding, now time.Time) ctl.Binding {
	behind := h.machine.Above(b.HomeAddress)
	key, ipsec := h.machine.Authenticates(b.HomeAddress)
	return ctl.Binding{
		Type: ctl.BindingHome, HomeAddress: b.HomeAddress, CareOf: b.CareOf, HomeAgent: b.HomeAgent, Interface: ifname(b.Ifindex),
		LinkLocal: b.LinkLocal, Router: b.Router, Authenticated: key || ipsec, IPsec: ipsec,
		State: "active", Sequence: b.Sequence, Lifetime: ctl.Seconds(b.Lifetime),
		Remaining: ctl.Seconds(max(b.Expires.Sub(now), 0)), Expires: b.Expires,
		Created: b.Created, Moves: b.Moves,
		NoRouteOptimization: b.NoRouteOptimization,
		MobileRouter:        b.MobileRouter, MobilePrefixes: b.MobilePrefixes, Depth: len(behind), Behind: behind,
		IPv4HomeAddress: b.IPv4HomeAddress,
	}
}

func (h *homeAgent) bul(time.Time) []ctl.BindingUpdate { return nil }

func (h *homeAgent) interfaces(time.Time) []ctl.Interface {
	var list []ctl.Interface
	for _, l := range h.params.Links {
		if l.Ifindex == 0 {
			continue
		}
		i := describe(l.Ifindex, ctl.UseHomeLink)
		i.Addresses = []ctl.InterfaceAddress{{Address: l.Address, Use: ctl.AddressHomeAgent, Ready: true}}
		list = append(list, i)
	}
	return append(list, describe(h.bindings.Device(), ctl.UseTunnel))
}

func (h *homeAgent) dataPath() (map[role.Counter]uint64, error) {
	counters, err := h.check.Counters()
	if err == nil && h.multicast != nil {
		maps.Copy(counters, h.forwarder.Counters())
	}
	return counters, err
}
