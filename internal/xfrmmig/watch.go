package xfrmmig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	msgFlushSA     = 0x1c
	msgFlushPolicy = 0x1d
	groupSA        = 3 // XFRMNLGRP_SA
	groupPolicy    = 4 // XFRMNLGRP_POLICY
)

// settleTime is how long further losses are waited for: a flush is many.
const settleTime = 20 * time.Millisecond

// Losses hears when others take IPsec's policies or security associations away, and
// when they make associations.
type Losses struct {
	nl  *netlink.Conn
	own uint32 // netlink port of the guard, whose own removals are none
}

// OpenLosses subscribes in the current network namespace, to what others than a guard
// take away.
func OpenLosses(g *Guard) (*Losses, error) {
	conn, ok := g.conn.(*Conn)
	if !ok {
		return nil, errors.New("a model loses nothing")
	}
	own, err := conn.portID()
	if err != nil {
		return nil, err
	}
	nl, err := netlink.Dial(unix.NETLINK_XFRM, &netlink.Config{Groups: 1<<(groupSA-1) | 1<<(groupPolicy-1)})
	if err != nil {
		return nil, fmt.Errorf("subscribe to changes of IPsec's policies: %w", err)
	}
	return &Losses{nl, own}, nil
}

// Close ends the subscription.
func (l *Losses) Close() error { return l.nl.Close() }

// Run has lost called after losses until ctx ends; then it returns nil. Whether anything
// of ours is among them lost has to find out. made is called with each security
// association that somebody else has made.
func (l *Losses) Run(ctx context.Context, lost func(), made func(SA)) error {
	var ending atomic.Bool
	stop := context.AfterFunc(ctx, func() {
		ending.Store(true)
		_ = l.nl.SetReadDeadline(time.Unix(1, 0))
	})
	defer stop()
	waiting := false
	for {
		messages, err := l.nl.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case waiting && errors.Is(err, os.ErrDeadlineExceeded):
			waiting = false
			lost()
			if err := l.nl.SetReadDeadline(time.Time{}); err != nil {
				return fmt.Errorf("wait for changes of IPsec's policies: %w", err)
			}
			if ending.Load() { // between the two
				return nil
			}
			continue
		case errors.Is(err, unix.ENOBUFS): // some were not told
		case err != nil:
			return fmt.Errorf("receive changes of IPsec's policies: %w", err)
		}
		for _, m := range messages {
			if m.Header.Type == msgNewSA && m.Header.PID != l.own {
				if sa, _, ok := decodeSA(m.Data); ok {
					made(sa)
				}
			}
		}
		if err == nil && !slices.ContainsFunc(messages, l.isLoss) {
			continue
		}
		if !waiting {
			waiting = true
			if err := l.nl.SetReadDeadline(time.Now().Add(settleTime)); err != nil {
				return fmt.Errorf("wait for changes of IPsec's policies: %w", err)
			}
		}
	}
}

// isLoss says whether somebody else has removed something that may be IPsec's; the
// extension headers of direct paths are not.
func (l *Losses) isLoss(m netlink.Message) bool {
	const id = 64 // struct xfrm_userpolicy_id, in front of the attributes
	switch m.Header.Type {
	case msgFlushPolicy, msgDelSA, msgFlushSA:
		return m.Header.PID != l.own
	case msgDelPolicy:
		sub := false
		eachAttr(m.Data[min(id, len(m.Data)):], func(typ uint16, data []byte) {
			sub = sub || typ == attrPolicyType && len(data) > 0 && data[0] == policyTypeSub
		})
		return m.Header.PID != l.own && !sub
	}
	return false
}

// Reinstate sets what is wanted and is not there, and says how much that was.
func (g *Guard) Reinstate() (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.homes) == 0 {
		return 0, nil
	}
	f, err := g.find()
	if err != nil {
		return 0, err
	}
	n := 0
	for _, h := range g.homes {
		for _, u := range Purposes {
			if !h.Has(u) || u != ForSignalling && !h.active {
				continue
			}
			for _, p := range h.policies(h.number, u, g.end, h.careOf) {
				if f.hasPolicy(p) {
					continue
				}
				n++
				if err := g.conn.SetPolicy(p); err != nil {
					return n, err
				}
			}
			if h.Managed != nil {
				continue
			}
			for _, s := range h.associations(h.number, u, g.end, h.careOf) {
				if f.keepSA(s) {
					continue
				}
				n++
				if err := g.conn.setSA(s); err != nil {
					return n, err
				}
			}
		}
	}
	return n, nil
}
