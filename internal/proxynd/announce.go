package proxynd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// Announcer sends unsolicited Neighbor Advertisements for addresses that
// are our own, on any interface: what a mobile node does when it is home again
// (RFC 6275 §11.5.5). It hears nothing and defends nothing.
type Announcer struct {
	params Params
	sock   *socket.Conn
	count  func(role.Counter)

	mu     sync.Mutex
	closed bool
	timers map[netip.Addr]*time.Timer // of the repetitions
}

// NewAnnouncer opens an announcer in the current network namespace. It needs
// CAP_NET_RAW.
func NewAnnouncer(count func(role.Counter)) (*Announcer, error) {
	const noProtocol = 0
	s, err := socket.Socket(unix.AF_PACKET, unix.SOCK_RAW, noProtocol, "announce", nil)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket for neighbor advertisements: %w", err)
	}
	return &Announcer{params: Params{}.withDefaults(), sock: s, count: count, timers: make(map[netip.Addr]*time.Timer)}, nil
}

// Advertise sends an advertisement at once, and repeats it up to
// MAX_NEIGHBOR_ADVERTISEMENT times in all, RetransTimer apart.
func (a *Announcer) Advertise(e role.Advertise) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.timers[e.Addr]; t != nil {
		t.Stop()
	}
	return a.send(e, a.params.Advertisements-1)
}

// StopAdvertising ends the repetitions.
func (a *Announcer) StopAdvertising(e role.StopAdvertising) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.timers[e.Addr]; t != nil {
		t.Stop()
		delete(a.timers, e.Addr)
	}
	return nil
}

// send sends one and plans the rest. The lock is held.
func (a *Announcer) send(e role.Advertise, left int) error {
	if err := a.write(e.Ifindex, e.Addr, allNodesLink, allNodes, e.Router); err != nil {
		return err
	}
	if left <= 0 {
		delete(a.timers, e.Addr)
		return nil
	}
	var t *time.Timer
	t = time.AfterFunc(a.params.RetransTimer, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if !a.closed && a.timers[e.Addr] == t { // not stopped while we waited for the lock
			// The first one left; that a repetition didn't is no news.
			_ = a.send(e, left-1)
		}
	})
	a.timers[e.Addr] = t
	return nil
}

// TellNeighbor carries out the effect.
func (a *Announcer) TellNeighbor(e role.TellNeighbor) error {
	if len(e.LinkAddr) != len(linkAddr{}) {
		return fmt.Errorf("tell %s of %s: %x is no Ethernet address", e.Neighbor, e.Addr, e.LinkAddr)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.write(e.Ifindex, e.Addr, linkAddr(e.LinkAddr), e.Neighbor, e.Router)
}

// write sends one advertisement of an address. The lock is held.
func (a *Announcer) write(ifindex int, addr netip.Addr, to linkAddr, dst netip.Addr, router bool) error {
	if a.closed {
		return net.ErrClosed
	}
	ifi, err := net.InterfaceByIndex(ifindex)
	if err != nil {
		return fmt.Errorf("advertise %s on interface %d: %w", addr, ifindex, err)
	}
	if len(ifi.HardwareAddr) != len(linkAddr{}) {
		return fmt.Errorf("advertise %s on %s: it has no Ethernet address", addr, ifi.Name)
	}
	r := newResponder(linkAddr(ifi.HardwareAddr), addr)
	at := &unix.SockaddrLinklayer{Ifindex: ifindex, Protocol: networkOrder(unix.ETH_P_IPV6), Halen: 6}
	copy(at.Addr[:], to[:])
	if err := a.sock.Sendto(context.Background(), r.unsolicited(to, dst, addr, router), 0, at); err != nil {
		return fmt.Errorf("advertise %s on %s: %w", addr, ifi.Name, err)
	}
	a.count(CountAdvertised)
	return nil
}

// StartDAD is none of an announcer's business: the kernel probes for addresses
// that are our own.
func (a *Announcer) StartDAD(role.StartDAD) error { return errors.ErrUnsupported }

// Close ends the repetitions and releases the socket.
func (a *Announcer) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, t := range a.timers {
		t.Stop()
	}
	return a.sock.Close()
}
