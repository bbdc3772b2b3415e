// Package capture records what really crosses an interface, with the kernel's
// receive times, so that tests can assert on the wire and the demonstration
// measures without asking the daemon.
package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/test/netns/node"
)

// Packet is one captured packet.
type Packet struct {
	Time  time.Time // the kernel's, CLOCK_REALTIME
	Out   bool      // sent by this machine
	Frame []byte    // with link-layer header, where the link has one
	IP    *IPv6     // nil when it is no IPv6 packet
}

// Capture records packets of one interface until closed.
type Capture struct {
	conn     *socket.Conn
	ethernet bool
	cancel   context.CancelFunc
	done     sync.WaitGroup

	mu      sync.Mutex
	packets []Packet
	news    chan struct{} // closed and replaced at every packet
	failure error
}

// Start begins to record. keep, if not nil, chooses what is remembered.
func Start(n *node.Node, ifname string, keep func(Packet) bool) (*Capture, error) {
	link, err := n.Link(ifname)
	if err != nil {
		return nil, err
	}
	c := &Capture{news: make(chan struct{}), ethernet: link.Attrs().EncapType == "ether"}
	if err := n.Do(func() error { return c.open(link.Attrs().Index) }); err != nil {
		return nil, fmt.Errorf("%s: capture on %s: %w", n.Name, ifname, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.done.Go(func() { c.read(ctx, keep) })
	return c, nil
}

func (c *Capture) open(ifindex int) error {
	// Protocol 0: nothing is received before the bind to the interface.
	conn, err := socket.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0, "capture", nil)
	if err != nil {
		return err
	}
	c.conn = conn
	return errors.Join(
		conn.SetsockoptInt(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		conn.SetsockoptInt(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20),
		conn.Bind(&unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: ifindex}),
	)
}

func bigEndian(v uint16) uint16 {
	return binary.NativeEndian.Uint16([]byte{byte(v >> 8), byte(v)})
}

// Stop ends it, with what there is so far.
func (c *Capture) Stop() {
	c.cancel()
	c.done.Wait()
}

// Close ends the recording; what was recorded stays.
func (c *Capture) Close() error {
	c.Stop()
	return errors.Join(c.conn.Close(), c.failure)
}

func (c *Capture) read(ctx context.Context, keep func(Packet) bool) {
	b, oob := make([]byte, 70000), make([]byte, 128)
	for {
		n, oobn, _, from, err := c.conn.Recvmsg(ctx, b, oob, 0)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			if errors.Is(err, unix.ENETDOWN) { // told once when the interface goes down; it may come back
				continue
			}
			c.failure = err
			return
		}
		p := Packet{Time: timestamp(oob[:oobn]), Frame: append([]byte(nil), b[:n]...)}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok {
			p.Out = ll.Pkttype == unix.PACKET_OUTGOING
		}
		p.IP = c.parse(p.Frame)
		if keep != nil && !keep(p) {
			continue
		}
		c.mu.Lock()
		c.packets = append(c.packets, p)
		close(c.news)
		c.news = make(chan struct{})
		c.mu.Unlock()
	}
}

func (c *Capture) parse(frame []byte) *IPv6 {
	if c.ethernet {
		const header = 14
		if len(frame) < header || binary.BigEndian.Uint16(frame[12:]) != unix.ETH_P_IPV6 {
			return nil
		}
		frame = frame[header:]
	}
	return ParseIPv6(frame)
}

// timestamp reads the SCM_TIMESTAMPNS control message.
func timestamp(oob []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Now()
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			ts := (*unix.Timespec)(unsafe.Pointer(&m.Data[0]))
			return time.Unix(ts.Unix())
		}
	}
	return time.Now()
}

// Packets returns a copy of what was recorded so far.
func (c *Capture) Packets() []Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Packet(nil), c.packets...)
}

// Select returns the recorded packets not older than since for which want
// returns true.
func (c *Capture) Select(since time.Time, want func(Packet) bool) []Packet {
	var found []Packet
	for _, p := range c.Packets() {
		if !p.Time.Before(since) && want(p) {
			found = append(found, p)
		}
	}
	return found
}

// Wait returns the first packet not older than since for which want returns
// true, waiting for it if need be.
func (c *Capture) Wait(ctx context.Context, since time.Time, want func(Packet) bool) (Packet, error) {
	for i := 0; ; {
		c.mu.Lock()
		fresh, news := c.packets[i:], c.news
		c.mu.Unlock()
		for _, p := range fresh {
			if !p.Time.Before(since) && want(p) {
				return p, nil
			}
		}
		i += len(fresh)
		select {
		case <-news:
		case <-ctx.Done():
			return Packet{}, fmt.Errorf("the packet waited for did not come: %w", ctx.Err())
		}
	}
}
