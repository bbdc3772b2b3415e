package mhsock

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"
)

// packet is one packet received. Its addresses are those of the wire.
type packet struct {
	ifindex      int
	src, dst     netip.Addr
	home         netip.Addr // Home Address option, or invalid
	routing      netip.Addr // type 2 routing header, or invalid
	hopLimit     int        // -1: not told
	at           time.Time  // when the kernel received it; zero: not told
	mark         uint32     // that IPsec gave it
	body         []byte     // a copy, the receiver's own
	incomprehend bool       // truncated, or its ancillary data makes no sense
}

// Sizes of one receive.
const (
	batchSize  = 32
	bodySize   = 9216    // more than a Mobility Header's 2048, or any link's MTU in use
	readBuffer = 4 << 20 // the kernel's queue before us; beyond it the kernel drops
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr  unix.Msghdr
	size uint32
}

// receiver takes up to batchSize packets with one system call.
type receiver struct {
	sock  *socket.Conn
	heads [batchSize]mmsghdr
	names [batchSize]unix.RawSockaddrInet6
	iovs  [batchSize]unix.Iovec
	body  []byte
	oob   []byte
}

func newReceiver(s *socket.Conn) *receiver {
	r := &receiver{sock: s, body: make([]byte, batchSize*bodySize), oob: make([]byte, batchSize*oobSize)}
	for i := range r.heads {
		r.iovs[i].Base = &r.body[i*bodySize]
		r.iovs[i].SetLen(bodySize)
		h := &r.heads[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Control = &r.oob[i*oobSize]
	}
	return r
}

// receive waits for packets and hands each to take, in order.
func (r *receiver) receive(take func(packet)) error {
	for i := range r.heads {
		h := &r.heads[i].hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(oobSize)
		h.Flags = 0
	}
	var n int
	// Run sets the read deadline when its context ends; mdlayher/socket would
	// set deadlines of its own for a context given here.
	err := r.sock.ReadFunc(context.Background(), "recvmmsg", func(fd int) error {
		got, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&r.heads[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			return errno
		}
		n = int(got)
		return nil
	})
	if err != nil {
		return err
	}
	for i := range n {
		take(r.packet(i))
	}
	return nil
}

// packet makes a packet of slot i.
func (r *receiver) packet(i int) packet {
	h := &r.heads[i]
	src := netip.AddrFrom16(r.names[i].Addr)
	size := min(int(h.size), bodySize)
	p := packet{src: src, body: append([]byte(nil), r.body[i*bodySize:][:size]...)}
	if h.hdr.Flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		p.incomprehend = true
		return p
	}
	a, err := decode(r.oob[i*oobSize:][:h.hdr.Controllen])
	if err != nil || !a.local.IsValid() {
		p.incomprehend = true
		return p
	}
	p.onWire(a)
	return p
}

// onWire undoes the kernel's exchange of addresses.
func (p *packet) onWire(a ancillary) {
	p.ifindex, p.hopLimit, p.dst, p.at, p.mark = a.ifindex, a.hopLimit, a.local, a.at, a.mark
	if a.home.IsValid() {
		p.home, p.src = p.src, a.home
	}
	if a.routing.IsValid() {
		p.routing, p.dst = p.dst, a.routing
	}
}

// run receives until ctx ends, then it returns nil.
func run(ctx context.Context, s *socket.Conn, what string, take func(packet)) error {
	// A time long past interrupts the receive and leaves the socket able to
	// send what is said at a clean end.
	stop := context.AfterFunc(ctx, func() { _ = s.SetReadDeadline(longAgo) })
	defer stop()
	r := newReceiver(s)
	for {
		err := r.receive(take)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("receive %s: %w", what, err)
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENETDOWN):
		default:
			return fmt.Errorf("receive %s: %w", what, err)
		}
	}
}
