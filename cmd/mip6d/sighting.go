package main

import (
	"context"
	"fmt"

	"mip6d/internal/config"
	"mip6d/internal/netmon"
	"mip6d/internal/role"
	"mip6d/internal/sighting"
)

// sightPeers has the tunnel devices watched for new peers. Where BPF may not be
// used, route optimisation begins by hand only.
func (n *mobileNode) sightPeers(cfg *config.Config, left role.Restored) error {
	watch, err := sighting.Open(sighting.Config{Homes: append(homeAddresses(cfg.MobileNode), assigned(cfg.MobileNode, left)...)})
	if err != nil {
		n.d.log.Warn("new peers can't be seen here; route optimisation begins with mip6ctl ro start only", "err", err)
		n.d.problems.set("route optimisation", err)
		return nil
	}
	n.watch = watch
	n.d.keep(watch)
	monitor, err := netmon.Open(tunnelNames(cfg))
	if err != nil {
		return err
	}
	n.d.task(func(ctx context.Context) error {
		return monitor.Run(ctx, func(ev role.Event) {
			if up, ok := ev.(role.LinkUp); ok {
				n.d.problems.set("watch "+up.Name+" for new peers", watch.Attach(up.Ifindex))
			}
		})
	})
	n.d.task(func(ctx context.Context) error { return watch.Run(ctx, n.d.engine.Offer) })
	return nil
}

// tunnelNames are those that the tunnel devices may have: one for each home
// agent, and as many again for numbers that are taken.
func tunnelNames(cfg *config.Config) (names []string) {
	for i := range 2 * len(cfg.MobileNode.Homes) {
		name := fmt.Sprintf("%s%d", cfg.Kernel.TunnelPrefix, i)
		names = append(names, name, name+"r")
	}
	return names
}

// watchHome follows what DHCPv6 gives and takes.
func (n *mobileNode) watchHome(notice role.Notice) error {
	if notice.Warn {
		return n.watch.RemoveHome(notice.HoA)
	}
	return n.watch.AddHome(notice.HoA)
}
