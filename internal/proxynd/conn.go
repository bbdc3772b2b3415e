package proxynd

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

	"mip6d/internal/role"
)

// Config describes one home link.
type Config struct {
	Ifindex int
	// Source is our address on the link, the source of all advertisements
	// (RFC 6275 §10.4.1).
	Source netip.Addr
	Params Params
	// Count is told what happens; it may be called from any goroutine. nil
	// counts nothing.
	Count func(role.Counter)
}

// Conn is the responder of one home link. Its methods may be called from any
// goroutine; what they order is carried out by Run.
type Conn struct {
	cfg    Config
	name   string
	sock   *socket.Conn
	groups *groups

	mu          sync.Mutex
	resp        *responder // only Run has it say something
	undelivered undelivered
	sched       *schedule
	deadline    time.Time // for which the socket's read deadline is set
	stopping    bool      // Run's context has ended
}

// Sizes of the socket's queue, where solicitations wait for us, and of a frame
// we look at: no valid one is larger than Ethernet's.
const (
	readBuffer = 4 << 20
	frameSize  = 2048
)

// Open opens the responder of one Ethernet link in the current network
// namespace. It needs CAP_NET_RAW.
func Open(cfg Config) (_ *Conn, err error) {
	if cfg.Count == nil {
		cfg.Count = func(role.Counter) {}
	}
	if !cfg.Source.Is6() || cfg.Source.IsUnspecified() {
		return nil, fmt.Errorf("defend addresses on interface %d: %s is no IPv6 address of ours to do it from", cfg.Ifindex, cfg.Source)
	}
	ifi, err := net.InterfaceByIndex(cfg.Ifindex)
	if err != nil {
		return nil, fmt.Errorf("defend addresses on interface %d: %w", cfg.Ifindex, err)
	}
	if len(ifi.HardwareAddr) != len(linkAddr{}) {
		return nil, fmt.Errorf("defend addresses on %s: its link-layer address %q is not Ethernet's: a home link must be Ethernet", ifi.Name, ifi.HardwareAddr)
	}
	c := &Conn{
		cfg:         cfg,
		name:        ifi.Name,
		resp:        newResponder(linkAddr(ifi.HardwareAddr), cfg.Source.WithZone("")),
		sched:       newSchedule(cfg.Params),
		undelivered: make(undelivered),
	}
	if c.sock, err = listen(cfg.Ifindex); err != nil {
		return nil, fmt.Errorf("open the packet socket of %s: %w", ifi.Name, err)
	}
	if c.groups, err = newGroups(cfg.Ifindex); err != nil {
		c.sock.Close()
		return nil, fmt.Errorf("open the multicast socket of %s: %w", ifi.Name, err)
	}
	return c, nil
}

