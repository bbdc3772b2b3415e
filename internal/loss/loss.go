// Package loss hears when somebody else takes something of ours out of the kernel, over netlink: network managers and
// people delete rules and routes, or flush policies, that they don't know.
//
// It doesn't know what is ours nor how to bring it back; who subscribes does (internal/rtnl, internal/xfrmmig).
package loss

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// settleTime is how long further losses are waited for: a flush is many. Twice as long each time where they come again
// within calmTime, up to maxSettleTime: somebody deletes what we set again, and neither must have all of the processor.
const (
	settleTime    = 20 * time.Millisecond
	maxSettleTime = time.Second
	calmTime      = 5 * time.Second
)

// Watch is a subscription.
type Watch struct {
	nl   *netlink.Conn
	hear func(netlink.Message) bool
}

// Open subscribes to groups of a netlink family in the current network namespace. hear is called with each message, and
// says whether something of ours may be gone. filter keeps other messages in the kernel, where there are many; it may be nil.
func Open(family int, groups []int, filter []bpf.RawInstruction, hear func(netlink.Message) bool) (*Watch, error) {
	nl, err := netlink.Dial(family, nil)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket for what others take away: %w", err)
	}
	if len(filter) > 0 {
		if err := nl.SetBPF(filter); err != nil {
			nl.Close()
			return nil, fmt.Errorf("filter news about what others take away: %w", err)
		}
	}
	for _, g := range groups {
		if err := nl.JoinGroup(uint32(g)); err != nil {
			nl.Close()
			return nil, fmt.Errorf("subscribe to what others take away (netlink family %d, group %d): %w", family, g, err)
		}
	}
	return &Watch{nl, hear}, nil
}

// Close ends the subscription.
func (w *Watch) Close() error { return w.nl.Close() }

// Run has lost called after losses until ctx ends; then it returns nil. Whether anything
// of ours is among them lost has to find out.
func (w *Watch) Run(ctx context.Context, lost func()) error {
	var ending atomic.Bool
	stop := context.AfterFunc(ctx, func() {
		ending.Store(true)
		_ = w.nl.SetReadDeadline(time.Unix(1, 0))
	})
	defer stop()
	waiting, wait := false, settleTime
	var last time.Time // when lost was called
	for {
		messages, err := w.nl.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case waiting && errors.Is(err, os.ErrDeadlineExceeded):
			waiting = false
			lost()
			last = time.Now()
			if err := w.nl.SetReadDeadline(time.Time{}); err != nil {
				return fmt.Errorf("wait for what others take away: %w", err)
			}
			if ending.Load() { // between the two
				return nil
			}
			continue
		case errors.Is(err, unix.ENOBUFS): // some were not told
		case err != nil:
			return fmt.Errorf("receive what others take away: %w", err)
		default:
			some := false
			for _, m := range messages {
				some = w.hear(m) || some
			}
			if !some {
				continue
			}
		}
		if !waiting {
			waiting = true
			if wait = min(2*wait, maxSettleTime); time.Since(last) > calmTime {
				wait = settleTime
			}
			if err := w.nl.SetReadDeadline(time.Now().Add(wait)); err != nil {
				return fmt.Errorf("wait for what others take away: %w", err)
			}
		}
	}
}
