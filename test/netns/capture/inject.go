package capture

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"mip6d/test/netns/node"
)

// Inject sends a frame, with its link-layer header, out of an interface.
func Inject(n *node.Node, ifname string, frame []byte) error {
	link, err := n.Link(ifname)
	if err != nil {
		return err
	}
	err = n.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index})
	})
	if err != nil {
		return fmt.Errorf("%s: inject into %s: %w", n.Name, ifname, err)
	}
	return nil
}

// IPv6Packet puts a header before a payload.
func IPv6Packet(src, dst netip.Addr, proto uint8, payload []byte) []byte {
	b := []byte{0x60, 0, 0, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	b = append(b, proto, 64)
	b = append(b, src.AsSlice()...)
	b = append(b, dst.AsSlice()...)
	return append(b, payload...)
}

// EthernetFrame puts an Ethernet header with a made-up source before a packet.
func EthernetFrame(dst string, packet []byte) []byte {
	mac, err := net.ParseMAC(dst)
	if err != nil {
		panic(err) // a constant of the test is wrong
	}
	frame := append([]byte(nil), mac...)
	frame = append(frame, 2, 0, 0, 0, 0xee, 1)
	frame = binary.BigEndian.AppendUint16(frame, unix.ETH_P_IPV6)
	return append(frame, packet...)
}
