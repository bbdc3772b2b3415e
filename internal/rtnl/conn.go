package rtnl

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// A chunk's errors fit into the socket's buffer, or the kernel would drop some.
	chunkRequests = 256
	chunkBytes    = 64 << 10
	socketBuffer  = 4 << 20
	ackTimeout    = 10 * time.Second
)

var errKilled = errors.New("killed by a test")

// conn is an rtnetlink socket for requests. Safe for use by several goroutines.
type conn struct {
	mu  sync.Mutex
	fd  int
	seq uint32
	buf []byte
	out []byte // a chunk, kept to save allocations

	// between, in tests, is called before each request, which is then written
	// alone; false stands for the end of the process.
	between func(request) bool
}

func dial() (*conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open an rtnetlink socket: %w", err)
	}
	c := &conn{fd: fd, buf: make([]byte, 64<<10)}
	timeout := unix.NsecToTimeval(int64(ackTimeout))
	err = errors.Join(
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1),
	)
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer) != nil {
		// Without CAP_NET_ADMIN the default must do.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("prepare an rtnetlink socket: %w", err)
	}
	return c, nil
}

func (c *conn) close() error { return unix.Close(c.fd) }

// portID is the socket's number, by which the kernel's news tell of our own
// requests.
func (c *conn) portID() (uint32, error) {
	sa, err := unix.Getsockname(c.fd)
	if err != nil {
		return 0, fmt.Errorf("look at the rtnetlink socket: %w", err)
	}
	nl, ok := sa.(*unix.SockaddrNetlink)
	if !ok {
		return 0, fmt.Errorf("look at the rtnetlink socket: %T is no netlink address", sa)
	}
	return nl.Pid, nil
}

// do has one request carried out.
func (c *conn) do(r request) error { return c.batch([]request{r})[0] }

// batch has requests carried out in their order, written in few system calls.
// It returns one error for each; the kernel's are unix.Errno.
func (c *conn) batch(requests []request) []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	chunk := chunkRequests
	if c.between != nil {
		chunk = 1
	}
	errs := make([]error, len(requests))
	for from := 0; from < len(requests); {
		if c.between != nil && !c.between(requests[from]) {
			errs[from] = errKilled
			from++
			continue
		}
		size, to := 0, from
		for to < len(requests) && to-from < chunk && (to == from || size+len(requests[to].body) < chunkBytes) {
			size += unix.SizeofNlMsghdr + len(requests[to].body) + 3
			to++
		}
		first := c.seq + 1
		c.out = c.out[:0]
		for i := from; i < to; i++ {
			c.seq++
			c.out = appendMessage(c.out, requests[i], c.seq, i == to-1)
		}
		c.exchange(c.out, first, errs[from:to])
		from = to
	}
	return errs
}

// exchange writes a chunk and waits for the acknowledgement of its last message: the kernel
// carries the messages out in their order, before the write returns, and what it has to say
// of those before is in front of it. As a rule that is one read.
func (c *conn) exchange(b []byte, first uint32, errs []error) {
	fail := func(err error, done []bool) {
		for i := range errs {
			if !done[i] {
				errs[i] = err
			}
		}
	}
	done := make([]bool, len(errs))
	if err := unix.Sendto(c.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		fail(fmt.Errorf("write to rtnetlink: %w", err), done)
		return
	}
	for last := len(errs) - 1; !done[last]; {
		n, _, err := unix.Recvfrom(c.fd, c.buf, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			fail(fmt.Errorf("read from rtnetlink: %w", err), done)
			return
		}
		for m := c.buf[:n]; len(m) >= unix.SizeofNlMsghdr+4; {
			size := int(native.Uint32(m))
			if size < unix.SizeofNlMsghdr+4 || size > len(m) {
				break
			}
			// Unsigned: an answer to an earlier chunk is far away.
			i := native.Uint32(m[8:]) - first
			if native.Uint16(m[4:]) == unix.NLMSG_ERROR && i < uint32(len(errs)) && !done[i] {
				done[i] = true
				if code := int32(native.Uint32(m[unix.SizeofNlMsghdr:])); code != 0 {
					errs[i] = unix.Errno(-code)
				}
			}
			m = m[min((size+3)&^3, len(m)):]
		}
	}
}

// unless returns nil for an error that says that things already are as wanted.
func unless(err error, fine ...unix.Errno) error {
	for _, f := range fine {
		if errors.Is(err, f) {
			return nil
		}
	}
	return err
}
