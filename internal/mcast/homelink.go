package mcast

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"
)

// homeLink is the packet socket of a home link. While nobody listens there it is bound to
// no protocol and costs the link's packets nothing.
type homeLink struct {
	ifindex int
	addr    [6]byte
	sock    *socket.Conn
	filter  *groupFilter

	mu     sync.Mutex
	groups map[netip.Addr]bool // in the filter
}

const (
	bufferSize  = vnetLen + etherLen + 9216 // of a packet; larger ones fit into no tunnel
	bufferCount = 32                        // packets with one system call
	readBuffer  = 4 << 20                   // the kernel's queue before us
)

func openHomeLink(ifindex int) (_ *homeLink, err error) {
	ifi, err := net.InterfaceByIndex(ifindex)
	if err != nil {
		return nil, fmt.Errorf("forward multicast on interface %d: %w", ifindex, err)
	}
	if len(ifi.HardwareAddr) != 6 {
		return nil, fmt.Errorf("forward multicast on %s: its link-layer address %q is not Ethernet's: a home link must be Ethernet", ifi.Name, ifi.HardwareAddr)
	}
	l := &homeLink{ifindex: ifindex, addr: [6]byte(ifi.HardwareAddr), groups: make(map[netip.Addr]bool)}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.filter, err = newGroupFilter(); err != nil {
		return nil, fmt.Errorf("forward multicast on %s: %w", ifi.Name, err)
	}
	if l.sock, err = packetSocket(); err != nil {
		return nil, fmt.Errorf("open the packet socket of %s: %w", ifi.Name, err)
	}
	if err = l.sock.SetsockoptInt(unix.SOL_SOCKET, unix.SO_ATTACH_BPF, l.filter.program.FD()); err != nil {
		return nil, fmt.Errorf("set the filter of the packet socket of %s: %w", ifi.Name, err)
	}
	if err = l.bind(false); err != nil {
		return nil, fmt.Errorf("bind the packet socket of %s: %w", ifi.Name, err)
	}
	return l, nil
}

// packetSocket opens one that sees nothing before it is bound, and tells what is left to
// do of a packet's checksum.
func packetSocket() (_ *socket.Conn, err error) {
	s, err := socket.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0, "mcast", nil)
	if err != nil {
		return nil, err
	}
	if err := s.SetsockoptInt(unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		s.Close()
		return nil, fmt.Errorf("set PACKET_VNET_HDR: %w", err)
	}
	_ = s.SetReadBuffer(readBuffer) // best effort: a smaller one only loses more of a flood
	return s, nil
}

func (l *homeLink) bind(listening bool) error {
	sa := &unix.SockaddrLinklayer{Ifindex: l.ifindex}
	if listening {
		sa.Protocol = uint16(wireOrder(unix.ETH_P_ALL)) // which sees what we send, too
	}
	return l.sock.Bind(sa)
}

// show has the socket see a group's packets, or not any more.
func (l *homeLink) show(group netip.Addr, on bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on == l.groups[group] {
		return nil
	}
	key := group.As16()
	var err error
	if on {
		err = l.filter.groups.Put(key, uint8(1))
	} else if err = l.filter.groups.Delete(key); errors.Is(err, ebpf.ErrKeyNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("tell the filter of %s: %w", group, err)
	}
	if on {
		l.groups[group] = true
	} else {
		delete(l.groups, group)
	}
	if n := len(l.groups); n == 0 || on && n == 1 {
		if err := l.bind(n > 0); err != nil {
			return fmt.Errorf("bind the packet socket: %w", err)
		}
	}
	return nil
}

// send puts a packet on the link. The socket does not see what itself sends.
func (l *homeLink) send(p packet) error {
	frame := frameOf(p, l.addr)
	var serr error
	err := l.sock.WriteFunc(context.Background(), "send", func(fd int) error {
		serr = unix.Sendto(fd, frame, unix.MSG_DONTWAIT, &unix.SockaddrLinklayer{Ifindex: l.ifindex, Protocol: uint16(wireOrder(etherIPv6))})
		return nil
	})
	return errors.Join(err, serr)
}

func (l *homeLink) close() {
	if l.sock != nil {
		_ = l.sock.Close()
	}
	if l.filter != nil {
		l.filter.close()
	}
}

// frames reads packets of a packet socket, many with one system call.
type frames struct {
	heads [bufferCount]mmsghdr
	iovs  [bufferCount]unix.Iovec
	data  []byte
}

func newFrames() *frames {
	f := &frames{data: make([]byte, bufferCount*bufferSize)}
	for i := range f.heads {
		f.iovs[i].Base = &f.data[i*bufferSize]
		f.iovs[i].SetLen(bufferSize)
		f.heads[i].hdr.Iov = &f.iovs[i]
		f.heads[i].hdr.SetIovlen(1)
	}
	return f
}

// run hands frames to take, which may change them, until ctx ends; dropped is told how many the
// kernel had no room for.
func (f *frames) run(ctx context.Context, s *socket.Conn, what string, take func([]byte), dropped func(int)) error {
	return receive(ctx, s, what, func(fd int) error {
		got, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&f.heads[0])), bufferCount, unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			return errno
		}
		for i := range int(got) {
			size := min(int(f.heads[i].size), bufferSize)
			take(f.data[i*bufferSize:][:size])
		}
		if int(got) == bufferCount {
			if st, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil && st.Drops > 0 {
				dropped(int(st.Drops))
			}
		}
		return nil
	})
}

var longAgo = time.Unix(1, 0)

// receive calls read whenever there is something, until ctx ends; then it returns nil.
func receive(ctx context.Context, s *socket.Conn, what string, read func(fd int) error) error {
	stop := context.AfterFunc(ctx, func() { _ = s.SetReadDeadline(longAgo) })
	defer stop()
	for {
		err := s.ReadFunc(context.Background(), "recv", read)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil, errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENETDOWN):
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("receive %s: %w", what, err)
		default:
			return fmt.Errorf("receive %s: %w", what, err)
		}
	}
}

// networkOrder is what the kernel wants as a protocol number.
func networkOrder(v uint16) uint16 { return binary.NativeEndian.Uint16(be.AppendUint16(nil, v)) }
