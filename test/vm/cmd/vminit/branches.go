package main

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// keepBranches has the kernel's code for clsact qdiscs and for time stamps of packets in use as long as the VM lives.
//
// The kernel patches a branch into the path of every packet when the first user of either comes, and out of it with the last,
// which in tests is all the time. QEMU's emulation of several CPUs misses that now and then: a CPU that passes while another
// patches goes on with the breakpoint that stood there meanwhile, for ever (seen at the same instruction of
// __netif_receive_skb_core twice; the kernel calls it a soft lockup).
func keepBranches() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	clsact := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: lo.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
	if err := netlink.QdiscAdd(clsact); err != nil {
		return fmt.Errorf("clsact on lo: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) // open for good
	if err != nil {
		return err
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
}
