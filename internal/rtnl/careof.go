package rtnl

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// addCareOf puts a care-of address on an interface. It is optimistic: usable
// before duplicate address detection ends (RFC 4429), where the interface's
// optimistic_dad allows; elsewhere the kernel ignores the flag. Its prefix makes
// no route: whether the prefix is on-link is said by the router, and the kernel
// listens to that.
func (c *conn) addCareOf(e role.AddCareOf) error {
	a := address{
		prefix: e.Prefix, ifindex: e.Ifindex, flags: unix.IFA_F_OPTIMISTIC | unix.IFA_F_NOPREFIXROUTE,
		valid: seconds(e.Valid), preferred: seconds(min(e.Preferred, e.Valid)),
	}
	if a.valid == 0 {
		return fmt.Errorf("put the care-of address %s on interface %d: its valid lifetime is zero", e.Prefix.Addr(), e.Ifindex)
	}
	if err := c.do(a.set()); err != nil {
		return fmt.Errorf("put the care-of address %s on interface %d: %w", e.Prefix.Addr(), e.Ifindex, err)
	}
	return nil
}

// removeCareOf takes it back. An address that is gone is fine.
func (c *conn) removeCareOf(ifindex int, prefix netip.Prefix) error {
	a := address{prefix: prefix, ifindex: ifindex}
	if err := unless(c.do(a.del()), unix.EADDRNOTAVAIL, unix.ENODEV); err != nil {
		return fmt.Errorf("take the care-of address %s from interface %d: %w", prefix.Addr(), ifindex, err)
	}
	return nil
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
