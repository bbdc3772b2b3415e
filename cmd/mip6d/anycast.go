package main

import (
	"errors"
	"net/netip"
	"slices"
	"sync"

	"mip6d/internal/homelink"
	"mip6d/internal/icmp6"
)

// loopback is where anycast addresses of virtual home links are taken.
const loopback = 1

// anycast is a home agents' anycast address and where it is taken.
type anycast struct {
	ifindex int
	address netip.Addr
}

// anycasts keeps the addresses at which the home agents of our links are looked
// for (RFC 6275 §8.4). Safe for use by several goroutines.
type anycasts struct {
	on interface {
		JoinAnycast(ifindex int, a netip.Addr) error
		LeaveAnycast(ifindex int, a netip.Addr) error
	}
	mu    sync.Mutex
	taken []anycast
}

// keep takes what is wanted and not there, then gives up what is there and not
// wanted. After an error in taking, nothing is given up; keep can be called again.
func (k *anycasts) keep(want []anycast) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for _, a := range want {
		if slices.Contains(k.taken, a) {
			continue
		}
		if err := k.on.JoinAnycast(a.ifindex, a.address); err != nil {
			errs = append(errs, err)
			continue
		}
		k.taken = append(k.taken, a)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	k.taken = slices.DeleteFunc(k.taken, func(a anycast) bool {
		if slices.Contains(want, a) {
			return false
		}
		errs = append(errs, k.on.LeaveAnycast(a.ifindex, a.address))
		return true
	})
	return errors.Join(errs...)
}

// again takes the addresses of an interface anew. The kernel keeps them when the
// interface is set down, but not their routes: packets to them would be forwarded.
func (k *anycasts) again(ifindex int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	k.taken = slices.DeleteFunc(k.taken, func(a anycast) bool {
		if a.ifindex != ifindex {
			return false
		}
		_ = k.on.LeaveAnycast(a.ifindex, a.address) // if it isn't there, so much the better
		err := k.on.JoinAnycast(a.ifindex, a.address)
		errs = append(errs, err)
		return err != nil
	})
	return errors.Join(errs...)
}

// anycastsOf are the anycast addresses of all prefixes of our links that have one.
func anycastsOf(p homelink.Params) (list []anycast) {
	for _, l := range p.Links {
		on := loopback
		if l.Ifindex != 0 {
			on = l.Ifindex
		}
		for _, x := range l.Prefixes {
			if x.Prefix.Bits() <= icmp6.LongestAnycastPrefix {
				list = append(list, anycast{on, icmp6.HomeAgentsAnycast(x.Prefix)})
			}
		}
	}
	return list
}
