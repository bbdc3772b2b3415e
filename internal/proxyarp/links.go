package proxyarp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/mdlayher/socket"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// Announcements of an address, RFC 5227 §1.1: ANNOUNCE_NUM and ANNOUNCE_INTERVAL.
const (
	announceNumber   = 2
	announceInterval = 2 * time.Second
)

// What is counted. The strings are part of the control protocol.
const (
	CountReply    role.Counter = "arp_replies_sent"
	CountAnnounce role.Counter = "arp_announcements_sent"
)

// Links is the responders of all home links. It is a datapath.Part. Its methods may be
// called from any goroutine.
type Links struct {
	conns map[int]*conn
	count func(role.Counter)

	mu  sync.Mutex
	set map[netip.Addr]place  // by home address
	by  map[place]netip.Addr  // whose an IPv4 home address is
	say map[place]*time.Timer // announcements to be repeated
}

// place is an IPv4 home address on a home link.
type place struct {
	ifindex int
	addr    netip.Addr
}

// conn is the socket of one link.
type conn struct {
	name string
	link linkAddr
	sock *socket.Conn
}

// Open opens the sockets of home links, which must be Ethernet. count may be called from
// any goroutine. It needs CAP_NET_RAW.
func Open(links []int, count func(role.Counter)) (*Links, error) {
	l := &Links{
		conns: make(map[int]*conn), count: count,
		set: make(map[netip.Addr]place), by: make(map[place]netip.Addr), say: make(map[place]*time.Timer),
	}
	for _, ifindex := range links {
		c, err := listen(ifindex)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("defend IPv4 addresses on interface %d: %w", ifindex, err)
		}
		l.conns[ifindex] = c
	}
	return l, nil
}

func listen(ifindex int) (*conn, error) {
	ifi, err := net.InterfaceByIndex(ifindex)
	if err != nil {
		return nil, err
	}
	if len(ifi.HardwareAddr) != len(linkAddr{}) {
		return nil, fmt.Errorf("the link-layer address %q of %s is not Ethernet's", ifi.HardwareAddr, ifi.Name)
	}
	arp := binary.NativeEndian.Uint16([]byte{etherARP >> 8, etherARP & 0xff})
	s, err := socket.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0, "proxyarp", nil)
	if err != nil {
		return nil, err
	}
	if err := s.Bind(&unix.SockaddrLinklayer{Ifindex: ifindex, Protocol: arp}); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &conn{name: ifi.Name, link: linkAddr(ifi.HardwareAddr), sock: s}, nil
}

// Set defends the IPv4 home address of each binding that has one on its home link, and
// no longer what was set for the same home address.
func (l *Links) Set(bindings []role.Binding) []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range bindings {
		now := place{b.Ifindex, b.IPv4HomeAddress}
		old, ok := l.set[b.HomeAddress]
		if ok && old != now {
			l.clear(b.HomeAddress)
		}
		if b.IPv4HomeAddress.IsValid() && l.conns[b.Ifindex] != nil {
			l.set[b.HomeAddress], l.by[now] = now, b.HomeAddress
		}
	}
	return nil
}

// Clear stops defending what was set for home addresses, at once.
func (l *Links) Clear(hoas []netip.Addr) []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, hoa := range hoas {
		l.clear(hoa)
	}
	return nil
}

// clear leaves an address alone that another home address has by now.
func (l *Links) clear(hoa netip.Addr) {
	p, ok := l.set[hoa]
	if !ok {
		return
	}
	delete(l.set, hoa)
	if l.by[p] == hoa {
		delete(l.by, p)
		l.silence(p)
	}
}

// Advertise announces an IPv4 home address that is Set, and again a little later.
func (l *Links) Advertise(e role.Advertise) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := place{e.Ifindex, e.Addr}
	l.silence(p)
	return l.announce(p, announceNumber)
}

// StopAdvertising ends the repetitions.
func (l *Links) StopAdvertising(e role.StopAdvertising) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silence(place{e.Ifindex, e.Addr})
	return nil
}

func (l *Links) announce(p place, left int) error {
	c := l.conns[p.ifindex]
	if c == nil {
		return fmt.Errorf("announce %s: interface %d is no home link of ours", p.addr, p.ifindex)
	}
	if err := c.send(announcement(c.link, p.addr)); err != nil {
		return err
	}
	l.count(CountAnnounce)
	if left > 1 {
		l.say[p] = time.AfterFunc(announceInterval, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if _, ours := l.by[p]; ours && l.say[p] != nil {
				delete(l.say, p)
				_ = l.announce(p, left-1) // the first has been heard, or a request will come
			}
		})
	}
	return nil
}

func (l *Links) silence(p place) {
	if t := l.say[p]; t != nil {
		t.Stop()
		delete(l.say, p)
	}
}

// Run answers requests until ctx ends, or a link is gone.
func (l *Links) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for ifindex, c := range l.conns {
		g.Go(func() error { return l.answer(ctx, ifindex, c) })
	}
	return g.Wait()
}

func (l *Links) answer(ctx context.Context, ifindex int, c *conn) error {
	buf := make([]byte, frameLen)
	for {
		n, from, err := c.sock.Recvfrom(ctx, buf, unix.MSG_TRUNC)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOBUFS):
			continue // told once when the link goes down; it may come up again
		case err != nil:
			return fmt.Errorf("receive ARP on %s: %w", c.name, err)
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		r, ok := parse(buf[:min(n, len(buf))])
		if !ok || !l.defends(place{ifindex, r.target}) {
			continue
		}
		if c.send(reply(c.link, r)) == nil {
			l.count(CountReply)
		}
	}
}

func (l *Links) defends(p place) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ours := l.by[p]
	return ours
}

// send hands a frame to the link without waiting.
func (c *conn) send(frame []byte) error {
	var failed error
	err := c.sock.WriteFunc(context.Background(), "send", func(fd int) error {
		_, failed = unix.Write(fd, frame)
		return nil
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("send ARP on %s: %w", c.name, err)
	}
	return nil
}

// Close releases the sockets, after Run has returned.
func (l *Links) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.say {
		l.silence(p)
	}
	var errs []error
	for _, c := range l.conns {
		errs = append(errs, c.sock.Close())
	}
	return errors.Join(errs...)
}