// listen opens a packet socket that shows nothing before its filter stands.
func listen(ifindex int) (_ *socket.Conn, err error) {
	const noProtocol = 0
	s, err := socket.Socket(unix.AF_PACKET, unix.SOCK_RAW, noProtocol, "proxynd", nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	f, err := filter()
	if err != nil {
		return nil, err
	}
	if err := s.SetBPF(f); err != nil {
		return nil, fmt.Errorf("set its filter: %w", err)
	}
	// Solicited-node groups that the kernel has not joined reach us only so.
	// It costs nothing per address, where groups cost more with each.
	if err := s.SetsockoptPacketMreq(unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &unix.PacketMreq{
		Ifindex: int32(ifindex), Type: unix.PACKET_MR_ALLMULTI,
	}); err != nil {
		return nil, fmt.Errorf("receive all multicast: %w", err)
	}
	// Best effort: a smaller queue only loses more of a flood.
	_ = s.SetReadBuffer(readBuffer)
	// A socket for all protocols is shown a packet before the ingress hook,
	// one for IPv6 only what internal/ingress has left.
	if err := s.Bind(&unix.SockaddrLinklayer{Ifindex: ifindex, Protocol: networkOrder(unix.ETH_P_ALL)}); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	return s, nil
}

func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

// Set defends the home address of each binding whose home link this is, and
// its link-local address where the binding has one, and every address of the mobile
// networks behind it. It replaces what was set for the same address. Other links' bindings are ignored.
func (c *Conn) Set(bindings []role.Binding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range bindings {
		if b.Ifindex != c.cfg.Ifindex {
			continue
		}
		c.add(b.HomeAddress, b.Router)
		c.resp.nets.set(b.HomeAddress, b.MobilePrefixes)
		if b.LinkLocal.IsValid() {
			c.add(b.LinkLocal.WithZone(""), b.Router)
		}
	}
}

func (c *Conn) add(addr netip.Addr, router bool) {
	if !c.resp.addrs.has(addr) {
		c.groups.join(addr)
	}
	c.resp.addrs[addr.As16()] = router
}

// Clear stops defending addresses, home or link-local, at once, their
// repeated advertisements included.
func (c *Conn) Clear(addrs []netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range addrs {
		a = a.WithZone("")
		if c.resp.addrs.has(a) {
			delete(c.resp.addrs, a.As16())
			c.groups.leave(a)
		}
		c.resp.nets.set(a, nil)
		c.sched.silence(a)
	}
}

// defends says whether an address is defended.
func (c *Conn) defends(addr netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resp.addrs.has(addr)
}

// StartDAD probes for an address. Run reports role.DADDone.
func (c *Conn) StartDAD(addr netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	addr = addr.WithZone("")
	if c.sched.startProbe(time.Now(), addr) {
		c.groups.join(addr) // RFC 4862 §5.4.2
	}
	c.arm()
}

// Advertise multicasts unsolicited Neighbor Advertisements for an address, the
// first at once, the others RetransTimer apart.
func (c *Conn) Advertise(addr netip.Addr, router bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sched.advertise(time.Now(), addr.WithZone(""), router)
	c.arm()
}

// StopAdvertising ends the repetitions of Advertise.
func (c *Conn) StopAdvertising(addr netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sched.silence(addr.WithZone(""))
}

// SetRate changes Params.Rate.
func (c *Conn) SetRate(rate int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sched.params.Rate = rate
}

// SetLinkAddr says that the interface's link-layer address has changed.
func (c *Conn) SetLinkAddr(addr net.HardwareAddr) error {
	if len(addr) != len(linkAddr{}) {
		return fmt.Errorf("defend addresses on %s: its link-layer address %q is not Ethernet's", c.name, addr)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resp.link = linkAddr(addr)
	return nil
}

// arm wakes Run when the earliest job is due. The caller holds mu.
func (c *Conn) arm() {
	next, _ := c.sched.next()
	if c.stopping {
		next = longAgo
	}
	if next.Equal(c.deadline) {
		return
	}
	c.deadline = next
	// It fails only on a closed socket, which Run finds out for itself.
	_ = c.sock.SetReadDeadline(next)
}

// timersEvery is the number of frames after which jobs get their turn even
// while frames keep coming.
const timersEvery = 64

// longAgo is a read deadline that has passed.
var longAgo = time.Unix(1, 0)

// Run answers solicitations and carries out what the methods order, until ctx
// ends (then it returns nil) or the link is gone. It hands role.DADDone to out.
// The caller closes the Conn.
func (c *Conn) Run(ctx context.Context, out func(role.Event)) error {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stopping = true
		c.arm()
	})
	defer stop()

	buf := make([]byte, frameSize)
	for n := 0; ; n++ {
		if n%timersEvery == timersEvery-1 {
			if err := c.turn(buf, out); err != nil && ctx.Err() == nil {
				return err
			}
		}
		// The context is watched by AfterFunc: mdlayher/socket would set
		// deadlines of its own for one given here.
		size, _, err := c.sock.Recvfrom(context.Background(), buf, 0)
		switch {
		case err == nil:
			c.handle(buf[:size], out)
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := c.turn(buf, out); err != nil && ctx.Err() == nil {
				return err
			}
		case errors.Is(err, unix.ENETDOWN):
			// Told once when the link goes down; it may come up again.
			if c.unbound() {
				return fmt.Errorf("defend addresses on %s: the interface is gone: %w", c.name, err)
			}
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOBUFS):
		default:
			return fmt.Errorf("receive neighbour discovery on %s: %w", c.name, err)
		}
	}
}

// unbound tells whether the interface is gone: the kernel then has taken its
// index from the socket.
func (c *Conn) unbound() bool {
	sa, err := c.sock.Getsockname()
	if err != nil {
		return true
	}
	ll, ok := sa.(*unix.SockaddrLinklayer)
	return !ok || ll.Ifindex != c.cfg.Ifindex
}

