package mcast

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// Config of a Forwarder.
type Config struct {
	Tunnel    int   // ifindex of the shared tunnel device
	HomeLinks []int // ifindexes

	// Carries says whether packets of mobile nodes to a group are sent on.
	Carries func(group netip.Addr) bool

	// Failed is told what could not be done later, for the log; it may be called from any
	// goroutine.
	Failed func(error)
}

// Forwarder is a datapath.Part, and carries out SetListener, ClearListener and SendTunnelled.
// Its methods may be called from any goroutine.
type Forwarder struct {
	carries atomic.Pointer[func(netip.Addr) bool]
	failed  func(error)
	table   *table
	joins   *joins
	links   map[int]*homeLink
	reverse *socket.Conn
	mtu     int // of the tunnel device
	counters

	sending sync.Mutex // of tunnel's batch, and of what follows
	tunnel  *tunnel
	to      []tunnelEnds
	errors  *socket.Conn // for Packet Too Big
	told    time.Time    // the second in which they were sent
	tells   int

	// The listeners' reader's own.
	heardIn time.Time // the second
	heards  int       // in it
}

const (
	maxTells = 10   // Packet Too Big in a second
	maxHeard = 2000 // messages of listeners in a second
)

// Open opens everything in the current network namespace. It needs CAP_NET_RAW and CAP_BPF.
func Open(c Config) (_ *Forwarder, err error) {
	f := &Forwarder{failed: c.Failed, table: newTable(), links: make(map[int]*homeLink)}
	f.Carry(c.Carries)
	f.joins, err = newJoins(f.table.wanted, func(err error) {
		f.add(joinFailed, 1)
		f.failed(fmt.Errorf("join or leave a group on a home link: %w", err))
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	device, err := net.InterfaceByIndex(c.Tunnel)
	if err != nil {
		return nil, fmt.Errorf("look at the tunnel device: %w", err)
	}
	f.mtu = device.MTU
	for _, ifindex := range c.HomeLinks {
		if f.links[ifindex], err = openHomeLink(ifindex); err != nil {
			delete(f.links, ifindex)
			return nil, err
		}
	}
	if f.reverse, err = openReverse(c.Tunnel); err != nil {
		return nil, err
	}
	if f.tunnel, err = openTunnel(); err != nil {
		return nil, err
	}
	if f.errors, err = socket.Socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6, "mcast-errors", nil); err != nil {
		return nil, fmt.Errorf("open a raw socket for ICMPv6 errors: %w", err)
	}
	// It only sends: of all types none is let in.
	return f, f.errors.SetsockoptICMPv6Filter(unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &unix.ICMPv6Filter{
		Data: [8]uint32{^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0)},
	})
}

// Carry changes what Config.Carries says.
func (f *Forwarder) Carry(carries func(group netip.Addr) bool) { f.carries.Store(&carries) }

// AttachTunnel goes on with a tunnel device that was made again.
func (f *Forwarder) AttachTunnel(device int) error { return bindReverse(f.reverse, device) }

// Set implements datapath.Part.
func (f *Forwarder) Set(bindings []role.Binding) []error {
	for _, b := range bindings {
		f.settle(f.table.set(b)...)
	}
	return nil
}

// Clear implements datapath.Part. Nothing more is tunnelled when it has returned, but for a
// packet that is under way.
func (f *Forwarder) Clear(hoas []netip.Addr) []error {
	for _, h := range hoas {
		f.settle(f.table.end(h)...)
	}
	return nil
}

// settle has a group that is not listened to any more left and not seen.
func (f *Forwarder) settle(gone ...place) {
	for _, p := range gone {
		if l := f.links[p.ifindex]; l != nil {
			if err := l.show(p.group, false); err != nil {
				f.failed(err)
			}
		}
	}
	f.joins.look(gone...)
}

// Apply carries out SetListener and ClearListener.
func (f *Forwarder) Apply(effects []role.Effect) []error {
	errs := make([]error, len(effects))
	for i, e := range effects {
		switch e := e.(type) {
		case role.SetListener:
			errs[i] = f.listen(e)
		case role.ClearListener:
			if p, last := f.table.leave(e.HomeAddress, e.Group); last {
				f.settle(p)
			}
		default:
			errs[i] = fmt.Errorf("%T is nothing about multicast listeners", e)
		}
	}
	return errs
}

func (f *Forwarder) listen(e role.SetListener) error {
	p, bound := f.table.listen(e.HomeAddress, e.Group, slices.Clone(e.Sources))
	if !bound {
		return nil // it has ended meanwhile
	}
	l := f.links[p.ifindex]
	if l == nil {
		return fmt.Errorf("listen to %s for %s: interface %d is no home link", e.Group, e.HomeAddress, p.ifindex)
	}
	f.joins.look(p)
	return l.show(e.Group, true)
}

