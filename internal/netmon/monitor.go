package netmon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// readBuffer holds the news of a busy moment.
const readBuffer = 4 << 20

// Monitor listens to the kernel.
type Monitor struct {
	nl    *netlink.Conn
	state *state
}

// Open subscribes in the current network namespace. Links are reported for the
// given interfaces only, existing or to come; addresses and neighbours for all.
func Open(interfaces []string) (*Monitor, error) {
	nl, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, fmt.Errorf("open an rtnetlink socket for news: %w", err)
	}
	// A smaller buffer only means an earlier resynchronisation.
	_ = nl.SetReadBuffer(readBuffer)
	for _, group := range []uint32{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_NEIGH} {
		if err := nl.JoinGroup(group); err != nil {
			nl.Close()
			return nil, fmt.Errorf("subscribe to rtnetlink group %d: %w", group, err)
		}
	}
	wanted := func(name string) bool { return slices.Contains(interfaces, name) }
	return &Monitor{nl: nl, state: newState(wanted)}, nil
}

// Run reports what is there, then what changes, until ctx ends; then it returns
// nil and the monitor is closed.
func (m *Monitor) Run(ctx context.Context, out func(role.Event)) error {
	defer m.nl.Close()
	stop := context.AfterFunc(ctx, func() { _ = m.nl.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := m.resync(out); err != nil {
		return err
	}
	for {
		messages, err := m.nl.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			if err := retry(ctx, func() error { return m.resync(out) }); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("read rtnetlink news: %w", err)
		}
		for _, msg := range messages {
			if ev := m.state.take(decode(msg)); ev != nil {
				out(ev)
			}
		}
	}
}

// resync asks for everything, on a socket of its own, since the subscribed one
// may be full.
func (m *Monitor) resync(out func(role.Event)) error {
	nl, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return fmt.Errorf("open an rtnetlink socket to list what is there: %w", err)
	}
	defer nl.Close()
	links, err := dump[linkNews](nl, unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg))
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	addrs, err := dump[addrNews](nl, unix.RTM_GETADDR, append([]byte{unix.AF_INET6}, make([]byte, unix.SizeofIfAddrmsg-1)...))
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	for _, ev := range m.state.resync(links, addrs) {
		out(ev)
	}
	return nil
}

func dump[T any](nl *netlink.Conn, typ netlink.HeaderType, body []byte) ([]T, error) {
	messages, err := nl.Execute(netlink.Message{
		Header: netlink.Header{Type: typ, Flags: netlink.Request | netlink.Dump},
		Data:   body,
	})
	if err != nil {
		return nil, err
	}
	var all []T
	for _, msg := range messages {
		if n, ok := decode(msg).(T); ok {
			all = append(all, n)
		}
	}
	return all, nil
}
