package rtnl

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// keepRouters deletes the default routes that the kernel has learned from
// routers of an earlier link, and what waits for these routers.
func (m *MobileNode) keepRouters(e role.KeepRouters) error {
	list, err := dump(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{
			LinkIndex: e.Ifindex, Table: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_RA,
		}, netlink.RT_FILTER_OIF|netlink.RT_FILTER_TABLE|netlink.RT_FILTER_PROTOCOL)
	})
	if err != nil {
		return fmt.Errorf("list the default routes of interface %d: %w", e.Ifindex, err)
	}
	var requests []request
	for _, r := range list {
		via := addrOf(r.Gw)
		if r.Dst != nil && r.Dst.String() != "::/0" || !via.IsValid() || slices.Contains(e.Routers, via) {
			continue
		}
		old := route{
			dst: everything, table: unix.RT_TABLE_MAIN, protocol: unix.RTPROT_RA, kind: unix.RTN_UNICAST,
			oif: e.Ifindex, via: via, metric: uint32(r.Priority),
		}
		requests = append(requests, old.del(), forgetNeighbour(e.Ifindex, via))
	}
	var errs []error
	for _, err := range m.conn.batch(requests) {
		if err := unless(err, unix.ESRCH, unix.ENOENT, unix.ENODEV); err != nil {
			errs = append(errs, fmt.Errorf("delete a default route of an earlier link from interface %d: %w", e.Ifindex, err))
		}
	}
	return errors.Join(errs...)
}
