// Package clsact puts BPF programs on the clsact hooks of interfaces, and takes them off
// again. A filter's name tells whose it is, and whether the qdisc came with it: the qdisc
// itself can carry no mark.
//
// internal/ingress has its own way, since its filters must be replaced by those of a later
// run without a gap.
package clsact

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Place is where on the hooks filters stand.
type Place struct {
	Priority uint16
	Handle   uint32
}

// Hooks are the programs of an interface; one that is nil has nothing to do.
type Hooks struct {
	In, Out         *ebpf.Program
	InName, OutName string
}

// ourQdisc ends the name of a filter for which we have made the qdisc.
const ourQdisc = "+clsact"

// Attach puts the programs on an interface, in place of those of an earlier run.
func Attach(nl *netlink.Handle, ifindex int, p Place, h Hooks) error {
	link, err := nl.LinkByIndex(ifindex)
	if err != nil {
		return fmt.Errorf("look at interface %d: %w", ifindex, err)
	}
	mark := ""
	err = nl.QdiscAdd(qdisc(ifindex))
	switch {
	case err == nil:
		mark = ourQdisc
		if link.Attrs().TxQLen == 0 {
			// The first qdisc would give the device a queue length; ours queues nothing.
			err = nl.LinkSetTxQLen(link, 0)
		}
	case errors.Is(err, unix.EEXIST):
		err = nil
	}
	if err != nil {
		return fmt.Errorf("add a clsact qdisc to %s: %w", link.Attrs().Name, err)
	}
	for _, x := range []struct {
		parent  uint32
		program *ebpf.Program
		name    string
	}{{netlink.HANDLE_MIN_INGRESS, h.In, h.InName}, {netlink.HANDLE_MIN_EGRESS, h.Out, h.OutName}} {
		if x.program == nil {
			continue
		}
		name := x.name + mark
		if old := find(nl, ifindex, x.parent, p); old != nil && strings.HasSuffix(old.Name, ourQdisc) {
			name = x.name + ourQdisc
		}
		if err := nl.FilterReplace(&netlink.BpfFilter{
			FilterAttrs: netlink.FilterAttrs{
				LinkIndex: ifindex, Parent: x.parent, Handle: p.Handle, Protocol: unix.ETH_P_ALL, Priority: p.Priority,
			},
			Name: name, Fd: x.program.FD(), DirectAction: true,
		}); err != nil {
			return fmt.Errorf("put the filter %s on %s: %w", name, link.Attrs().Name, err)
		}
	}
	return nil
}

func qdisc(ifindex int) *netlink.Clsact {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: ifindex, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
}

func find(nl *netlink.Handle, ifindex int, parent uint32, p Place) *netlink.BpfFilter {
	filters, err := nl.FilterList(linkIndex(ifindex), parent)
	if err != nil {
		return nil // no qdisc
	}
	for _, f := range filters {
		if b, ok := f.(*netlink.BpfFilter); ok && b.Priority == p.Priority && b.FilterAttrs.Handle == p.Handle {
			return b
		}
	}
	return nil
}

func linkIndex(ifindex int) netlink.Link {
	return &netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: ifindex}, LinkType: "any"}
}

// Detach takes the filters with a place and one of the names off all interfaces of the network
// namespace, whichever run put them there, and the qdisc where it was made for them and has no
// others.
func Detach(nl *netlink.Handle, p Place, names ...string) error {
	links, err := nl.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return fmt.Errorf("list interfaces to remove filters: %w", err)
	}
	var errs []error
	for _, l := range links {
		ifindex, made := l.Attrs().Index, false
		for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
			f := find(nl, ifindex, parent, p)
			if f == nil || !slices.Contains(names, strings.TrimSuffix(f.Name, ourQdisc)) {
				continue
			}
			made = made || strings.HasSuffix(f.Name, ourQdisc)
			if err := nl.FilterDel(f); err != nil && !errors.Is(err, unix.ENOENT) {
				errs = append(errs, fmt.Errorf("remove the filter %s from %s: %w", f.Name, l.Attrs().Name, err))
			}
		}
		if made {
			errs = append(errs, removeIfEmpty(nl, ifindex))
		}
	}
	return errors.Join(errs...)
}

func removeIfEmpty(nl *netlink.Handle, ifindex int) error {
	for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		filters, err := nl.FilterList(linkIndex(ifindex), parent)
		if err != nil {
			return fmt.Errorf("list the filters of interface %d: %w", ifindex, err)
		}
		if len(filters) > 0 {
			return nil
		}
	}
	if err := nl.QdiscDel(qdisc(ifindex)); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove the clsact qdisc of interface %d: %w", ifindex, err)
	}
	return nil
}
