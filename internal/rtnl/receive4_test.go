package rtnl

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// In a planned handover the home agent may use either care-of address: what comes to the
// one that is not the tunnel's end point is received as well, IPv4 packets too, where
// the administrator has the kernel ask whether the way back is the same (rp_filter).
func TestKernelIPv4IsReceivedAtEitherCareOfAddress(t *testing.T) {
	for _, filter := range []string{"0", "1", "2"} {
		t.Run("rp_filter "+filter, func(t *testing.T) { receivedAtEither(t, filter) })
	}
}

func receivedAtEither(t *testing.T, filter string) {
	testkernel.Namespace(t)
	for _, of := range []string{"all", "default"} {
		must(t, os.WriteFile("/proc/sys/net/ipv4/conf/"+of+"/rp_filter", []byte(filter), 0))
	}
	index := link(t)
	eth0, err := netlink.LinkByIndex(index)
	must(t, err)
	other := coa.Next()
	must(t, netlink.AddrAdd(eth0, &netlink.Addr{
		IPNet: &net.IPNet{IP: other.AsSlice(), Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD,
	}))
	localRoute(t, other)
	m, err := OpenMobileNode(Marks{}, true)
	must(t, err)
	defer m.Close()
	must(t, setPath(m, homePath(role.PathTunnelled, index)))
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(hoa4, 9)))
	must(t, err)
	defer c.Close()
	for i, to := range []netip.Addr{coa, other, coa} {
		sendInto(t, eth0, ipv6(ha, to, unix.IPPROTO_IPIP, udp4(cn4, hoa4, byte(i))))
		must(t, c.SetReadDeadline(time.Now().Add(2*time.Second)))
		b := make([]byte, 10)
		if n, err := c.Read(b); err != nil || n != 1 || b[0] != byte(i) {
			t.Errorf("to %s: %x, %v", to, b[:n], err)
		}
	}
}

// sendInto has an IPv6 packet come in by eth0.
func sendInto(t *testing.T, eth0 netlink.Link, packet []byte) {
	t.Helper()
	peer, err := netlink.LinkByName("peer0")
	must(t, err)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	to := &unix.SockaddrLinklayer{Protocol: 0xdd86, Ifindex: peer.Attrs().Index, Halen: 6}
	copy(to.Addr[:], eth0.Attrs().HardwareAddr)
	must(t, unix.Sendto(fd, packet, 0, to))
}

// udp4 is a datagram of one octet between the ports 9.
func udp4(src, dst netip.Addr, data byte) []byte {
	b := make([]byte, 29)
	b[0], b[3], b[8], b[9] = 0x45, 29, 64, unix.IPPROTO_UDP
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum+sum>>16))
	b[21], b[23], b[25], b[28] = 9, 9, 9, data
	return b
}
