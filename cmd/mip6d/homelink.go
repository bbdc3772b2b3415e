package main

import (
	"context"
	"crypto/rand"
	"errors"
	"iter"
	"net"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/config"
	"mip6d/internal/ctl"
	"mip6d/internal/ha"
	"mip6d/internal/homelink"
	"mip6d/internal/icmp6"
	"mip6d/internal/mhsock"
	"mip6d/internal/role"
	"mip6d/internal/xfrmmig"
)

// loopback is where anycast addresses of virtual home links are taken.
const loopback = 1

// anycast is a home agents' anycast address and where it is taken.
type anycast struct {
	ifindex int
	address netip.Addr
}

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
	return h.takeAnycast(p)
}

// takeAnycast takes the anycast addresses of what is served, and gives up
// others.
func (h *homeAgent) takeAnycast(p homelink.Params) error {
	want := anycasts(p)
	var errs []error
	for _, a := range want {
		if !slices.Contains(h.anycasts, a) {
			errs = append(errs, h.onLinks.JoinAnycast(a.ifindex, a.address))
		}
	}
	for _, a := range h.anycasts {
		if !slices.Contains(want, a) {
			errs = append(errs, h.onLinks.LeaveAnycast(a.ifindex, a.address))
		}
	}
	h.anycasts = want
	return errors.Join(errs...)
}

// anycasts are the addresses at which the home agents of our links are looked
// for (RFC 6275 §8.4).
func anycasts(p homelink.Params) (list []anycast) {
	for _, l := range p.Links {
		on := loopback
		if l.Ifindex != 0 {
			on = l.Ifindex
		}
		for _, x := range l.Prefixes {
			list = append(list, anycast{on, icmp6.HomeAgentsAnycast(x.Prefix)})
		}
	}
	return list
}

// reloadLinks takes over what has changed about the home links.
func (h *homeAgent) reloadLinks(cfg *config.HomeAgent, links []ha.Link) error {
	p := h.linkParams(cfg, links)
	h.d.engine.Post(homelink.Reconfigured{Params: p})
	return h.takeAnycast(p)
}

// hearRouters listens for the advertisements of other home agents.
func (h *homeAgent) hearRouters() error {
	onHomeLink := func(ifindex int) bool {
		return slices.ContainsFunc(h.params.Links, func(l ha.Link) bool { return l.Ifindex == ifindex })
	}
	routers, err := mhsock.ListenRouters(onHomeLink, h.d.counters.Add)
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
			out.LinkAddr = ifi.HardwareAddr
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
			Interface: ifname(a.Ifindex), Self: a.Self, Router: a.Router, Addresses: a.Addresses, Preference: a.Preference,
			MobileRouters: a.Routers, Remaining: left, Advertisements: a.Heard,
		})
	}
	return list
}
