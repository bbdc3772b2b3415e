package mcast

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

const (
	hopLimit  = 64 // of the tunnel's header
	sendBatch = 64 // copies with one system call
)

// tunnel is a raw socket of the tunnels' protocol, IPv6 in IPv6. The kernel makes the
// outer header, finds the way, applies IPsec, and fragments what the path does not take (RFC
// 2473 §7.1).
type tunnel struct {
	sock  *socket.Conn
	heads [sendBatch]mmsghdr
	names [sendBatch]unix.RawSockaddrInet6
	infos [sendBatch]pktinfo
	iov   unix.Iovec
}

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	hdr  unix.Msghdr
	size uint32
}

// pktinfo is a control message of type IPV6_PKTINFO; it has the source address. The padding is
// that of CMSG_SPACE.
type pktinfo struct {
	hdr  unix.Cmsghdr
	info unix.Inet6Pktinfo
	_    [4]byte
}

func openTunnel() (_ *tunnel, err error) {
	s, err := socket.Socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_IPV6, "mcast-tunnel", nil)
	if err != nil {
		return nil, fmt.Errorf("open a raw socket for tunnelled packets (it needs CAP_NET_RAW): %w", err)
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	f, err := listenerFilter()
	if err != nil {
		return nil, err
	}
	if err := s.SetBPF(f); err != nil {
		return nil, fmt.Errorf("set the filter for multicast listeners: %w", err)
	}
	for _, opt := range []int{unix.IPV6_RECVPKTINFO, unix.IPV6_UNICAST_HOPS} {
		value := 1
		if opt == unix.IPV6_UNICAST_HOPS {
			value = hopLimit
		}
		if err := s.SetsockoptInt(unix.IPPROTO_IPV6, opt, value); err != nil {
			return nil, fmt.Errorf("set an option of the socket for tunnelled packets: %w", err)
		}
	}
	return &tunnel{sock: s}, nil
}

// send copies a packet into tunnels and says how many copies the kernel took. It may not be
// called at the same time by two goroutines.
func (t *tunnel) send(p []byte, to []tunnelEnds) (sent int) {
	t.iov = unix.Iovec{Base: &p[0]}
	t.iov.SetLen(len(p))
	for len(to) > 0 {
		n := min(len(to), sendBatch)
		for i, e := range to[:n] {
			t.names[i] = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: e.careOf.As16()}
			c := &t.infos[i]
			c.hdr = unix.Cmsghdr{Level: unix.IPPROTO_IPV6, Type: unix.IPV6_PKTINFO}
			c.hdr.SetLen(unix.CmsgLen(unix.SizeofInet6Pktinfo))
			c.info = unix.Inet6Pktinfo{Addr: e.homeAgent.As16()}
			h := &t.heads[i].hdr
			*h = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&t.names[i])), Namelen: unix.SizeofSockaddrInet6, Iov: &t.iov,
				Control: (*byte)(unsafe.Pointer(c))}
			h.SetIovlen(1)
			h.SetControllen(unix.CmsgSpace(unix.SizeofInet6Pktinfo))
		}
		sent += t.sendmmsg(n)
		to = to[n:]
	}
	return sent
}

// sendmmsg sends the first n messages. One that is refused is passed over.
func (t *tunnel) sendmmsg(n int) (sent int) {
	for from := 0; from < n; {
		took := 0
		// For none of them the socket waits: a packet that comes later is worth more.
		_ = t.sock.WriteFunc(context.Background(), "sendmmsg", func(fd int) error {
			got, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd),
				uintptr(unsafe.Pointer(&t.heads[from])), uintptr(n-from), unix.MSG_DONTWAIT, 0, 0)
			if errno == 0 {
				took = int(got)
			}
			return nil
		})
		sent += took
		from += max(took, 0)
		if took == 0 {
			from++
		}
	}
	return sent
}

// sendOne sends one packet of our own, and says what is wrong where that fails.
func sendOne(s *socket.Conn, e role.SendTunnelled) error {
	info := unix.PktInfo6(&unix.Inet6Pktinfo{Addr: e.HomeAgent.As16()})
	to := &unix.SockaddrInet6{Addr: e.CareOf.As16()}
	var serr error
	err := s.WriteFunc(context.Background(), "sendmsg", func(fd int) error {
		_, serr = unix.SendmsgN(fd, e.Packet, info, to, unix.MSG_DONTWAIT)
		return nil
	})
	if err = errors.Join(err, serr); err != nil {
		return fmt.Errorf("send a query to %s: %w", e.CareOf, err)
	}
	return nil
}

// listenerSize is more than a report has that fits into a packet.
const listenerSize = 2048

// run hands what listeners say to out, until the socket's deadline.
func (t *tunnel) run(ctx context.Context, out func(homeAgent, careOf netip.Addr, packet []byte)) error {
	buf, oob := make([]byte, listenerSize), make([]byte, 64)
	return receive(ctx, t.sock, "what multicast listeners say", func(fd int) error {
		n, oobn, flags, from, err := unix.Recvmsg(fd, buf, oob, unix.MSG_DONTWAIT)
		if err != nil {
			return err
		}
		src, ok := from.(*unix.SockaddrInet6)
		dst, found := destination(oob[:oobn])
		if ok && found && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) == 0 {
			out(dst, netip.AddrFrom16(src.Addr), append([]byte(nil), buf[:n]...))
		}
		return nil
	})
}

// destination finds the address of ours in a control message.
func destination(oob []byte) (netip.Addr, bool) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return netip.Addr{}, false
	}
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= 16 {
			return netip.AddrFrom16([16]byte(m.Data)), true
		}
	}
	return netip.Addr{}, false
}
