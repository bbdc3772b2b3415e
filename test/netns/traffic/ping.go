// Package traffic makes the streams that a handover is measured with, from and
// to given addresses in given namespaces: an ICMPv6 echo stream that knows its
// gaps and losses, and a TCP transfer that verifies every byte.
package traffic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
	"unsafe"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/test/netns/node"
)

const (
	typeEchoRequest = 128
	typeEchoReply   = 129

	headerLength = 8
	ipv6Freebind = 78 // IPV6_FREEBIND, linux/in6.h
)

// Probe is one echo request.
type Probe struct {
	Sent    time.Time
	Replied time.Time // zero: no reply
	Err     error     // the request could not even be sent
}

// Ping is a stream of echo requests at a fixed interval.
type Ping struct {
	Name string

	conn   *socket.Conn
	dst    netip.Addr
	id     uint16
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	probes []Probe
	dups   int
}

// StartPing begins to send from src, which need not exist yet, to dst.
func StartPing(n *node.Node, src, dst netip.Addr, interval time.Duration) (*Ping, error) {
	p := &Ping{Name: fmt.Sprintf("%s → %s", n.Name, dst), dst: dst, id: uint16(rand.Uint32())}
	if err := n.Do(func() error { return p.open(src) }); err != nil {
		return nil, fmt.Errorf("%s: ping %s from %s: %w", n.Name, dst, src, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.done.Go(func() { p.receive(ctx) })
	p.done.Go(func() { p.send(ctx, interval) })
	return p, nil
}

func (p *Ping) open(src netip.Addr) error {
	if src.Is4() {
		return p.open4(src)
	}
	conn, err := socket.Socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6, "ping", nil)
	if err != nil {
		return err
	}
	p.conn = conn
	var filter unix.ICMPv6Filter // a set bit blocks
	for i := range filter.Data {
		filter.Data[i] = ^uint32(0)
	}
	filter.Data[typeEchoReply>>5] &^= 1 << (typeEchoReply & 31)
	return errors.Join(
		conn.SetsockoptICMPv6Filter(unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &filter),
		conn.SetsockoptInt(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		conn.SetsockoptInt(unix.IPPROTO_IPV6, ipv6Freebind, 1),
		conn.Bind(&unix.SockaddrInet6{Addr: src.As16()}),
	)
}

// Stop ends the stream after a last wait for replies and returns its probes.
func (p *Ping) Stop(wait time.Duration) []Probe {
	time.Sleep(wait)
	p.cancel()
	p.done.Wait()
	p.conn.Close()
	return p.Probes()
}

// Probes returns the requests sent so far.
func (p *Ping) Probes() []Probe {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Probe(nil), p.probes...)
}

func (p *Ping) send(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	b := make([]byte, headerLength+56)
	b[0] = typeEchoRequest
	var to unix.Sockaddr
	if p.dst.Is4() {
		b[0], to = typeEchoRequest4, &unix.SockaddrInet4{Addr: p.dst.As4()}
	} else {
		to = &unix.SockaddrInet6{Addr: p.dst.As16()}
	}
	binary.BigEndian.PutUint16(b[4:], p.id)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p.mu.Lock()
		seq := len(p.probes)
		p.probes = append(p.probes, Probe{Sent: time.Now()})
		p.mu.Unlock()
		binary.BigEndian.PutUint16(b[6:], uint16(seq))
		binary.BigEndian.PutUint32(b[headerLength:], uint32(seq))
		if p.dst.Is4() {
			checksum4(b)
		}
		if err := p.conn.Sendto(ctx, b, 0, to); err != nil {
			p.mu.Lock()
			p.probes[seq].Err = err
			p.mu.Unlock()
		}
	}
}

func (p *Ping) receive(ctx context.Context) {
	buf, oob := make([]byte, 1500), make([]byte, 128)
	for {
		n, oobn, _, _, err := p.conn.Recvmsg(ctx, buf, oob, 0)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, unix.EBADF) {
				return
			}
			continue // an ICMP error reported on the socket
		}
		b := buf[:n]
		if p.dst.Is4() {
			b = reply4(b)
			n = len(b)
		}
		if n < headerLength+4 || binary.BigEndian.Uint16(b[4:]) != p.id {
			continue
		}
		seq := int(binary.BigEndian.Uint32(b[headerLength:]))
		p.mu.Lock()
		switch {
		case seq >= len(p.probes):
		case p.probes[seq].Replied.IsZero():
			p.probes[seq].Replied = timestamp(oob[:oobn])
		default:
			p.dups++
		}
		p.mu.Unlock()
	}
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
