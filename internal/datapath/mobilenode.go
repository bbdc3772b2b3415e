package datapath

import (
	"fmt"
	"net/netip"

	"mip6d/internal/role"
)

// Tunnels protects what a home address has in its tunnel; it does nothing for one
// that is not to be protected.
type Tunnels interface {
	// SetTunnels has the protection end at a care-of address from now on. With keyMgmt an
	// IKE daemon follows, if there is one and it can; otherwise it has to begin anew.
	SetTunnels(home, careOf netip.Addr, keyMgmt bool) error
	// ClearTunnels makes it inactive.
	ClearTunnels(home netip.Addr) error
}

// MobileNode carries out a mobile node's effects, those on paths in two parts.
//
// The protection comes before the path that it protects and goes after it, so that
// no packet takes the tunnel as it is. It follows the care-of address before the
// Binding Update leaves (RFC 3776 §4.3), which stands behind the path's effect.
type MobileNode struct {
	Paths   Applier
	Tunnels Tunnels
}

// Apply carries out effects in their order.
func (m *MobileNode) Apply(effects []role.Effect) []error {
	errs := make([]error, len(effects))
	for i := range effects {
		errs[i] = m.apply(effects[i : i+1])
	}
	return errs
}

func (m *MobileNode) apply(one []role.Effect) error {
	path, ok := one[0].(role.SetHomePath)
	if !ok {
		return m.paths(one)
	}
	home := path.Path.HomeAddress.Addr()
	switch path.Path.Mode {
	case role.PathTunnelled:
		if err := m.Tunnels.SetTunnels(home, path.Path.CareOf, path.Path.KeyMgmt); err != nil {
			return fmt.Errorf("protect the tunnel of %s: %w", home, err)
		}
		return m.paths(one)
	case role.PathBlocked:
		return m.paths(one) // nothing leaves; what is there waits for the next care-of address
	}
	if err := m.paths(one); err != nil {
		return err
	}
	return m.Tunnels.ClearTunnels(home)
}

func (m *MobileNode) paths(one []role.Effect) error {
	if errs := m.Paths.Apply(one); errs != nil {
		return errs[0]
	}
	return nil
}
