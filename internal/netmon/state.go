package netmon

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// state is what was last told, so that only changes become events.
type state struct {
	wanted func(name string) bool
	links  map[int]linkNews
	addrs  map[place]told
}

type place struct {
	ifindex int
	addr    netip.Addr
}

// told is what the last event of an address said.
type told uint8

const (
	toldNothing told = iota
	toldReady
	toldFailed
)

func newState(wanted func(string) bool) *state {
	return &state{wanted: wanted, links: make(map[int]linkNews), addrs: make(map[place]told)}
}

// take draws the event from one piece of news; nil: nothing has changed.
func (s *state) take(news any) role.Event {
	switch n := news.(type) {
	case linkNews:
		return s.link(n)
	case addrNews:
		return s.addr(n)
	case neighNews:
		if n.failed && n.addr.IsLinkLocalUnicast() {
			return role.RouterUnreachable{Ifindex: n.ifindex, Router: n.addr}
		}
	}
	return nil
}

func (s *state) link(n linkNews) role.Event {
	old, known := s.links[n.ifindex]
	if n.gone {
		delete(s.links, n.ifindex)
		if known && old.up {
			return role.LinkDown{Ifindex: n.ifindex}
		}
		return nil
	}
	if !s.wanted(n.name) {
		return nil
	}
	s.links[n.ifindex] = n
	switch {
	// The carrier went and came back between two messages: the link may be
	// another one now.
	case n.up && (!old.up || n.ups != old.ups):
		return role.LinkUp{Ifindex: n.ifindex, Name: n.name, LinkAddr: n.linkAddr}
	case !n.up && old.up:
		return role.LinkDown{Ifindex: n.ifindex}
	}
	return nil
}

func (s *state) addr(n addrNews) role.Event {
	at := place{n.ifindex, n.addr}
	was := s.addrs[at]
	failed := n.flags&unix.IFA_F_DADFAILED != 0
	switch {
	case failed:
		if n.gone {
			delete(s.addrs, at)
		} else {
			s.addrs[at] = toldFailed
		}
		switch {
		case was != toldFailed:
			return role.DADFailed{Ifindex: n.ifindex, Addr: n.addr, Kept: !n.gone}
		case n.gone:
			return role.AddressGone{Ifindex: n.ifindex, Addr: n.addr}
		}
		return nil
	case n.gone:
		delete(s.addrs, at)
		return role.AddressGone{Ifindex: n.ifindex, Addr: n.addr}
	case n.flags&unix.IFA_F_TENTATIVE != 0 && n.flags&unix.IFA_F_OPTIMISTIC == 0:
		s.addrs[at] = toldNothing
		return nil
	}
	s.addrs[at] = toldReady
	lease := n.lease()
	if was == toldReady && lease == 0 {
		return nil
	}
	return role.AddressReady{Ifindex: n.ifindex, Addr: n.addr, Lease: lease}
}

// lease is what is left of an address's valid lifetime if a DHCPv6 client has put it there,
// else 0. Clients know no prefix length (RFC 8415 §18.2.10.1) and set 128, where
// autoconfiguration, the kernel's as that of other programs, has the prefix's; and the mark
// of home addresses is ours.
func (n addrNews) lease() time.Duration {
	switch {
	case n.bits != 128 || n.flags&(unix.IFA_F_TEMPORARY|unix.IFA_F_HOMEADDRESS) != 0 || !n.addr.IsGlobalUnicast():
		return 0
	case n.proto != 0 && n.proto <= maxKernelProto:
		return 0
	case n.valid == forever:
		return role.Infinite
	}
	return time.Duration(n.valid) * time.Second
}

// resync draws the events from a whole picture of links and addresses, taken
// after news were lost.
func (s *state) resync(links []linkNews, addrs []addrNews) []role.Event {
	var events []role.Event
	add := func(ev role.Event) {
		if ev != nil {
			events = append(events, ev)
		}
	}
	seen := make(map[int]bool)
	for _, n := range links {
		seen[n.ifindex] = true
		add(s.link(n))
	}
	for ifindex := range s.links {
		if !seen[ifindex] {
			add(s.link(linkNews{gone: true, ifindex: ifindex}))
		}
	}
	there := make(map[place]bool)
	for _, n := range addrs {
		there[place{n.ifindex, n.addr}] = true
		add(s.addr(n))
	}
	for at := range s.addrs {
		if !there[at] {
			add(s.addr(addrNews{gone: true, ifindex: at.ifindex, addr: at.addr}))
		}
	}
	return events
}
