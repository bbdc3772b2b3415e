package netmon

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// TestKernelNews has a monitor listen to a veth pair being made, plugged,
// unplugged, given addresses and deleted.
func TestKernelNews(t *testing.T) {
	testkernel.Namespace(t)
	m, err := Open([]string{"eth0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	events := make(chan role.Event, 100)
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx, func(ev role.Event) { events <- ev }) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	expect := func(what string, ok func(role.Event) bool) {
		t.Helper()
		for {
			select {
			case ev := <-events:
				if ok(ev) {
					return
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("no news: %s", what)
			}
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	a := netlink.NewLinkAttrs()
	a.Name = "eth0"
	do(netlink.LinkAdd(&netlink.Veth{LinkAttrs: a, PeerName: "peer0"}))
	eth0, err := netlink.LinkByName("eth0")
	do(err)
	peer, err := netlink.LinkByName("peer0")
	do(err)
	isUp := func(ev role.Event) bool {
		up, ok := ev.(role.LinkUp)
		return ok && up.Ifindex == eth0.Attrs().Index && len(up.LinkAddr) == 6
	}
	isDown := func(ev role.Event) bool { _, ok := ev.(role.LinkDown); return ok }
	do(netlink.LinkSetUp(eth0))
	do(netlink.LinkSetUp(peer))
	expect("link up", isUp)
	do(netlink.LinkSetDown(peer))
	expect("carrier lost", isDown)
	do(netlink.LinkSetUp(peer))
	expect("carrier back", isUp)

	do(netlink.AddrAdd(eth0, &netlink.Addr{
		IPNet: &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD,
	}))
	expect("address ready", func(ev role.Event) bool { r, ok := ev.(role.AddressReady); return ok && r.Addr == addr })
	do(netlink.AddrDel(eth0, &netlink.Addr{IPNet: &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(64, 128)}}))
	expect("address gone", func(ev role.Event) bool { r, ok := ev.(role.AddressGone); return ok && r.Addr == addr })
	do(netlink.LinkDel(eth0))
	expect("interface deleted", isDown)
}
