package loadgen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"mip6d/internal/exthdr"
	"mip6d/internal/mh"
)

// Sizes of one system call.
const (
	batchSize  = 64
	packetSize = 2048     // a Mobility Header has at most 2048 octets; Binding Acknowledgements are far from it
	oobSize    = 64       // one time stamp
	readBuffer = 64 << 20 // what the kernel keeps while we send
)

// conn sends whole packets to the home agent and reads Binding Acknowledgements.
// Not for use by several goroutines.
type conn struct {
	out, in int // file descriptors

	heads [batchSize]mmsghdr
	names [batchSize]unix.RawSockaddrLinklayer
	iovs  [batchSize]unix.Iovec
	body  []byte
	oob   []byte

	outHeads [batchSize]mmsghdr
	outIovs  [batchSize]unix.Iovec
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr  unix.Msghdr
	size uint32
	_    [4]byte
}

// open opens the sockets in the current network namespace. ifindex is the
// interface on which acknowledgements come; 0: any.
func open(homeAgent netip.Addr, ifindex int) (_ *conn, err error) {
	c := &conn{out: -1, in: -1, body: make([]byte, batchSize*packetSize), oob: make([]byte, batchSize*oobSize)}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if c.in, err = openPacketSocket(ifindex); err != nil {
		return nil, err
	}
	c.out, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return nil, fmt.Errorf("open a raw socket (it needs CAP_NET_RAW): %w", err)
	}
	_ = unix.SetsockoptInt(c.out, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4<<20) // best effort
	if err := unix.Connect(c.out, &unix.SockaddrInet6{Addr: homeAgent.As16()}); err != nil {
		return nil, fmt.Errorf("home agent %s: %w (is there a route?)", homeAgent, err)
	}
	for i := range batchSize {
		c.iovs[i].Base = &c.body[i*packetSize]
		c.iovs[i].SetLen(packetSize)
		h := &c.heads[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&c.names[i]))
		h.Iov = &c.iovs[i]
		h.SetIovlen(1)
		h.Control = &c.oob[i*oobSize]
		c.outHeads[i].hdr.Iov = &c.outIovs[i]
		c.outHeads[i].hdr.SetIovlen(1)
	}
	return c, nil
}

func openPacketSocket(ifindex int) (fd int, err error) {
	// Protocol 0: nothing is received before the filter is there.
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open a packet socket (it needs CAP_NET_RAW): %w", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
			fd = -1
		}
	}()
	raw, err := bpf.Assemble(slices.Concat(incoming, acknowledgements))
	if err != nil {
		return fd, err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	if err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}); err != nil {
		return fd, fmt.Errorf("attach a filter: %w", err)
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fd, fmt.Errorf("set SO_TIMESTAMPNS: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, readBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, readBuffer) // cut to net.core.rmem_max
	}
	proto := binary.BigEndian.AppendUint16(nil, unix.ETH_P_IPV6)
	if err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(proto), Ifindex: ifindex}); err != nil {
		return fd, fmt.Errorf("bind to interface %d: %w", ifindex, err)
	}
	return fd, nil
}

// incoming drops what this machine sends; filter chooses from the rest. What is
// before the IPv6 header the kernel has taken off.
var incoming = []bpf.Instruction{
	bpf.LoadExtension{Num: bpf.ExtType},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 1},
	bpf.RetConstant{Val: 0},
}

// acknowledgements lets Binding Acknowledgements through, with a type 2 routing
// header or without any extension header.
var acknowledgements = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 6, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: protoMH, SkipTrue: 7},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: protoRouting, SkipTrue: 9},
	bpf.LoadAbsolute{Off: ipv6Len, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: protoMH, SkipTrue: 7},
	bpf.LoadAbsolute{Off: ipv6Len + 2, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: exthdr.RoutingType2, SkipTrue: 5},
	bpf.LoadAbsolute{Off: ipv6Len + exthdr.RoutingLen + 2, Size: 1},
	bpf.Jump{Skip: 1},
	bpf.LoadAbsolute{Off: ipv6Len + 2, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(mh.TypeBindingAcknowledgement), SkipTrue: 1},
	bpf.RetConstant{Val: packetSize},
	bpf.RetConstant{Val: 0},
}

func (c *conn) close() error {
	var errs []error
	for _, fd := range []int{c.in, c.out} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

// send sends up to batchSize packets, and waits for room in the kernel's queue.
func (c *conn) send(packets [][]byte) error {
	for i, p := range packets {
		c.outIovs[i].Base = &p[0]
		c.outIovs[i].SetLen(len(p))
	}
	for sent := 0; sent < len(packets); {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(c.out),
			uintptr(unsafe.Pointer(&c.outHeads[sent])), uintptr(len(packets)-sent), 0, 0, 0)
		switch errno {
		case 0:
			sent += int(n)
		case unix.EINTR:
		case unix.ENOBUFS: // the device's queue is full; the packet is lost, as it would be elsewhere
			sent++
		default:
			return fmt.Errorf("send a Binding Update: %w", errno)
		}
	}
	return nil
}

// receive waits until end for packets and hands each to take, with the time at
// which it came. It returns how many there were.
func (c *conn) receive(wait time.Duration, take func(at time.Time, packet []byte)) (int, error) {
	n, err := c.read()
	if n == 0 && err == nil && wait > 0 {
		ts := unix.NsecToTimespec(int64(wait))
		if _, err := unix.Ppoll([]unix.PollFd{{Fd: int32(c.in), Events: unix.POLLIN}}, &ts, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return 0, fmt.Errorf("wait for a packet: %w", err)
		}
		n, err = c.read()
	}
	if err != nil {
		return 0, fmt.Errorf("receive: %w", err)
	}
	for i := range n {
		h := &c.heads[i]
		take(timestamp(c.oob[i*oobSize:][:h.hdr.Controllen]), c.body[i*packetSize:][:min(int(h.size), packetSize)])
	}
	return n, nil
}

// read takes what is there.
func (c *conn) read() (int, error) {
	for i := range c.heads {
		h := &c.heads[i].hdr
		h.Namelen = unix.SizeofSockaddrLinklayer
		h.SetControllen(oobSize)
		h.Flags = 0
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(c.in), uintptr(unsafe.Pointer(&c.heads[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR, unix.ENETDOWN:
		return 0, nil
	}
	return 0, errno
}

// timestamp reads the kernel's receive time.
func timestamp(oob []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err == nil {
		for _, m := range messages {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
				return time.Unix((*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Unix())
			}
		}
	}
	return time.Now()
}
