package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"mip6d/test/netns/node"
)

// Injector sends frames, with their link-layer header, out of an interface.
type Injector struct {
	fd   int
	to   unix.SockaddrLinklayer
	name string
}

// OpenInjector opens one.
func OpenInjector(n *node.Node, ifname string) (*Injector, error) {
	link, err := n.Link(ifname)
	if err != nil {
		return nil, err
	}
	i := &Injector{to: unix.SockaddrLinklayer{Ifindex: link.Attrs().Index}, name: n.Name + ": inject into " + ifname}
	err = n.Do(func() (err error) {
		i.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.name, err)
	}
	return i, nil
}

// Unseen has captures on the interface not see what is sent: a flood would keep them busy.
func (i *Injector) Unseen() error {
	if err := unix.SetsockoptInt(i.fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		return fmt.Errorf("%s: set PACKET_QDISC_BYPASS: %w", i.name, err)
	}
	return nil
}

// Send sends one frame.
func (i *Injector) Send(frame []byte) error {
	if err := unix.Sendto(i.fd, frame, 0, &i.to); err != nil {
		return fmt.Errorf("%s: %w", i.name, err)
	}
	return nil
}

// Close ends it.
func (i *Injector) Close() error { return unix.Close(i.fd) }

// Inject sends one frame out of an interface.
func Inject(n *node.Node, ifname string, frame []byte) error {
	i, err := OpenInjector(n, ifname)
	if err != nil {
		return err
	}
	return errors.Join(i.Send(frame), i.Close())
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
