package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"mip6d/internal/config"
	"mip6d/internal/mn"
)

// formHomeAddresses makes those home addresses that the configuration does not give but
// has made of an interface's link-layer address.
func formHomeAddresses(cfg *config.Config, linkAddr func(ifname string) ([]byte, error)) error {
	if cfg.MobileNode == nil {
		return nil
	}
	var errs []error
	taken := make(map[netip.Addr]bool)
	for i := range cfg.MobileNode.Homes {
		h := &cfg.MobileNode.Homes[i]
		if h.Stateful() {
			continue
		}
		if h.Formed != nil {
			a, err := linkAddr(h.Formed.Interface)
			made, ok := mn.HomeAddress(h.HomeAddress, a)
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("make a home address of %s in %s: %w", h.Formed.Interface, h.HomeAddress, err))
				continue
			case !ok:
				errs = append(errs, fmt.Errorf("make a home address of %s in %s: no interface identifier can be made of the link-layer address %q; give the home address",
					h.Formed.Interface, h.HomeAddress, net.HardwareAddr(a)))
				continue
			}
			h.HomeAddress = made
		}
		if taken[h.HomeAddress.Addr()] {
			errs = append(errs, fmt.Errorf("%s is the home address of two homes: leave one of them", h.HomeAddress.Addr()))
		}
		taken[h.HomeAddress.Addr()] = true
	}
	return errors.Join(errs...)
}

func linkAddress(ifname string) ([]byte, error) {
	i, err := net.InterfaceByName(ifname)
	if err != nil {
		return nil, fmt.Errorf("it must be there when mip6d starts: %w", err)
	}
	return i.HardwareAddr, nil
}
