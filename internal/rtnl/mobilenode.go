package rtnl

import (
	"fmt"
	"net/netip"

	"mip6d/internal/role"
)

// MobileNode carries out AddCareOf, RemoveCareOf and SetHomePath. It is an
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

// OpenMobileNode opens the applier in the current network namespace. It needs
// CAP_NET_ADMIN.
func OpenMobileNode(m Marks) (*MobileNode, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	return &MobileNode{conn: c, paths: newPaths(m.withDefaults(), c), careOf: make(map[place]netip.Prefix)}, nil
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
		m.careOf[place{e.Ifindex, e.Prefix.Addr()}] = e.Prefix
		return m.conn.addCareOf(e)
	case role.RemoveCareOf:
		at := place{e.Ifindex, e.Addr}
		prefix, ok := m.careOf[at]
		if !ok {
			return nil
		}
		delete(m.careOf, at)
		return m.conn.removeCareOf(e.Ifindex, prefix)
	case role.SetHomePath:
		return m.paths.set(e.Path)
	}
	return fmt.Errorf("%T is nothing that a mobile node's kernel state can do", e)
}

// Close releases the socket. What is in the kernel stays in force.
func (m *MobileNode) Close() error { return m.conn.close() }
