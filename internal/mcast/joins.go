package mcast

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"
)

// perSocket is how many groups one socket joins: the kernel bounds what it keeps for each
// (net.core.optmem_max).
const perSocket = 256

// joins keeps groups joined on home links: the kernel then reports them there with MLD, to
// routers and to switches. Joining takes a third of a millisecond, so that it is not done on
// the caller's goroutine.
type joins struct {
	wanted func(place) bool
	failed func(error)
	wake   chan struct{}
	done   sync.WaitGroup

	mu     sync.Mutex
	dirty  map[place]bool
	closed bool

	// The worker's own.
	sockets []*socket.Conn
	joined  map[place]int // which socket
	load    []int         // of each socket
}

// newJoins opens the first socket, in the network namespace of its caller; the others follow
// when they are needed, in that of the process.
func newJoins(wanted func(place) bool, failed func(error)) (*joins, error) {
	j := &joins{wanted: wanted, failed: failed, wake: make(chan struct{}, 1), dirty: make(map[place]bool), joined: make(map[place]int)}
	if _, err := j.open(); err != nil {
		return nil, err
	}
	j.done.Go(j.work)
	return j, nil
}

// open opens one more socket and returns its number.
func (j *joins) open() (int, error) {
	// Never bound: it exists for its memberships.
	s, err := socket.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0, "mcast-joins", nil)
	if err != nil {
		return 0, fmt.Errorf("open a socket for memberships: %w", err)
	}
	j.sockets, j.load = append(j.sockets, s), append(j.load, 0)
	return len(j.sockets) - 1, nil
}

// look has the worker see whether a group is wanted.
func (j *joins) look(places ...place) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed || len(places) == 0 {
		return
	}
	for _, p := range places {
		j.dirty[p] = true
	}
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

func (j *joins) work() {
	for range j.wake {
		j.mu.Lock()
		dirty := j.dirty
		j.dirty = make(map[place]bool)
		j.mu.Unlock()
		for p := range dirty {
			if err := j.bring(p, j.wanted(p)); err != nil {
				j.failed(err)
			}
		}
	}
	for _, s := range j.sockets {
		_ = s.Close() // and leaves
	}
}

func (j *joins) bring(p place, want bool) error {
	at, joined := j.joined[p]
	switch {
	case want == joined:
		return nil
	case !want:
		delete(j.joined, p)
		j.load[at]--
		err := membership(j.sockets[at], unix.IPV6_LEAVE_GROUP, p)
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EADDRNOTAVAIL) {
			err = nil // the link has gone, and its memberships
		}
		return err
	}
	at = slices.IndexFunc(j.load, func(n int) bool { return n < perSocket })
	if at < 0 {
		var err error
		if at, err = j.open(); err != nil {
			return err
		}
	}
	if err := membership(j.sockets[at], unix.IPV6_JOIN_GROUP, p); err != nil {
		return err
	}
	j.joined[p] = at
	j.load[at]++
	return nil
}

// membership is setsockopt with a struct ipv6_mreq.
func membership(s *socket.Conn, opt int, p place) error {
	b := p.group.As16()
	return s.SetsockoptBytes(unix.IPPROTO_IPV6, opt, binary.NativeEndian.AppendUint32(b[:], uint32(p.ifindex)))
}

// close leaves all groups and waits for the worker.
func (j *joins) close() {
	j.mu.Lock()
	if !j.closed {
		j.closed = true
		close(j.wake)
	}
	j.mu.Unlock()
	j.done.Wait()
}
