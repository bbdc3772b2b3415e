package ingress

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"mip6d/internal/clsact"
)

// place is where our filters stand.
func (c Config) place() clsact.Place { return clsact.Place{Priority: c.Priority, Handle: c.Handle} }

// AttachTunnel puts the source check on the ingress of the shared tunnel
// device, in one step where a filter of ours is there. Needed only for a
// device that was created after New.
func (g *Gate) AttachTunnel(ifindex int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cfg.Tunnel = ifindex
	return g.attachTunnel()
}

func (g *Gate) attachTunnel() error {
	return g.attach(g.cfg.Tunnel, clsact.Hooks{In: g.tunnel, InName: tunnelFilterName, Out: g.routability, OutName: routabilityFilterName})
}

// AttachHomeLink puts the gate for neighbour discovery on the ingress of a home
// link. Needed only for a link that was created after New.
func (g *Gate) AttachHomeLink(ifindex int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.attachLink(ifindex)
}

func (g *Gate) attachAll() error {
	if g.cfg.Tunnel != 0 {
		if err := g.attachTunnel(); err != nil {
			return err
		}
	}
	for _, link := range g.cfg.HomeLinks {
		if err := g.attachLink(link); err != nil {
			return err
		}
	}
	return nil
}

func (g *Gate) attachLink(ifindex int) error {
	return g.attach(ifindex, clsact.Hooks{In: g.link, InName: linkFilterName})
}

func (g *Gate) attach(ifindex int, h clsact.Hooks) error {
	if _, err := g.ourFilter(ifindex); err != nil {
		return err
	}
	return clsact.Attach(g.nl, ifindex, g.cfg.place(), h)
}

// ourFilter returns the filter at our place on an interface, or nil. A filter
// at our place that is not ours is an error: it must not be replaced.
func (g *Gate) ourFilter(ifindex int) (*netlink.BpfFilter, error) {
	filters, err := clsact.Filters(g.nl, ifindex, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return nil, err
	}
	for _, f := range filters {
		a := f.Attrs()
		if a.Priority != g.cfg.Priority {
			continue
		}
		b, ok := f.(*netlink.BpfFilter)
		if !ok {
			return nil, fmt.Errorf("interface %d has a filter of type %s at priority %d, which is ours: remove it or configure another priority",
				ifindex, f.Type(), g.cfg.Priority)
		}
		if a.Handle != g.cfg.Handle {
			continue
		}
		if base := clsact.NameOf(b); base != tunnelFilterName && base != linkFilterName {
			return nil, fmt.Errorf("interface %d has the filter %q at priority %d handle %#x, which is ours: remove it or configure another priority",
				ifindex, b.Name, g.cfg.Priority, g.cfg.Handle)
		}
		return b, nil
	}
	return nil, nil
}

// Detach removes our filters from every interface that has one in this network
// namespace, whichever run put them there, and each clsact qdisc that we
// created and that has no other filter. The Gate cannot be used afterwards but
// for Close.
func (g *Gate) Detach() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return detach(g.nl, g.cfg)
}

// Cleanup does what Detach does without a Gate, for a process that only cleans
// up. It needs no BPF.
func Cleanup(cfg Config) error {
	nl, err := netlink.NewHandle()
	if err != nil {
		return fmt.Errorf("open rtnetlink for the ingress gates: %w", err)
	}
	defer nl.Close()
	return detach(nl, cfg.withDefaults())
}

func detach(nl *netlink.Handle, cfg Config) error {
	return clsact.Detach(nl, cfg.place(), tunnelFilterName, linkFilterName, routabilityFilterName)
}
