package bench

import (
	"context"
	"errors"
	"time"

	"mip6d/internal/datapath"
	"mip6d/internal/ingress"
	"mip6d/internal/proxynd"
	"mip6d/internal/role"
	"mip6d/internal/rtnl"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
)

// measureDataPath measures what a home agent has the kernel keep of each binding (the route
// through the shared tunnel, the source check, the defended address), as its effects ask for it.
func measureDataPath(ctx context.Context, o Options) (all []charge, err error) {
	n, home, err := homeLink()
	if err != nil {
		return nil, err
	}
	defer n.Close()
	err = n.Do(func() (err error) {
		routes, err := rtnl.OpenBindings(rtnl.Marks{})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, routes.Close()) }()
		if _, err := routes.Settle(); err != nil {
			return err
		}
		check, noBPF, err := ingress.Open(ingress.Config{Tunnel: routes.Device(), HomeLinks: []int{home}, MaxBindings: 1 << 17})
		if err := errors.Join(noBPF, err); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, check.Close()) }()
		links, err := proxynd.OpenLinks([]proxynd.Config{{Ifindex: home, Source: topology.HAAddr}})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, links.Close()) }()
		kernel := datapath.NewHomeAgent(check, routes, links)
		all, err = grow(ctx, o, func(from, to int) error {
			var batch []role.Effect
			for i := from; i < to; i++ {
				batch = append(batch, role.SetBinding{Binding: role.Binding{
					HomeAddress: load.HomeAddress(i), CareOf: load.CareOf(0, i), HomeAgent: topology.HAAddr, Ifindex: home, Lifetime: time.Hour,
				}})
			}
			return errors.Join(kernel.Apply(batch)...)
		})
		return err
	})
	return all, err
}