// SendTunnelled sends one packet of our own.
func (f *Forwarder) SendTunnelled(e role.SendTunnelled) error { return sendOne(f.tunnel.sock, e) }

// Run forwards until ctx ends; what listeners say it hands to heard. Then it returns nil.
func (f *Forwarder) Run(ctx context.Context, heard func(homeAgent, careOf netip.Addr, packet []byte)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failure error
	start := func(run func() error) {
		wg.Go(func() {
			if err := run(); err != nil {
				mu.Lock()
				failure = errors.Join(failure, err)
				mu.Unlock()
				cancel()
			}
		})
	}
	dropped := func(n int) { f.add(overrun, n) }
	for _, l := range f.links {
		start(func() error {
			return newFrames().run(ctx, l.sock, "multicast of a home link", func(b []byte) { f.fromHomeLink(l, b) }, dropped)
		})
	}
	start(func() error {
		return newFrames().run(ctx, f.reverse, "multicast of mobile nodes", f.fromTunnel, dropped)
	})
	start(func() error {
		return f.tunnel.run(ctx, func(homeAgent, careOf netip.Addr, packet []byte) {
			if f.admit(tunnelEnds{homeAgent, careOf}) {
				heard(homeAgent, careOf, packet)
			}
		})
	})
	wg.Wait()
	return failure
}

// admit keeps from the engine what nobody bound says, and floods: anybody can send to this
// socket.
func (f *Forwarder) admit(e tunnelEnds) bool {
	if !f.table.bound(e) {
		f.add(strangers, 1)
		return false
	}
	now := time.Now()
	if now.Sub(f.heardIn) >= time.Second {
		f.heardIn, f.heards = now, 0
	}
	if f.heards++; f.heards > maxHeard {
		f.add(flooded, 1)
		return false
	}
	return true
}

// fromHomeLink copies a packet of a home link into the tunnels of the listeners.
func (f *Forwarder) fromHomeLink(l *homeLink, b []byte) {
	p, ok := open(b, etherLen)
	if !ok {
		f.add(malformed, 1)
		return
	}
	if s, ok := p.forward(); !ok {
		f.add(s, 1)
		return
	}
	f.add(arrived, 1)
	f.copy(p, l.ifindex)
}

// fromTunnel sends a mobile node's packet on to its home link and to those who listen
// there and are away themselves.
func (f *Forwarder) fromTunnel(b []byte) {
	p, ok := open(b, 0)
	if !ok {
		f.add(malformed, 1)
		return
	}
	if !(*f.carries.Load())(p.group()) {
		f.add(wrongScope, 1)
		return
	}
	ifindex, bound := f.table.homeOf(p.src())
	l := f.links[ifindex]
	if !bound || l == nil {
		f.add(badSource, 1)
		return
	}
	if s, ok := p.forward(); !ok {
		f.add(s, 1)
		return
	}
	f.add(fromNodes, 1)
	if err := l.send(p); err != nil {
		f.add(unsent, 1)
	}
	f.copy(p, ifindex)
}

func (f *Forwarder) copy(p packet, ifindex int) {
	f.sending.Lock()
	defer f.sending.Unlock()
	f.to = f.table.listeners(f.to[:0], place{ifindex, p.group()}, p.src())
	switch {
	case len(f.to) == 0:
	case len(p.raw) > f.mtu:
		f.add(tooBig, 1)
		f.tellTooBig(p, f.to[0].homeAgent)
	default:
		sent := f.tunnel.send(p.raw, f.to)
		f.add(tunnelled, sent)
		f.add(unsent, len(f.to)-sent)
	}
}

// tellTooBig tells the sender how much the tunnel takes (RFC 2473 §7.1).
func (f *Forwarder) tellTooBig(p packet, from netip.Addr) {
	now := time.Now()
	if now.Sub(f.told) >= time.Second {
		f.told, f.tells = now, 0
	}
	if f.tells++; f.tells > maxTells {
		return
	}
	body := tooBigMessage(p, from, f.mtu)
	info := unix.PktInfo6(&unix.Inet6Pktinfo{Addr: from.As16()})
	_ = f.errors.WriteFunc(context.Background(), "sendmsg", func(fd int) error {
		// Whether it is sent or not: the next packet is another occasion.
		_, _ = unix.SendmsgN(fd, body, info, &unix.SockaddrInet6{Addr: p.src().As16()}, unix.MSG_DONTWAIT)
		return nil
	})
}

// Close releases everything, after Run has returned. Groups are left with it.
func (f *Forwarder) Close() error {
	f.joins.close()
	var errs []error
	for _, l := range f.links {
		l.close()
	}
	if f.tunnel != nil {
		errs = append(errs, f.tunnel.sock.Close())
	}
	for _, s := range []*socket.Conn{f.reverse, f.errors} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}
