package main

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/config"
	"mip6d/internal/ctl"
	"mip6d/internal/listener"
	"mip6d/internal/mcast"
	"mip6d/internal/mld"
	"mip6d/internal/role"
)

// multicast is what a home agent has for mobile nodes that listen to groups while they
// are away. It is nil where there is none.
type multicast struct {
	listeners *listener.Machine
	forwarder *mcast.Forwarder
}

// openMulticast opens it, if the configuration wants it. Where BPF may not be used there is
// none, and the daemon says so.
func (h *homeAgent) openMulticast(cfg *config.HomeAgent) error {
	if cfg.Multicast == nil {
		return nil
	}
	forwarder, err := mcast.Open(mcast.Config{
		Tunnel: h.bindings.Device(), HomeLinks: h.realLinks(), Carries: carries(cfg.Multicast),
		Failed: func(err error) { h.d.log.Error("multicast", "err", err) },
	})
	if err != nil {
		h.d.log.Error("there is no multicast for mobile nodes that are away", "err", err)
		h.d.problems.set("multicast", err)
		return nil
	}
	h.d.keep(forwarder)
	h.multicast = &multicast{listener.New(h.listenerParams(cfg)), forwarder}
	return nil
}

func (h *homeAgent) runMulticast() {
	if h.multicast == nil {
		return
	}
	h.d.task(func(ctx context.Context) error {
		return h.forwarder.Run(ctx, func(homeAgent, careOf netip.Addr, packet []byte) {
			h.d.engine.Offer(listener.Heard{HomeAgent: homeAgent, CareOf: careOf, Packet: packet})
		})
	})
}

func (h *homeAgent) reloadMulticast(cfg *config.HomeAgent) {
	if h.multicast != nil {
		h.forwarder.Carry(carries(cfg.Multicast))
		h.d.engine.Post(listener.Reconfigured{Params: h.listenerParams(cfg)})
	}
}

func (h *homeAgent) listenerParams(cfg *config.HomeAgent) listener.Params {
	c := cfg.Multicast
	return listener.Params{
		Scopes: scopes(c), MaxGroups: c.MaxGroups, MaxGroupsPerNode: c.MaxGroupsPerNode, QueryInterval: c.QueryInterval,
		Binding: func(home netip.Addr) (role.Binding, bool) { return h.machine.Binding(home) },
	}
}

var scopeOf = map[config.Scope]mld.Scope{
	config.ScopeAdminLocal:        mld.ScopeAdminLocal,
	config.ScopeSiteLocal:         mld.ScopeSiteLocal,
	config.ScopeOrganizationLocal: mld.ScopeOrganizationLocal,
}

func scopes(c *config.Multicast) (list []mld.Scope) {
	for _, s := range c.Scopes {
		list = append(list, scopeOf[s])
	}
	return list
}

// carries is the rule for scopes, for what mobile nodes send.
func carries(c *config.Multicast) func(netip.Addr) bool {
	list := append(scopes(c), mld.ScopeGlobal)
	return func(group netip.Addr) bool { return slices.Contains(list, mld.ScopeOf(group)) }
}

func (h *homeAgent) groups(now time.Time) []ctl.Group {
	if h.multicast == nil {
		return nil
	}
	var list []ctl.Group
	for _, v := range h.listeners.Memberships(now) {
		list = append(list, ctl.Group{
			Group: v.Group, Interface: ifname(v.Ifindex), HomeAddress: v.HomeAddress, CareOf: v.CareOf, Sources: v.Sources,
			MLD: v.Version, Age: ctl.Seconds(now.Sub(v.Since)), Remaining: ctl.Seconds(v.Remaining),
		})
	}
	return list
}
