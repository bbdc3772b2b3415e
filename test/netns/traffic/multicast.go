package traffic

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

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/test/netns/node"
)

// Listener is a program that has joined a multicast group on an interface.
type Listener struct {
	conn *socket.Conn
	done sync.WaitGroup

	mu  sync.Mutex
	got map[uint64]Datagram
}

// Datagram is what a listener got with one number.
type Datagram struct {
	Source netip.Addr
	Time   time.Time
	Times  int // more than one: duplicates
}

// Listen joins a group on an interface, or where that is empty on none; from nobody else than a
// source, where one is given.
func Listen(n *node.Node, ifname string, group netip.Addr, port uint16, source netip.Addr) (*Listener, error) {
	l := &Listener{got: make(map[uint64]Datagram)}
	err := n.Do(func() (err error) {
		ifi := new(net.Interface)
		if ifname != "" {
			if ifi, err = net.InterfaceByName(ifname); err != nil {
				return err
			}
		}
		if l.conn, err = udp(); err != nil {
			return err
		}
		if err := l.conn.SetsockoptInt(unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20); err != nil {
			return err
		}
		if err := l.conn.SetsockoptInt(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return err
		}
		if err := l.conn.Bind(&unix.SockaddrInet6{Addr: group.As16(), Port: int(port), ZoneId: uint32(ifi.Index)}); err != nil {
			return err
		}
		if ifname == "" {
			return nil
		}
		if source.IsValid() {
			return l.conn.SetsockoptBytes(unix.IPPROTO_IPV6, unix.MCAST_JOIN_SOURCE_GROUP, groupSource(ifi.Index, group, source))
		}
		g := group.As16()
		return l.conn.SetsockoptBytes(unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, binary.NativeEndian.AppendUint32(g[:], uint32(ifi.Index)))
	})
	if err != nil {
		return nil, fmt.Errorf("%s: listen to %s on %s: %w", n.Name, group, ifname, err)
	}
	l.done.Go(l.receive)
	return l, nil
}

func udp() (*socket.Conn, error) { return socket.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0, "udp", nil) }

// groupSource is struct group_source_req.
func groupSource(ifindex int, group, source netip.Addr) []byte {
	const storage, sockaddr = 128, 28
	b := binary.NativeEndian.AppendUint32(nil, uint32(ifindex))
	b = append(b, 0, 0, 0, 0)
	for _, a := range []netip.Addr{group, source} {
		s := make([]byte, storage)
		binary.NativeEndian.PutUint16(s, unix.AF_INET6)
		x := a.As16()
		copy(s[8:], x[:])
		b = append(b, s...)
	}
	return b
}

func (l *Listener) receive() {
	buf := make([]byte, 65536)
	for {
		n, from, err := l.conn.Recvfrom(context.Background(), buf, 0)
		if errors.Is(err, os.ErrClosed) || errors.Is(err, unix.EBADF) {
			return
		}
		sa, ok := from.(*unix.SockaddrInet6)
		if err != nil || !ok || n < 8 {
			continue
		}
		l.mu.Lock()
		id := binary.BigEndian.Uint64(buf)
		d := l.got[id]
		if d.Times++; d.Times == 1 {
			d.Source, d.Time = netip.AddrFrom16(sa.Addr), time.Now()
		}
		l.got[id] = d
		l.mu.Unlock()
	}
}

// Got returns a copy of what has arrived, by number.
func (l *Listener) Got() map[uint64]Datagram {
	l.mu.Lock()
	defer l.mu.Unlock()
	got := make(map[uint64]Datagram, len(l.got))
	for id, d := range l.got {
		got[id] = d
	}
	return got
}

// Close leaves the group.
func (l *Listener) Close() error {
	err := l.conn.Close()
	l.done.Wait()
	return err
}

// Source sends numbered datagrams to a group.
type Source struct {
	conn   *socket.Conn
	to     *unix.SockaddrInet6
	size   int
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu   sync.Mutex
	sent map[uint64]time.Time
	next uint64
	err  error
}

// Out says how a Source sends. Zero values leave it to the kernel.
type Out struct {
	Interface string
	From      netip.Addr
	HopLimit  int
	Size      int // of the datagram, 8 or more
}

// OpenSource opens one that sends with Send only.
func OpenSource(n *node.Node, out Out, group netip.Addr, port uint16) (*Source, error) {
	s := &Source{to: &unix.SockaddrInet6{Addr: group.As16(), Port: int(port)}, size: max(out.Size, 8), sent: make(map[uint64]time.Time)}
	err := n.Do(func() (err error) {
		if s.conn, err = udp(); err != nil {
			return err
		}
		if out.Interface != "" {
			ifi, err := net.InterfaceByName(out.Interface)
			if err != nil {
				return err
			}
			if err := s.conn.SetsockoptInt(unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, ifi.Index); err != nil {
				return err
			}
		}
		if out.HopLimit != 0 {
			if err := s.conn.SetsockoptInt(unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, out.HopLimit); err != nil {
				return err
			}
		}
		if out.From.IsValid() {
			return s.conn.Bind(&unix.SockaddrInet6{Addr: out.From.As16()})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: send to %s: %w", n.Name, group, err)
	}
	return s, nil
}

// StartSource sends one at each interval.
func StartSource(n *node.Node, out Out, group netip.Addr, port uint16, interval time.Duration) (*Source, error) {
	s, err := OpenSource(n, out, group, port)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.done.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			_, _ = s.Send()
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return s, nil
}

// Send sends the next datagram and returns its number.
func (s *Source) Send() (uint64, error) {
	b := make([]byte, s.size)
	s.mu.Lock()
	id := s.next
	s.next++
	s.mu.Unlock()
	binary.BigEndian.PutUint64(b, id)
	err := s.conn.Sendto(context.Background(), b, 0, s.to)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.sent[id] = time.Now()
	}
	s.err = errors.Join(s.err, err)
	return id, err
}

// Sent returns when each number left, of those that did.
func (s *Source) Sent() map[uint64]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := make(map[uint64]time.Time, len(s.sent))
	for id, at := range s.sent {
		sent[id] = at
	}
	return sent
}

// Close stops sending.
func (s *Source) Close() error {
	if s.cancel != nil {
		s.cancel()
	}
	s.done.Wait()
	return s.conn.Close()
}
