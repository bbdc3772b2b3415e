package rtnl

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// TestKernelRivalTunnels: which other tunnel devices take a mobile node's packets
// from the shared one is seen by sending some, and no binding is made then.
func TestKernelRivalTunnels(t *testing.T) {
	unspecified := netip.IPv6Unspecified()
	coa := coa.Next() // the kernel takes nothing from an address of its own
	for _, c := range []struct {
		name          string
		local, remote netip.Addr
		down          bool
		takes         bool
	}{
		{"the same ends", ha, coa, false, true},
		{"the same ends, but down", ha, coa, true, false},
		{"the same remote end", unspecified, coa, false, true},
		{"the same local end", ha, unspecified, false, true},
		{"another remote end", ha, coa.Next(), false, false},
		{"another local end", netip.MustParseAddr("2001:db8:9::1"), coa, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			testkernel.Namespace(t)
			link(t)
			l, err := netlink.LinkByName("peer0")
			must(t, err)
			must(t, netlink.AddrAdd(l, &netlink.Addr{
				IPNet: &net.IPNet{IP: ha.AsSlice(), Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD,
			}))
			b, err := OpenBindings(Marks{})
			must(t, err)
			defer b.Close()
			binding := role.Binding{HomeAddress: hoa, CareOf: coa, HomeAgent: ha}
			must(t, b.Set([]role.Binding{binding})[0])
			if received(t, b.Device(), l.Attrs().Index, coa) == 0 {
				t.Fatal("the shared device gets nothing: this test shows nothing")
			}
			rival := netlink.NewLinkAttrs()
			rival.Name = "rival"
			must(t, netlink.LinkAdd(&netlink.Ip6tnl{LinkAttrs: rival, Local: c.local.AsSlice(), Remote: c.remote.AsSlice()}))
			r, err := netlink.LinkByName("rival")
			must(t, err)
			if !c.down {
				must(t, netlink.LinkSetUp(r))
			}
			if got := received(t, b.Device(), l.Attrs().Index, coa) == 0; got != c.takes {
				t.Errorf("the kernel takes the packet from the shared device: %t, want %t", got, c.takes)
			}
			if err := b.Set([]role.Binding{binding})[0]; (err != nil) != c.takes {
				t.Errorf("making the binding: %v", err)
			}
			must(t, netlink.LinkDel(r))
			if err := b.Set([]role.Binding{binding})[0]; err != nil {
				t.Errorf("making the binding when the device is gone: %v", err)
			}
		})
	}
}

// received says how many packets a device got while one was sent to an
// interface, tunnelled from the care-of address to the home agent.
func received(t *testing.T, device, ifindex int, coa netip.Addr) uint64 {
	t.Helper()
	got := func() uint64 {
		l, err := netlink.LinkByIndex(device)
		must(t, err)
		return l.Attrs().Statistics.RxPackets + l.Attrs().Statistics.RxErrors
	}
	before := got()
	inner := ipv6(hoa, cn, unix.IPPROTO_NONE, nil)
	outer := ipv6(coa, ha, unix.IPPROTO_IPV6, inner)
	// Out of eth0 is into peer0, which has the home agent's address.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	eth0, err := netlink.LinkByName("eth0")
	must(t, err)
	peer, err := netlink.LinkByIndex(ifindex)
	must(t, err)
	to := &unix.SockaddrLinklayer{
		Protocol: 0xdd86, // ETH_P_IPV6 in network byte order
		Ifindex:  eth0.Attrs().Index, Halen: 6,
	}
	copy(to.Addr[:], peer.Attrs().HardwareAddr)
	must(t, unix.Sendto(fd, outer, 0, to))
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end) && got() == before; {
		time.Sleep(5 * time.Millisecond)
	}
	return got() - before
}

func ipv6(src, dst netip.Addr, next uint8, payload []byte) []byte {
	b := []byte{0x60, 0, 0, 0, byte(len(payload) >> 8), byte(len(payload)), next, 64}
	b = append(b, src.AsSlice()...)
	b = append(b, dst.AsSlice()...)
	return append(b, payload...)
}
