package mhsock

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/internal/exthdr"
	"mip6d/internal/icmp6"
)

// injector sends IPv6 packets that were built whole, IPv6 header included. It
// receives nothing (raw(7): IPPROTO_RAW).
type injector struct {
	sock *socket.Conn
}

func newInjector() (*injector, error) {
	s, err := socket.Socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_RAW, "mhsock-inject", nil)
	if err != nil {
		return nil, fmt.Errorf("open a raw socket for packets of our own making (it needs CAP_NET_RAW): %w", err)
	}
	return &injector{sock: s}, nil
}

// icmp sends one ICMPv6 message.
func (i *injector) icmp(o outgoing) error {
	if err := o.check(); err != nil {
		return err
	}
	if !o.src.IsValid() {
		return errors.New("a packet with a Home Address option needs its care-of address as the source")
	}
	if len(o.body) < 4 {
		return fmt.Errorf("ICMPv6 message of %d bytes", len(o.body))
	}
	p := icmpPacket(o)
	oob := ancillary{ifindex: o.ifindex, local: o.src}.encode()
	sa := &unix.SockaddrInet6{Addr: o.dst.As16()}
	var serr error
	err := i.sock.WriteFunc(context.Background(), "sendmsg", func(fd int) error {
		_, serr = unix.SendmsgN(fd, p, oob, sa, unix.MSG_DONTWAIT)
		return nil // also for EAGAIN
	})
	if err == nil {
		err = serr
	}
	return err
}

// icmpPacket builds the packet: IPv6 | RT2 | HAO | ICMPv6, in the order of RFC
// 6275 §6.3, with the checksum over the home addresses.
func icmpPacket(o outgoing) []byte {
	const ipv6Len = 40
	const headers = 48 // room for both, so that next stays where it points
	b := make([]byte, ipv6Len, ipv6Len+headers+len(o.body))
	b[0], b[7] = 6<<4, hopLimit
	s, d := o.src.As16(), o.dst.As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])

	next := &b[6] // the Next Header field that is still to be filled in
	from, to := o.src, o.dst
	if o.routing.IsValid() {
		*next = protoRouting
		at := len(b)
		b = append(b, routingHeader(0, o.routing)...)
		next, to = &b[at], o.routing
	}
	if o.home.IsValid() {
		*next = protoDstOptions
		at := len(b)
		b = append(b, exthdr.HomeAddressHeader(0, o.home)...)
		next, from = &b[at], o.home
	}
	*next = protoICMPv6
	at := len(b)
	b = append(b, o.body...)
	body := b[at:]
	icmp6.SetChecksum(body, from, to)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-ipv6Len))
	return b
}