// turn has the frames that wait read, so that no probe is declared unanswered
// while its answer lies in the queue, and then some jobs done.
func (c *Conn) turn(buf []byte, out func(role.Event)) error {
	heard := time.Now()
	all, err := c.drain(buf, out)
	if err != nil {
		return err
	}
	if !all {
		heard = time.Time{}
	}
	c.runJobs(heard, out)
	return nil
}

// drain reads the frames that wait, up to a bound, and tells whether none is left.
func (c *Conn) drain(buf []byte, out func(role.Event)) (all bool, err error) {
	raw, err := c.sock.SyscallConn()
	if err != nil {
		return false, err
	}
	const bound = 4096
	for range bound {
		var size int
		var rerr error
		if err := raw.Control(func(fd uintptr) {
			size, _, rerr = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
		}); err != nil {
			return false, err
		}
		if rerr != nil {
			return true, nil // nothing waits, or Run's own receive meets the error
		}
		c.handle(buf[:size], out)
	}
	return false, nil
}

// handle answers one frame.
func (c *Conn) handle(frame []byte, out func(role.Event)) {
	m, ok := parse(frame)
	if !ok {
		c.cfg.Count(complaint(frame))
		return
	}
	c.mu.Lock()
	answer := c.resp.respond(m)
	duplicate := c.resp.contests(m) && c.sched.contested(m.target)
	delivery := c.undelivered.take(m, c.resp.link, time.Now())
	if duplicate {
		c.groups.leave(m.target)
	}
	c.mu.Unlock()

	if delivery != nil {
		c.send(delivery, role.CountMessageOut)
	}
	if answer != nil {
		count := CountAnswered
		if m.src.IsUnspecified() {
			count = CountDefended
		}
		c.send(answer, count)
	}
	if duplicate {
		out(role.DADDone{Ifindex: c.cfg.Ifindex, Addr: m.target, Duplicate: true})
	}
}

// complaint names the counter of a frame that parse refused.
func complaint(frame []byte) role.Counter {
	if len(frame) >= bodyAt && frame[etherLen+7] != hopLimit {
		return CountHopLimit
	}
	return CountInvalid
}

// jobsAtATime is how many jobs are done before frames are read again.
const jobsAtATime = 64

// runJobs does some of what is due and sets the deadline for the rest.
func (c *Conn) runJobs(heard time.Time, out func(role.Event)) {
	for n := 0; n < jobsAtATime && c.runJob(heard, out); n++ {
	}
	c.mu.Lock()
	c.deadline = time.Time{}
	_ = c.sock.SetReadDeadline(time.Time{})
	c.arm()
	c.mu.Unlock()
}

// runJob does one job and tells whether there was one. The lock is held while
// sending, so that nothing leaves for an address after Clear has returned.
func (c *Conn) runJob(heard time.Time, out func(role.Event)) bool {
	c.mu.Lock()
	now := time.Now()
	j, act, ok := c.sched.due(now, heard)
	if !ok {
		c.mu.Unlock()
		return false
	}
	done := role.DADDone{Ifindex: c.cfg.Ifindex, Addr: j.addr}
	report := act == probeEnded
	var err error
	switch act {
	case sendProbe:
		err = c.send(c.resp.probe(j.addr), CountProbed)
	case sendAdvertisement:
		err = c.send(c.resp.advertisement(j.addr, j.router), CountAdvertised)
	}
	if act != probeEnded {
		if err == nil {
			c.sched.sentNow(j, now)
		} else if c.sched.failedNow(j, now) && j.probe {
			report = true
			done.Err = fmt.Errorf("probe for %s on %s: %w", j.addr, c.name, err)
		}
	}
	if report {
		c.groups.leave(j.addr)
	}
	c.mu.Unlock()
	if report {
		out(done)
	}
	return true
}

// send hands a frame to the link without waiting.
func (c *Conn) send(frame []byte, count role.Counter) error {
	var serr error
	err := c.sock.WriteFunc(context.Background(), "send", func(fd int) error {
		_, serr = unix.Write(fd, frame)
		return nil // also for EAGAIN: the socket must not wait
	})
	if err == nil {
		err = serr
	}
	if err != nil {
		c.cfg.Count(CountUnsent)
		return err
	}
	c.cfg.Count(count)
	return nil
}

// Close releases the sockets, after Run has returned.
func (c *Conn) Close() error {
	c.groups.close()
	return c.sock.Close()
}
