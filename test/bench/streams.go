package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"mip6d/test/netns/node"
	"mip6d/test/netns/traffic"
)

// limit is what a connection that makes no progress gets.
var limit = unix.Timeval{Sec: 10}

// socket opens one in a machine and binds it. Streams use blocking sockets on
// threads of their own, as a C program would: the runtime's poller costs as much
// as a packet here.
func socket(n *node.Node, kind int, at netip.Addr) (fd int, err error) {
	err = n.Do(func() error {
		if fd, err = unix.Socket(unix.AF_INET6, kind|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return errors.Join(
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit),
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit),
			unix.Bind(fd, &unix.SockaddrInet6{Addr: at.As16()}),
		)
	})
	if err != nil {
		return -1, fmt.Errorf("%s: socket at %s: %w", n.Name, at, err)
	}
	return fd, nil
}

// tcp sends by one TCP connection as fast as it goes, and returns Mbit/s received.
func tcp(from *node.Node, src netip.Addr, to *node.Node, dst netip.Addr, d time.Duration) (float64, error) {
	l, err := socket(to, unix.SOCK_STREAM, dst)
	if err != nil {
		return 0, err
	}
	defer unix.Close(l)
	if err := unix.Listen(l, 1); err != nil {
		return 0, err
	}
	address, err := unix.Getsockname(l)
	if err != nil {
		return 0, err
	}
	c, err := socket(from, unix.SOCK_STREAM, src)
	if err != nil {
		return 0, err
	}
	defer unix.Close(c)
	if err := unix.Connect(c, address); err != nil {
		return 0, fmt.Errorf("connect %s with %s: %w", src, dst, err)
	}
	received := make(chan int64, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		received <- traffic.Drain(l)
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	b := make([]byte, 128<<10)
	for time.Since(start) < d {
		if _, err := unix.Write(c, b); err != nil {
			return 0, fmt.Errorf("send from %s to %s: %w", src, dst, err)
		}
	}
	if err := unix.Shutdown(c, unix.SHUT_WR); err != nil {
		return 0, err
	}
	n := <-received
	return float64(n) * 8 / 1e6 / time.Since(start).Seconds(), nil
}

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	hdr  unix.Msghdr
	size uint32
	_    [4]byte
}

// udp sends small packets as fast as it goes, and returns how many a second came
// in by the receiver's interface.
func udp(from *node.Node, src netip.Addr, to *node.Node, dst netip.Addr, ifname string, d time.Duration) (float64, error) {
	sink, err := socket(to, unix.SOCK_DGRAM, dst) // nobody reads it: its queue is soon full
	if err != nil {
		return 0, err
	}
	defer unix.Close(sink)
	address, err := unix.Getsockname(sink)
	if err != nil {
		return 0, err
	}
	c, err := socket(from, unix.SOCK_DGRAM, src)
	if err != nil {
		return 0, err
	}
	defer unix.Close(c)
	if err := unix.Connect(c, address); err != nil {
		return 0, err
	}
	const batch = 32
	payload := make([]byte, 64)
	var heads [batch]mmsghdr
	var iovs [batch]unix.Iovec
	for i := range heads {
		iovs[i].Base = &payload[0]
		iovs[i].SetLen(len(payload))
		heads[i].hdr.Iov = &iovs[i]
		heads[i].hdr.SetIovlen(1)
	}
	before, err := packets(to, ifname)
	if err != nil {
		return 0, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	for time.Since(start) < d {
		_, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(c), uintptr(unsafe.Pointer(&heads[0])), batch, 0, 0, 0)
		if errno != 0 && errno != unix.ENOBUFS && errno != unix.EINTR && errno != unix.EAGAIN {
			return 0, fmt.Errorf("send from %s to %s: %w", src, dst, errno)
		}
	}
	took := time.Since(start)
	after, err := packets(to, ifname)
	return float64(after-before) / took.Seconds(), err
}

// packets is how many an interface has received.
func packets(n *node.Node, ifname string) (uint64, error) {
	l, err := n.Link(ifname)
	if err != nil {
		return 0, err
	}
	return l.Attrs().Statistics.RxPackets, nil
}
