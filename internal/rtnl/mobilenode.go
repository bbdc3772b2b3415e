package rtnl

import (
	"errors"
	"fmt"
	"net/netip"

	"mip6d/internal/loss"
	"mip6d/internal/role"
)

// MobileNode carries out AddCareOf, RemoveCareOf, KeepRouters, ShareRouters and SetHomePath. It is an
// engine.Applier.
type MobileNode struct {
	conn   *conn
	paths  *paths
	careOf map[place]netip.Prefix // with the prefix lengths that removal needs
}

type place struct {
	ifindex int
	addr    netip.Addr
}

// OpenMobileNode opens the applier in the current network namespace. With hold, paths
// that Hold do so; it costs each packet a queue. It needs CAP_NET_ADMIN.
func OpenMobileNode(m Marks, hold bool) (*MobileNode, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	return &MobileNode{conn: c, paths: newPaths(m.withDefaults(), c, hold), careOf: make(map[place]netip.Prefix)}, nil
}

// Apply carries out effects in their order.
func (m *MobileNode) Apply(effects []role.Effect) []error {
	errs := make([]error, len(effects))
	for i, e := range effects {
		errs[i] = m.apply(e)
	}
	return errs
}

func (m *MobileNode) apply(e role.Effect) error {
	switch e := e.(type) {
	case role.AddCareOf:
		return m.addCareOf(e)
	case role.RemoveCareOf:
		return m.removeCareOf(e)
	case role.KeepRouters:
		return m.keepRouters(e)
	case role.ShareRouters:
		return m.paths.shareRouters(e)
	case role.SetHomePath:
		return m.paths.set(e.Path)
	}
	return fmt.Errorf("%T is nothing that a mobile node's kernel state can do", e)
}

// Settle is called once, with all home addresses, of either family, and mobile networks
// of this run, and the IPv4 home address that has the default route, or none: what an
// earlier run left of others is removed, and its care-of addresses get a last respite.
func (m *MobileNode) Settle(homes []netip.Addr, default4 netip.Addr, networks []netip.Prefix) error {
	return errors.Join(m.paths.settle(homes, default4, networks), m.adoptCareOf(homes))
}

// Reinstate sets everything again that others have taken away from home
// addresses that are away from home: rules, routes, addresses, tunnel devices.
func (m *MobileNode) Reinstate() error { return m.paths.reinstate() }

// Devices returns the tunnel device to a home agent, and the one that receives at every
// address of ours; 0 for what there is not.
func (m *MobileNode) Devices(homeAgent netip.Addr) (device, receiver int) {
	if t := m.paths.tunnels[homeAgent]; t != nil {
		return t.index, t.any
	}
	return 0, 0
}

// Losses hears when others delete what Reinstate sets again.
func (m *MobileNode) Losses() (*loss.Watch, error) { return losses(m.paths.marks, m.conn) }

// Close releases the socket. What is in the kernel stays in force.
func (m *MobileNode) Close() error { return m.conn.close() }
