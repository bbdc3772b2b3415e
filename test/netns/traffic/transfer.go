package traffic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"mip6d/test/netns/node"
)

// Transfer is a TCP connection that carries a known stream of bytes to a
// server, which verifies it and sends it back, to be verified again.
type Transfer struct {
	listener *net.TCPListener
	conn     *net.TCPConn
	stop     chan struct{}
	done     sync.WaitGroup
	sent     atomic.Int64
	echoed   atomic.Int64

	mu     sync.Mutex
	errs   []error
	served *net.TCPConn // the server's end
}

// chunk bytes are sent every chunkInterval: 100 kB/s, which an emulated CPU
// carries without effort.
const (
	chunk         = 1000
	chunkInterval = 10 * time.Millisecond
)

// StartTransfer connects clientAddr on one node with serverAddr on another and
// begins to send.
func StartTransfer(ctx context.Context, client *node.Node, clientAddr netip.Addr, server *node.Node, serverAddr netip.Addr) (*Transfer, error) {
	t := &Transfer{stop: make(chan struct{})}
	err := server.Do(func() (err error) {
		t.listener, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(serverAddr, 0)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("TCP transfer: %w", err)
	}
	t.done.Go(t.serve)
	err = client.Do(func() error {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(clientAddr, 0))}
		c, err := d.DialContext(ctx, "tcp", t.listener.Addr().String())
		if err == nil {
			t.conn = c.(*net.TCPConn)
		}
		return err
	})
	if err != nil {
		t.listener.Close()
		t.done.Wait()
		return nil, fmt.Errorf("TCP transfer: %w", err)
	}
	t.done.Go(t.send)
	t.done.Go(t.verify)
	return t, nil
}

// source makes the bytes of the stream.
func source() io.Reader { return rand.NewChaCha8([32]byte{'m', 'i', 'p', '6'}) }

func (t *Transfer) fail(err error) {
	if err == nil {
		return
	}
	t.mu.Lock()
	t.errs = append(t.errs, err)
	t.mu.Unlock()
}

// serve verifies and echoes one connection.
func (t *Transfer) serve() {
	c, err := t.listener.AcceptTCP()
	if err != nil {
		if !errors.Is(err, net.ErrClosed) {
			t.fail(err)
		}
		return
	}
	defer c.Close()
	t.mu.Lock()
	t.served = c
	t.mu.Unlock()
	t.fail(compare(io.TeeReader(c, c), "at the server", nil))
}

func (t *Transfer) send() {
	tick := time.NewTicker(chunkInterval)
	defer tick.Stop()
	src, b := source(), make([]byte, chunk)
	for {
		select {
		case <-t.stop:
			t.fail(t.conn.CloseWrite())
			return
		case <-tick.C:
		}
		if _, err := io.ReadFull(src, b); err != nil {
			t.fail(err)
			return
		}
		n, err := t.conn.Write(b)
		t.sent.Add(int64(n))
		if err != nil {
			t.fail(err)
			return
		}
	}
}

func (t *Transfer) verify() {
	t.fail(compare(t.conn, "at the client", &t.echoed))
}

// compare reads r to its end and fails where it differs from the source.
func compare(r io.Reader, where string, count *atomic.Int64) error {
	want, got, b := source(), make([]byte, 64<<10), make([]byte, 64<<10)
	total := 0
	for {
		n, err := r.Read(got)
		if _, e := io.ReadFull(want, b[:n]); e != nil {
			return e
		}
		for i := range n {
			if got[i] != b[i] {
				return fmt.Errorf("TCP transfer: byte %d differs %s", total+i, where)
			}
		}
		total += n
		if count != nil {
			count.Add(int64(n))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("TCP transfer %s after %d bytes: %w", where, total, err)
		}
	}
}

// Bytes is how many bytes came back verified so far.
func (t *Transfer) Bytes() int64 { return t.echoed.Load() }

// Stop ends the transfer in order: the client has sent all, the server has
// echoed all. It returns how many bytes made the whole way, and an error
// when they are not all of them or one differs.
func (t *Transfer) Stop(wait time.Duration) (int64, error) {
	close(t.stop)
	deadline := time.Now().Add(wait)
	t.fail(t.conn.SetDeadline(deadline))
	ended := make(chan struct{})
	go func() { t.done.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(wait + time.Second):
		t.mu.Lock()
		if t.served != nil {
			t.served.Close()
		}
		t.mu.Unlock()
		t.listener.Close()
		<-ended
	}
	t.conn.Close()
	t.listener.Close()
	t.mu.Lock()
	err := errors.Join(t.errs...)
	t.mu.Unlock()
	if sent, back := t.sent.Load(), t.echoed.Load(); err == nil && sent != back {
		err = fmt.Errorf("TCP transfer: %d bytes sent, %d came back", sent, back)
	}
	return t.Bytes(), err
}
