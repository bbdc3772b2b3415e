package sighting

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Of our filters on a tunnel device, which is ours alone.
const (
	priority = 6275
	handle   = 0x6275
)

// Attach puts the programs on both hooks of a tunnel device, in place of those of
// an earlier run. They go with the device.
func (w *Watch) Attach(ifindex int) error {
	link, err := w.nl.LinkByIndex(ifindex)
	if err != nil {
		return fmt.Errorf("look at interface %d: %w", ifindex, err)
	}
	err = w.nl.QdiscAdd(&netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: ifindex, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}})
	switch {
	case err == nil && link.Attrs().TxQLen == 0:
		// The first qdisc would give the device a queue length; ours queues
		// nothing.
		err = w.nl.LinkSetTxQLen(link, 0)
	case errors.Is(err, unix.EEXIST):
		err = nil
	}
	if err != nil {
		return fmt.Errorf("add a clsact qdisc to %s: %w", link.Attrs().Name, err)
	}
	for _, hook := range []struct {
		parent  uint32
		program *ebpf.Program
		name    string
	}{
		{netlink.HANDLE_MIN_INGRESS, w.in, "mip6_peers_in"},
		{netlink.HANDLE_MIN_EGRESS, w.out, "mip6_peers_out"},
	} {
		if err := w.nl.FilterReplace(&netlink.BpfFilter{
			FilterAttrs: netlink.FilterAttrs{
				LinkIndex: ifindex, Parent: hook.parent, Handle: handle, Protocol: unix.ETH_P_ALL, Priority: priority,
			},
			Name: hook.name, Fd: hook.program.FD(), DirectAction: true,
		}); err != nil {
			return fmt.Errorf("put the filter %s on %s: %w", hook.name, link.Attrs().Name, err)
		}
	}
	return nil
}
