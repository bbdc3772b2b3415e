// Package clsact puts BPF programs on the clsact hooks of interfaces, and takes them off
// again. A filter's name tells whose it is, and whether the qdisc came with it: the qdisc
// itself can carry no mark. Programs take the place of those of an earlier run without a gap.
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
	made, err := Ensure(nl, ifindex)
	if err != nil {
		return err
	}
	mark := ""
	if made {
		mark = ourQdisc
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
			return fmt.Errorf("put the filter %s on interface %d (priority %d): %w", name, ifindex, p.Priority, err)
		}
	}
	return nil
}

// Ensure sees that an interface has a clsact qdisc and tells whether it had to be made.
func Ensure(nl *netlink.Handle, ifindex int) (made bool, err error) {
	link, err := nl.LinkByIndex(ifindex)
	if err != nil {
		return false, fmt.Errorf("look at interface %d: %w", ifindex, err)
	}
	err = nl.QdiscAdd(qdisc(ifindex))
	switch {
	case err == nil:
		if link.Attrs().TxQLen == 0 {
			// The first qdisc would give the device a queue length; ours queues nothing.
			err = nl.LinkSetTxQLen(link, 0)
		}
		made = true
	case errors.Is(err, unix.EEXIST):
		err = nil // an ingress qdisc gives the same answer, and filters work on it as well
	}
	if err != nil {
		return made, fmt.Errorf("add a clsact qdisc to %s: %w", link.Attrs().Name, err)
	}
	return made, nil
}

func qdisc(ifindex int) *netlink.Clsact {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: ifindex, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
}

// Filters lists the filters on one of an interface's hooks (netlink.HANDLE_MIN_INGRESS,
// HANDLE_MIN_EGRESS): none where there is no qdisc, which the kernel answers with EINVAL.
func Filters(nl *netlink.Handle, ifindex int, parent uint32) ([]netlink.Filter, error) {
	filters, err := nl.FilterList(linkIndex(ifindex), parent)
	if err != nil && !errors.Is(err, unix.EINVAL) {
		return nil, fmt.Errorf("list the filters of interface %d: %w", ifindex, err)
	}
	return filters, nil
}

// NameOf is the name that a filter was given, without the note about the qdisc.
func NameOf(f *netlink.BpfFilter) string { return strings.TrimSuffix(f.Name, ourQdisc) }

func find(nl *netlink.Handle, ifindex int, parent uint32, p Place) *netlink.BpfFilter {
	filters, err := Filters(nl, ifindex, parent)
	if err != nil {
		return nil
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
			if f == nil || !slices.Contains(names, NameOf(f)) {
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
		if filters, err := Filters(nl, ifindex, parent); err != nil || len(filters) > 0 {
			return err
		}
	}
	if err := nl.QdiscDel(qdisc(ifindex)); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove the clsact qdisc of interface %d: %w", ifindex, err)
	}
	return nil
}
