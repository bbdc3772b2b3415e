package main

import (
	"context"
	"crypto/rand"
	"iter"
	"net"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/config"
	"mip6d/internal/ctl"
	"mip6d/internal/ha"
	"mip6d/internal/homelink"
	"mip6d/internal/mhsock"
	"mip6d/internal/netmon"
	"mip6d/internal/role"
	"mip6d/internal/xfrmmig"
)

// openHomeLinks makes the machine for a home agent's links, and what it sends
// and hears with.
func (h *homeAgent) openHomeLinks(cfg *config.HomeAgent) (err error) {
	if h.onLinks, err = mhsock.OpenHomeLinks(h.d.counters.Add); err != nil {
		return err
	}
	h.d.keep(h.onLinks)
	p := h.linkParams(cfg, h.params.Links)
	for _, l := range p.Links {
		if l.Ifindex == 0 {
			continue
		}
		if err := h.onLinks.Join(l.Ifindex); err != nil {
			return err
		}
	}
	h.links = homelink.New(p, rand.Reader)
	h.anycasts = &anycasts{on: h.onLinks}
	return h.anycasts.keep(anycastsOf(p))
}

// watchLinks tells the machine which home links can carry packets, and repairs what
// the kernel forgets about an interface that is set down.
func (h *homeAgent) watchLinks() error {
	var names []string
	for _, l := range h.params.Links {
		if l.Ifindex != 0 {
			names = append(names, ifname(l.Ifindex))
		}
	}
	monitor, err := netmon.Open(names)
	if err != nil {
		return err
	}
	h.d.task(func(ctx context.Context) error { return monitor.Run(ctx, h.linkNews) })
	return nil
}

func (h *homeAgent) linkNews(ev role.Event) {
	switch ev := ev.(type) {
	case role.LinkDown:
		h.d.engine.Post(ev)
	case role.LinkUp:
		if !h.onHomeLink(ev.Ifindex) {
			return // another one of that name; that ours is gone ends the daemon (proxynd)
		}
		h.d.problems.set("home link "+ev.Name, h.anycasts.again(ev.Ifindex))
		h.d.engine.Post(ev)
	}
}

func (h *homeAgent) onHomeLink(ifindex int) bool {
	return slices.ContainsFunc(h.params.Links, func(l ha.Link) bool { return l.Ifindex == ifindex })
}

// hearRouters listens for the advertisements of other home agents.
func (h *homeAgent) hearRouters() error {
	routers, err := mhsock.ListenRouters(h.onHomeLink, h.d.counters.Add)
	if err != nil {
		return err
	}
	h.d.keep(routers)
	h.d.task(func(ctx context.Context) error { return routers.Run(ctx, h.d.engine.Offer) })
	return nil
}

// linkParams converts the configuration; interfaces are those of links.
func (h *homeAgent) linkParams(c *config.HomeAgent, links []ha.Link) homelink.Params {
	p := homelink.Params{
		Routers:  slices.ContainsFunc(c.MobileNodes, func(m config.MobileNodeEntry) bool { return m.Router }),
		SA:       func(home netip.Addr) uint32 { return h.guard.Reqid(home, xfrmmig.ForSignalling) },
		Binding:  func(home netip.Addr) (role.Binding, bool) { return h.machine.Binding(home) },
		Bindings: func() iter.Seq[role.Binding] { return h.machine.All() },
	}
	if a := c.PrefixAdvertisements; a != nil {
		p.Deliveries = &homelink.Deliveries{MinInterval: a.MinInterval, MaxInterval: a.MaxInterval, Solicited: !a.Unsolicited}
	}
	for i, l := range c.Links {
		out := homelink.Link{
			Ifindex: links[i].Ifindex, Address: l.Address, Preference: uint16(l.Preference), Lifetime: l.HomeAgentLifetime,
		}
		if ifi, err := net.InterfaceByIndex(out.Ifindex); err == nil {
			out.LinkAddr, out.Down = ifi.HardwareAddr, ifi.Flags&net.FlagRunning == 0
		}
		for _, x := range l.Prefixes {
			out.Prefixes = append(out.Prefixes, homelink.Prefix{Prefix: x.Prefix, Valid: x.Valid, Preferred: x.Preferred})
		}
		if a := l.Advertise; a != nil {
			out.Advertise = &homelink.Advertise{
				MinInterval: a.MinInterval, MaxInterval: a.MaxInterval, RouterLifetime: a.RouterLifetime,
				AnswerDelay: a.AnswerDelay, MinDelay: a.MinDelay,
				Solicited: !a.Unsolicited, NoInterval: !a.IntervalOption,
			}
		}
		p.Links = append(p.Links, out)
	}
	return p
}

func (h *homeAgent) homeAgents(now time.Time) []ctl.HomeAgent {
	var list []ctl.HomeAgent
	for _, a := range h.links.Agents() {
		left := ctl.Forever
		if !a.Self {
			left = ctl.Seconds(max(a.Expires.Sub(now), 0))
		}
		list = append(list, ctl.HomeAgent{
			Interface: ifname(a.Ifindex), Self: a.Self, Draining: a.Leaving, Router: a.Router, Addresses: a.Addresses, Preference: a.Preference,
			MobileRouters: a.Routers, Remaining: left, Advertisements: a.Heard,
		})
	}
	return list
}
