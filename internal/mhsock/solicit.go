package mhsock

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// ndHopLimit is that of every neighbour discovery packet, RFC 4861 §4.1.
const ndHopLimit = 255

var allRouters = netip.MustParseAddr("ff02::2")

// Solicitor sends Router and Neighbor Solicitations from the unspecified address (RFC 4861
// §6.3.7). A raw IPv6 socket cannot: the kernel refuses to send before the
// link-local address has passed duplicate address detection, a second after
// the link came up. A packet socket can at once.
type Solicitor struct {
	sock *socket.Conn
}

// NewSolicitor opens the packet socket in the current network namespace. It
// receives nothing.
func NewSolicitor() (*Solicitor, error) {
	const noProtocol = 0
	s, err := socket.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, noProtocol, "router-solicitation", nil)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket for Router Solicitations (it needs CAP_NET_RAW): %w", err)
	}
	return &Solicitor{sock: s}, nil
}

// SolicitRouter carries out the effect.
func (s *Solicitor) SolicitRouter(e role.SolicitRouter) error {
	if err := s.send(e.Ifindex, allRouters, solicitation()); err != nil {
		return fmt.Errorf("solicit routers on interface %d: %w", e.Ifindex, err)
	}
	return nil
}

// SolicitNeighbor carries out the effect.
func (s *Solicitor) SolicitNeighbor(e role.SolicitNeighbor) error {
	group := icmp6.SolicitedNode(e.Target)
	body, err := icmp6.Marshal(&icmp6.NeighborSolicitation{Target: e.Target})
	if err == nil {
		err = s.send(e.Ifindex, group, fromUnspecified(group, body))
	}
	if err != nil {
		return fmt.Errorf("solicit %s on interface %d: %w", e.Target, e.Ifindex, err)
	}
	return nil
}

// send multicasts a packet on a link.
func (s *Solicitor) send(ifindex int, to6 netip.Addr, p []byte) error {
	group := to6.As16()
	to := &unix.SockaddrLinklayer{
		Ifindex: ifindex, Protocol: networkOrder(unix.ETH_P_IPV6),
		// The multicast mapping of Ethernet (RFC 2464 §7). Links that have no
		// addresses of their own ignore it.
		Halen: 6, Addr: [8]byte{0x33, 0x33, group[12], group[13], group[14], group[15]},
	}
	var serr error
	err := s.sock.WriteFunc(context.Background(), "sendto", func(fd int) error {
		serr = unix.Sendto(fd, p, unix.MSG_DONTWAIT, to)
		return nil // also for EAGAIN
	})
	if err == nil {
		err = serr
	}
	return err
}

// Close releases the socket.
func (s *Solicitor) Close() error { return s.sock.Close() }

// solicitation is the IPv6 packet. It has no Source Link-Layer Address option:
// from the unspecified address it must not (RFC 4861 §4.1).
func solicitation() []byte {
	return fromUnspecified(allRouters, []byte{byte(icmp6.TypeRouterSolicitation), 7: 0})
}

// fromUnspecified puts an IPv6 header before an ICMPv6 message, whose checksum it fills in.
func fromUnspecified(to netip.Addr, body []byte) []byte {
	const ipv6Len = 40
	b := make([]byte, ipv6Len, ipv6Len+len(body))
	b[0], b[6], b[7] = 6<<4, protoICMPv6, ndHopLimit
	binary.BigEndian.PutUint16(b[4:], uint16(len(body)))
	d := to.As16()
	copy(b[24:], d[:])
	b = append(b, body...)
	icmp6.SetChecksum(b[ipv6Len:], netip.IPv6Unspecified(), to)
	return b
}

func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}
