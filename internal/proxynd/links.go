package proxynd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sync/errgroup"

	"mip6d/internal/role"
)

// Links is the responders of all home links of a home agent.
type Links struct {
	conns map[int]*Conn

	mu    sync.Mutex
	with  map[netip.Addr]place // few: home addresses with which a link-local one is defended
	local map[place]int        // bindings that want it
}

// place is a link-local address on a link.
type place struct {
	ifindex   int
	linkLocal netip.Addr
}

// OpenLinks opens one responder for each home link.
func OpenLinks(configs []Config) (*Links, error) {
	l := &Links{conns: make(map[int]*Conn), with: make(map[netip.Addr]place), local: make(map[place]int)}
	for _, cfg := range configs {
		if l.conns[cfg.Ifindex] != nil {
			l.Close()
			return nil, fmt.Errorf("defend addresses on interface %d: it is given twice", cfg.Ifindex)
		}
		c, err := Open(cfg)
		if err != nil {
			l.Close()
			return nil, err
		}
		l.conns[cfg.Ifindex] = c
	}
	return l, nil
}

// Set defends each binding's home address on its home link, and no longer on
// the one where it was before; a binding with Ifindex 0 has nothing to defend.
// It returns one error for each binding, or nil when all are in force.
func (l *Links) Set(bindings []role.Binding) []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for i, b := range bindings {
		c := l.conns[b.Ifindex]
		if c == nil && b.Ifindex != 0 {
			if errs == nil {
				errs = make([]error, len(bindings))
			}
			errs[i] = fmt.Errorf("defend %s: interface %d is no home link of ours", b.HomeAddress, b.Ifindex)
			continue
		}
		now, old := place{b.Ifindex, b.LinkLocal.WithZone("")}, l.with[b.HomeAddress]
		for ifindex, other := range l.conns {
			changed := old.linkLocal.IsValid() && old.ifindex == ifindex && old != now
			if (ifindex != b.Ifindex || changed) && other.defends(b.HomeAddress) {
				l.clear(b.HomeAddress, ifindex)
			}
		}
		if c == nil {
			continue
		}
		c.Set([]role.Binding{b})
		if _, counted := l.with[b.HomeAddress]; !counted && now.linkLocal.IsValid() {
			l.with[b.HomeAddress] = now
			l.local[now]++
		}
	}
	return errs
}

// Clear stops defending home addresses, and the link-local ones that were set
// with them, at once. It always succeeds.
func (l *Links) Clear(hoas []netip.Addr) []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, hoa := range hoas {
		for ifindex, c := range l.conns {
			if c.defends(hoa) {
				l.clear(hoa, ifindex)
			}
		}
	}
	return nil
}

func (l *Links) clear(hoa netip.Addr, ifindex int) {
	addrs := []netip.Addr{hoa}
	if p, with := l.with[hoa]; with {
		delete(l.with, hoa)
		// Two home addresses of one node may share its link-local one.
		if l.local[p]--; l.local[p] == 0 {
			delete(l.local, p)
			addrs = append(addrs, p.linkLocal)
		}
	}
	l.conns[ifindex].Clear(addrs)
}

// SetRate changes how many probes and advertisements a link gets in a second.
func (l *Links) SetRate(ifindex, rate int) {
	if c := l.conns[ifindex]; c != nil {
		c.SetRate(rate)
	}
}

// StartDAD carries out the effect. An error is the answer to the effect; after
// nil Run reports role.DADDone.
func (l *Links) StartDAD(e role.StartDAD) error {
	c := l.conns[e.Ifindex]
	if c == nil {
		return fmt.Errorf("probe for %s: interface %d is no home link of ours", e.Addr, e.Ifindex)
	}
	c.StartDAD(e.Addr)
	return nil
}

// Advertise carries out the effect.
func (l *Links) Advertise(e role.Advertise) error {
	c := l.conns[e.Ifindex]
	if c == nil {
		return fmt.Errorf("advertise %s: interface %d is no home link of ours", e.Addr, e.Ifindex)
	}
	c.Advertise(e.Addr, e.Router)
	return nil
}

// StopAdvertising carries out the effect.
func (l *Links) StopAdvertising(e role.StopAdvertising) error {
	if c := l.conns[e.Ifindex]; c != nil {
		c.StopAdvertising(e.Addr)
	}
	return nil
}

// Run runs all responders until ctx ends, or one of them fails.
func (l *Links) Run(ctx context.Context, out func(role.Event)) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, c := range l.conns {
		g.Go(func() error { return c.Run(ctx, out) })
	}
	return g.Wait()
}

// Close releases the sockets, after Run has returned.
func (l *Links) Close() error {
	var errs []error
	for _, c := range l.conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
