package mhsock

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"
)

// longAgo is a read deadline that has passed.
var longAgo = time.Unix(1, 0)

// hopLimit of what we send off the link.
const hopLimit = 64

// option is one integer socket option.
type option struct {
	level, name, value int
	what               string
}

// receiveOptions ask for the ancillary data that packets are understood by.
var receiveOptions = []option{
	{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"},
	{unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1, "IPV6_RECVHOPLIMIT"},
	{unix.IPPROTO_IPV6, unix.IPV6_RECVDSTOPTS, 1, "IPV6_RECVDSTOPTS"},
	{unix.IPPROTO_IPV6, unix.IPV6_RECVRTHDR, 1, "IPV6_RECVRTHDR"},
	{unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, hopLimit, "IPV6_UNICAST_HOPS"},
}

// openRaw opens a raw IPv6 socket and prepares it before the first packet can
// be read from it.
func openRaw(proto int, name string, prepare func(*socket.Conn) error) (_ *socket.Conn, err error) {
	s, err := socket.Socket(unix.AF_INET6, unix.SOCK_RAW, proto, name, nil)
	if err != nil {
		return nil, fmt.Errorf("open a raw socket for %s (it needs CAP_NET_RAW): %w", name, err)
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := prepare(s); err != nil {
		return nil, err
	}
	if err := setOptions(s, name, receiveOptions); err != nil {
		return nil, err
	}
	// Linux 5.19. Without it nothing counts as protected.
	_ = s.SetsockoptInt(unix.SOL_SOCKET, unix.SO_RCVMARK, 1)
	// Best effort: a smaller queue only loses more of a flood.
	_ = s.SetReadBuffer(readBuffer)
	return s, nil
}

func setOptions(s *socket.Conn, name string, options []option) error {
	for _, o := range options {
		if err := s.SetsockoptInt(o.level, o.name, o.value); err != nil {
			return fmt.Errorf("set %s on the socket for %s: %w", o.what, name, err)
		}
	}
	return nil
}

// outgoing is a packet to send; addresses are those of the wire.
type outgoing struct {
	ifindex  int
	src, dst netip.Addr
	home     netip.Addr // Home Address option
	routing  netip.Addr // type 2 routing header
	body     []byte
}

// check finds what the kernel would answer with a bare EINVAL, or worse, send.
func (o outgoing) check() error {
	for _, a := range []struct {
		what  string
		addr  netip.Addr
		avoid bool
	}{
		{"source", o.src, false}, {"destination", o.dst, true}, {"home address", o.home, false}, {"home address in the routing header", o.routing, false},
	} {
		if !a.addr.IsValid() && !a.avoid {
			continue
		}
		if !a.addr.Is6() || a.addr.Is4In6() {
			return fmt.Errorf("%s %q is no IPv6 address", a.what, a.addr)
		}
	}
	if o.dst.IsUnspecified() {
		return fmt.Errorf("destination is unspecified")
	}
	return nil
}

// send hands one packet to the kernel without waiting for room in its queue:
// the caller is the engine, and protocol messages are repeated anyway.
func send(s *socket.Conn, o outgoing) error {
	if err := o.check(); err != nil {
		return err
	}
	a := ancillary{ifindex: o.ifindex, local: o.src, home: o.home}
	to := o.dst
	if o.routing.IsValid() {
		// The socket wants the last destination as the packet's and the
		// first in the header; the kernel exchanges them (RFC 3542 §7).
		a.routing, to = o.dst, o.routing
	}
	sa := &unix.SockaddrInet6{Addr: to.As16()}
	if to.IsLinkLocalUnicast() || to.IsLinkLocalMulticast() {
		sa.ZoneId = uint32(o.ifindex)
	}
	oob := a.encode()
	var serr error
	err := s.WriteFunc(context.Background(), "sendmsg", func(fd int) error {
		_, serr = unix.SendmsgN(fd, o.body, oob, sa, unix.MSG_DONTWAIT)
		return nil // also for EAGAIN
	})
	if err == nil {
		err = serr
	}
	if errors.Is(err, unix.EINVAL) && o.src.IsValid() {
		// The kernel's only word for it.
		err = fmt.Errorf("%w (is %s an address of this machine, and not tentative?)", err, o.src)
	}
	return err
}
