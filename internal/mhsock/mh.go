package mhsock

import (
	"context"
	"encoding/binary"
	"fmt"
	"unsafe"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// protoMH is the Mobility Header's protocol number, RFC 6275 §6.1.
const protoMH = 135

// CountUnreadable counts packets that were truncated or came with ancillary
// data that makes no sense.
const CountUnreadable role.Counter = "packets_unreadable"

// MH sends and receives Mobility Header messages.
type MH struct {
	sock   *socket.Conn
	tunnel func(ifindex int, sa uint32) bool
	count  func(role.Counter)
}

// ListenMH opens the Mobility Header socket in the current network namespace.
// tunnel says which interfaces and security associations are a mobile node's
// tunnels from its home agents; it and count may be nil, and are called from any
// goroutine.
//
// The kernel has checked a message's length and Payload Proto before we see it
// and has answered where they are wrong (RFC 6275 §9.2); the checksum is left
// to the receiver, because the sender of a bad one must get no answer.
func ListenMH(tunnel func(ifindex int, sa uint32) bool, count func(role.Counter)) (*MH, error) {
	s, err := openRaw(protoMH, "the Mobility Header", func(s *socket.Conn) error {
		// The kernel would fill in the checksum itself, with the care-of
		// address where the home address belongs.
		return setOptions(s, "the Mobility Header", []option{
			{unix.IPPROTO_IPV6, unix.IPV6_CHECKSUM, -1, "IPV6_CHECKSUM"},
		})
	})
	if err != nil {
		return nil, err
	}
	if tunnel == nil {
		tunnel = func(int, uint32) bool { return false }
	}
	return &MH{sock: s, tunnel: tunnel, count: orNothing(count)}, nil
}

func orNothing(count func(role.Counter)) func(role.Counter) {
	if count == nil {
		return func(role.Counter) {}
	}
	return count
}

// Run hands every message to out as role.MessageIn until ctx ends; then it
// returns nil. Send works on until Close.
func (m *MH) Run(ctx context.Context, out func(role.Event)) error {
	return run(ctx, m.sock, "Mobility Header messages", func(p packet) {
		if p.incomprehend {
			m.count(CountUnreadable)
			return
		}
		m.count(role.CountMessageIn)
		out(role.MessageIn{
			Ifindex: p.ifindex, Src: p.src, Dst: p.dst,
			HomeAddress: p.home, RoutingHome: p.routing, Tunnelled: m.tunnel(p.ifindex, p.mark), SA: p.mark, Raw: p.body,
		})
	})
}

// Send carries out the effect.
func (m *MH) Send(e role.Send) error {
	err := send(m.sock, outgoing{
		ifindex: e.Ifindex, src: e.Src, dst: e.Dst, home: e.HomeAddress, routing: e.RoutingHome, body: e.Raw,
	})
	if err != nil {
		return fmt.Errorf("send a Mobility Header message from %s to %s: %w", e.Src, e.Dst, err)
	}
	m.count(role.CountMessageOut)
	return nil
}

// Dropped is how many packets the kernel has dropped for want of room in the socket's queue.
// It counts to 2^32 and begins again.
func (m *MH) Dropped() (uint64, error) {
	const soMeminfo, drops = 55, 8 // SO_MEMINFO, SK_MEMINFO_DROPS: linux/sock_diag.h
	b := make([]byte, 4*(drops+1))
	raw, err := m.sock.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("look at the Mobility Header socket: %w", err)
	}
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		size := uint32(len(b))
		_, _, errno = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, soMeminfo,
			uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err == nil && errno != 0 {
		err = errno
	}
	if err != nil {
		return 0, fmt.Errorf("ask the Mobility Header socket what was dropped: %w", err)
	}
	return uint64(binary.NativeEndian.Uint32(b[4*drops:])), nil
}

// Close releases the socket.
func (m *MH) Close() error { return m.sock.Close() }
