package main

import (
	"context"
	"crypto/rand"
	"net"
	"slices"

	"mip6d/internal/config"
	"mip6d/internal/ha"
	"mip6d/internal/homelink"
	"mip6d/internal/icmp6"
	"mip6d/internal/mhsock"
	"mip6d/internal/role"
)

// loopback is where anycast addresses of virtual home links are taken.
const loopback = 1

// openHomeLinks makes the machine for a home agent's links, and what it sends
// and hears with.
func (h *homeAgent) openHomeLinks(cfg *config.HomeAgent) (*mhsock.HomeLinks, error) {
	p := homeLinkParams(cfg, h.params.Links)
	links, err := mhsock.OpenHomeLinks(h.d.counters.Add)
	if err != nil {
		return nil, err
	}
	h.d.keep(links)
	for _, l := range p.Links {
		on := loopback
		if l.Ifindex != 0 {
			on = l.Ifindex
			if err := links.Join(on); err != nil {
				return nil, err
			}
		}
		for _, x := range l.Prefixes {
			if err := links.JoinAnycast(on, icmp6.HomeAgentsAnycast(x.Prefix)); err != nil {
				return nil, err
			}
		}
	}
	h.links = homelink.New(p, rand.Reader)
	return links, nil
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

// homeLinkParams converts the configuration; interfaces are those of links.
func homeLinkParams(c *config.HomeAgent, links []ha.Link) homelink.Params {
	p := homelink.Params{Routers: slices.ContainsFunc(c.MobileNodes, func(m config.MobileNodeEntry) bool { return m.Router })}
	for i, l := range c.Links {
		out := homelink.Link{
			Ifindex: links[i].Ifindex, Address: l.Address, Preference: uint16(l.Preference), Lifetime: l.HomeAgentLifetime,
		}
		if ifi, err := net.InterfaceByIndex(out.Ifindex); err == nil {
			out.LinkAddr = ifi.HardwareAddr
		}
		valid := l.ValidLifetime
		if valid == 0 {
			valid = role.Infinite
		}
		for _, prefix := range l.Prefixes {
			out.Prefixes = append(out.Prefixes, homelink.Prefix{Prefix: prefix, Valid: valid, Preferred: valid})
		}
		if a := l.Advertise; a != nil {
			out.Advertise = &homelink.Advertise{
				MinInterval: a.MinInterval, MaxInterval: a.MaxInterval, RouterLifetime: a.RouterLifetime, AnswerDelay: a.AnswerDelay, MinDelay: a.MinDelay,
			}
		}
		p.Links = append(p.Links, out)
	}
	return p
}
