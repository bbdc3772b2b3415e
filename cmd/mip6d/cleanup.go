package main

import (
	"errors"
	"net"
	"net/netip"

	"mip6d/internal/config"
	"mip6d/internal/ingress"
	"mip6d/internal/mngate"
	"mip6d/internal/rtnl"
	"mip6d/internal/xfrmmig"
)

// cleanUp removes everything that a daemon with this configuration has put into
// the kernel and may have left there, and restores the sysctls and address labels it has changed.
func cleanUp(cfg *config.Config) error {
	errs := []error{cleanXFRM(), cleanGates(cfg)}
	var names []string
	var homes []netip.Prefix
	if m := cfg.MobileNode; m != nil {
		names = interfaceNames(m)
		for _, h := range m.Homes {
			homes = append(homes, h.HomeAddress)
		}
	}
	if len(names) > 0 {
		errs = append(errs, mngate.Cleanup())
	}
	errs = append(errs, rtnl.Cleanup(marks(cfg.Kernel), names, homes))
	settings, err := rtnl.OpenSettings(cfg.RunDir)
	if err == nil {
		err = settings.Restore()
	}
	errs = append(errs, err)
	labels, err := rtnl.OpenLabels(cfg.RunDir)
	if err == nil {
		err = labels.Restore()
	}
	return errors.Join(append(errs, err)...)
}

func cleanXFRM() error {
	x, err := xfrmmig.Dial()
	if err != nil {
		return err
	}
	defer x.Close()
	return x.Cleanup()
}

func cleanGates(cfg *config.Config) error {
	if cfg.HomeAgent == nil {
		return nil
	}
	var c ingress.Config
	for _, l := range cfg.HomeAgent.Links {
		if i, err := net.InterfaceByName(l.Interface); err == nil {
			c.HomeLinks = append(c.HomeLinks, i.Index)
		}
	}
	if i, err := net.InterfaceByName(cfg.Kernel.TunnelName); err == nil {
		c.Tunnel = i.Index
	}
	return ingress.Cleanup(c)
}
