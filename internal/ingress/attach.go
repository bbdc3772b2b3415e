package ingress

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ourQdisc ends the name of a filter for which we created the clsact qdisc.
// The qdisc itself can carry no mark, and a later process must know whether it
// may remove it.
const ourQdisc = "+clsact"

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
	if err := g.attach(g.cfg.Tunnel, g.tunnel, tunnelFilterName); err != nil {
		return err
	}
	return g.attachRoutability(g.cfg.Tunnel)
}

// AttachHomeLink puts the gate for neighbour discovery on the ingress of a home
// link. Needed only for a link that was created after New.
func (g *Gate) AttachHomeLink(ifindex int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.attach(ifindex, g.link, linkFilterName)
}

func (g *Gate) attachAll() error {
	if g.cfg.Tunnel != 0 {
		if err := g.attachTunnel(); err != nil {
			return err
		}
	}
	for _, link := range g.cfg.HomeLinks {
		if err := g.attach(link, g.link, linkFilterName); err != nil {
			return err
		}
	}
	return nil
}

func (g *Gate) attach(ifindex int, program *ebpf.Program, name string) error {
	created, err := ensureClsact(g.nl, ifindex)
	if err != nil {
		return err
	}
	f, err := g.ourFilter(ifindex)
	if err != nil {
		return err
	}
	if created || f != nil && strings.HasSuffix(f.Name, ourQdisc) {
		name += ourQdisc
	}
	if err := g.nl.FilterReplace(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: ifindex,
			Parent:    netlink.HANDLE_MIN_INGRESS,
			Handle:    g.cfg.Handle,
			Protocol:  unix.ETH_P_ALL,
			Priority:  g.cfg.Priority,
		},
		Name: name, Fd: program.FD(), DirectAction: true,
	}); err != nil {
		return fmt.Errorf("put the filter %s on interface %d (priority %d): %w", name, ifindex, g.cfg.Priority, err)
	}
	return nil
}

// ensureClsact sees that an interface has a clsact qdisc and tells whether it
// had to be created.
func ensureClsact(nl *netlink.Handle, ifindex int) (created bool, err error) {
	link, err := nl.LinkByIndex(ifindex)
	if err != nil {
		return false, fmt.Errorf("look at interface %d: %w", ifindex, err)
	}
	err = nl.QdiscAdd(clsact(ifindex))
	switch {
	case err == nil:
		// A device that was made without a queue length gets one with its
		// first qdisc, though ours queues nothing.
		if link.Attrs().TxQLen == 0 {
			err = nl.LinkSetTxQLen(link, 0)
		}
		return true, err
	case !errors.Is(err, unix.EEXIST):
		return false, fmt.Errorf("add a clsact qdisc to interface %d: %w", ifindex, err)
	}
	// EEXIST is the answer to an ingress qdisc as well, on which our filter
	// works as well.
	return false, nil
}

func clsact(ifindex int) *netlink.Clsact {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: ifindex,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_CLSACT,
	}}
}

// ourFilter returns the filter at our place on an interface, or nil. A filter
// at our place that is not ours is an error: it must not be replaced.
func (g *Gate) ourFilter(ifindex int) (*netlink.BpfFilter, error) {
	filters, err := ingressFilters(g.nl, ifindex)
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
		if base := strings.TrimSuffix(b.Name, ourQdisc); base != tunnelFilterName && base != linkFilterName {
			return nil, fmt.Errorf("interface %d has the filter %q at priority %d handle %#x, which is ours: remove it or configure another priority",
				ifindex, b.Name, g.cfg.Priority, g.cfg.Handle)
		}
		return b, nil
	}
	return nil, nil
}

// ingressFilters lists the filters on an interface's ingress hook. The kernel
// answers EINVAL where there is no qdisc to ask.
func ingressFilters(nl *netlink.Handle, ifindex int) ([]netlink.Filter, error) {
	filters, err := nl.FilterList(linkIndex(ifindex), netlink.HANDLE_MIN_INGRESS)
	if errors.Is(err, unix.EINVAL) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the ingress filters of interface %d: %w", ifindex, err)
	}
	return filters, nil
}

func linkIndex(ifindex int) netlink.Link {
	return &netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: ifindex}, LinkType: "any"}
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
	g := &Gate{cfg: cfg, nl: nl} // for its view of what is ours
	links, err := nl.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return fmt.Errorf("list interfaces to remove ingress filters: %w", err)
	}
	var errs []error
	for _, l := range links {
		ifindex := l.Attrs().Index
		f, err := g.ourFilter(ifindex)
		if err != nil || f == nil {
			continue // nothing there, or not ours
		}
		if err := nl.FilterDel(f); err != nil && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, fmt.Errorf("remove the filter %s from %s: %w", f.Name, l.Attrs().Name, err))
			continue
		}
		errs = append(errs, detachRoutability(nl, cfg, ifindex))
		if strings.HasSuffix(f.Name, ourQdisc) {
			errs = append(errs, removeQdisc(nl, ifindex))
		}
	}
	return errors.Join(errs...)
}

// removeQdisc removes a clsact qdisc unless it has filters, in either direction.
func removeQdisc(nl *netlink.Handle, ifindex int) error {
	for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		filters, err := nl.FilterList(linkIndex(ifindex), parent)
		if err != nil {
			return fmt.Errorf("list the filters of interface %d: %w", ifindex, err)
		}
		if len(filters) > 0 {
			return nil
		}
	}
	if err := nl.QdiscDel(clsact(ifindex)); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove the clsact qdisc of interface %d: %w", ifindex, err)
	}
	return nil
}
