package rtnl

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// rivals knows other ip6tnl devices that take tunnelled packets before the
// shared device does, and past the source check at its ingress: the kernel looks
// for a device with both end points first, then for one with either, and only
// then for the shared one. They are looked for again when some interface has
// changed.
type rivals struct {
	fd     int // rtnetlink news about interfaces
	buf    []byte
	listed bool
	list   []*netlink.Ip6tnl
}

func watchRivals() (*rivals, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open an rtnetlink socket for news about interfaces: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("subscribe to news about interfaces: %w", err)
	}
	return &rivals{fd: fd, buf: make([]byte, 16)}, nil
}

func (r *rivals) close() error { return unix.Close(r.fd) }

// look brings the list up to date. Without news that is one system call.
func (r *rivals) look() error {
	for {
		_, _, err := unix.Recvfrom(r.fd, r.buf, unix.MSG_TRUNC)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		r.listed = false
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("read news about interfaces: %w", err)
		}
	}
	if r.listed {
		return nil
	}
	links, err := dump(netlink.LinkList)
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	r.list = nil
	for _, l := range links {
		if t, ok := l.(*netlink.Ip6tnl); ok && !t.FlowBased {
			r.list = append(r.list, t)
		}
	}
	r.listed = true
	return nil
}

// of returns the device that takes what comes from a care-of address to a home
// agent, or nil.
func (r *rivals) of(careOf, homeAgent netip.Addr) *netlink.Ip6tnl {
	for _, t := range r.list {
		remote, local := addrOf(t.Remote), addrOf(t.Local)
		if t.Attrs().RawFlags&unix.IFF_UP == 0 || remote.IsUnspecified() && local.IsUnspecified() {
			continue
		}
		if (remote == careOf || remote.IsUnspecified()) && (local == homeAgent || local.IsUnspecified()) {
			return t
		}
	}
	return nil
}
