package rtnl

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// addCareOf puts a care-of address on an interface. One that is to be optimistic is
// usable before duplicate address detection ends where the interface's
// optimistic_dad allows; elsewhere the kernel ignores the flag. Its prefix makes
// no route: whether the prefix is on-link is said by the router, and the kernel
// listens to that.
func (m *MobileNode) addCareOf(e role.AddCareOf) error {
	a := address{
		prefix: e.Prefix, ifindex: e.Ifindex, protocol: m.paths.marks.RouteProtocol,
		flags: unix.IFA_F_NOPREFIXROUTE | dadFlags[e.DAD],
		valid: seconds(e.Valid), preferred: seconds(min(e.Preferred, e.Valid)),
	}
	if a.valid == 0 {
		return fmt.Errorf("put the care-of address %s on interface %d: its valid lifetime is zero", e.Prefix.Addr(), e.Ifindex)
	}
	if err := m.conn.do(a.set()); err != nil {
		return fmt.Errorf("put the care-of address %s on interface %d: %w", e.Prefix.Addr(), e.Ifindex, err)
	}
	m.careOf[place{e.Ifindex, e.Prefix.Addr()}] = e.Prefix
	return m.paths.careOfBack(e.Prefix.Addr())
}

var dadFlags = [...]uint32{role.DADOptimistic: unix.IFA_F_OPTIMISTIC, role.DADFirst: 0, role.DADNone: unix.IFA_F_NODAD}

// removeCareOf takes it back. An address that is gone is fine.
func (m *MobileNode) removeCareOf(e role.RemoveCareOf) error {
	at := place{e.Ifindex, e.Addr}
	prefix, ok := m.careOf[at]
	if !ok {
		return nil
	}
	a := address{prefix: prefix, ifindex: e.Ifindex}
	if err := unless(m.conn.do(a.del()), unix.EADDRNOTAVAIL, unix.ENODEV); err != nil {
		return fmt.Errorf("take the care-of address %s from interface %d: %w", e.Addr, e.Ifindex, err)
	}
	delete(m.careOf, at)
	return nil
}

// respite is how long a care-of address of an earlier run lives if nobody asks
// for it again: long enough to register another.
const respite = 30 * time.Second

// adoptCareOf takes over the care-of addresses of an earlier run. They go on
// carrying the tunnel, are preferred for nothing new, and end by themselves
// unless they are asked for again.
func (m *MobileNode) adoptCareOf(homes []netip.Addr) error {
	addrs, err := addresses()
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range addrs {
		if a.protocol != m.paths.marks.RouteProtocol || a.isHome() || slices.Contains(homes, a.prefix.Addr()) {
			continue
		}
		a.flags = unix.IFA_F_NOPREFIXROUTE
		a.preferred, a.valid = 0, min(a.valid, seconds(respite))
		if err := unless(m.conn.do(a.set()), unix.ENODEV); err != nil {
			errs = append(errs, fmt.Errorf("take over the care-of address %s: %w", a.prefix.Addr(), err))
			continue
		}
		m.careOf[place{a.ifindex, a.prefix.Addr()}] = a.prefix
	}
	return errors.Join(errs...)
}

// seconds converts a lifetime for the kernel, rounded up so that an address
// does not end before we take it back.
func seconds(d time.Duration) uint32 {
	switch {
	case d == role.Infinite:
		return forever
	case d <= 0:
		return 0
	case d > (forever-1)*time.Second:
		return forever - 1
	}
	return uint32((d + time.Second - 1) / time.Second)
}
