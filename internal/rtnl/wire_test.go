package rtnl

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// TestKernelWhatLeavesOnTheWire sends datagrams by sockets that are bound to
// nothing, to the home address and to the care-of address, and reads from the
// link what came of them.
//
// Requirements: 6275-8.5-3, 6275-11.3.1-10
func TestKernelWhatLeavesOnTheWire(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	must(t, netlink.NeighSet(&netlink.Neigh{
		LinkIndex: eth0, State: unix.NUD_PERMANENT, IP: net.ParseIP("fe80::1"), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1},
	}))
	wire := sniff(t, "peer0")
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	inHomeSubnet := netip.MustParseAddr("2001:db8:1::77")
	var tunnelled = fmt.Sprintf("%s > %s carrying %s > ", coa, ha, hoa)
	var plain = fmt.Sprintf("%s > ", coa)
	const nothing = ""
	for _, c := range []struct {
		mode role.PathMode
		from netip.Addr
		to   netip.Addr
		want string
	}{
		{role.PathTunnelled, netip.Addr{}, cn, tunnelled + cn.String()},
		{role.PathTunnelled, hoa, cn, tunnelled + cn.String()},
		{role.PathTunnelled, netip.Addr{}, inHomeSubnet, tunnelled + inHomeSubnet.String()},
		{role.PathTunnelled, coa, cn, plain + cn.String()},
		{role.PathTunnelled, coa, ha, plain + ha.String()},
		{role.PathBlocked, netip.Addr{}, cn, nothing},
		{role.PathBlocked, hoa, cn, nothing},
		{role.PathBlocked, coa, cn, plain + cn.String()},
		{role.PathDeregistering, hoa, cn, nothing},
		{role.PathAnswering, hoa, cn, nothing},
	} {
		must(t, setPath(m, homePath(c.mode, eth0)))
		err := send(c.from, c.to)
		if c.want == nothing && err == nil {
			err = fmt.Errorf("sent")
		} else if c.want == nothing {
			err = nil
		}
		if err != nil {
			t.Errorf("%v from %v to %s: %v", c.mode, c.from, c.to, err)
		}
		if got := wire.next(t, c.want != nothing); got != c.want {
			t.Errorf("%v from %v to %s: on the wire is %q, want %q", c.mode, c.from, c.to, got, c.want)
		}
	}
}

// send sends a datagram by a socket that is bound to an address or, if that is
// invalid, to nothing.
func send(from, to netip.Addr) error {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if from.IsValid() {
		if err := unix.Bind(fd, &unix.SockaddrInet6{Addr: from.As16()}); err != nil {
			return err
		}
	}
	return unix.Sendto(fd, []byte("hello"), 0, &unix.SockaddrInet6{Port: 9, Addr: to.As16()})
}

// sniffer reads datagrams, tunnelled or not, from an interface.
type sniffer struct{ fd int }

func sniff(t *testing.T, name string) sniffer {
	t.Helper()
	proto := uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(proto))
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	l, err := netlink.LinkByName(name)
	must(t, err)
	must(t, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: l.Attrs().Index}))
	return sniffer{fd}
}

// next describes the next datagram. Where none is expected, a short wait must do.
func (s sniffer) next(t *testing.T, expected bool) string {
	t.Helper()
	wait := 100 * time.Millisecond
	if expected {
		wait = 5 * time.Second
	}
	tv := unix.NsecToTimeval(int64(wait))
	must(t, unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	b := make([]byte, 2048)
	for {
		n, sa, err := unix.Recvfrom(s.fd, b, 0)
		if err != nil {
			return ""
		}
		if ll, ok := sa.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		if d := describe(b[:n]); d != "" {
			return d
		}
	}
}

func describe(b []byte) string {
	if len(b) < 40 || b[0]>>4 != 6 {
		return ""
	}
	src, _ := netip.AddrFromSlice(b[8:24])
	dst, _ := netip.AddrFromSlice(b[24:40])
	ends := fmt.Sprintf("%s > %s", src, dst)
	switch b[6] {
	case unix.IPPROTO_UDP:
		return ends
	case unix.IPPROTO_IPV6:
		return ends + " carrying " + describe(b[40:])
	}
	return ""
}
