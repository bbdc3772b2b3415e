package config

import (
	"net/netip"
	"reflect"
	"slices"
)

// NeedRestart names the sections and keys that differ between two
// configurations and that a running daemon can't take over. None means that
// next can be put into force by a reload.
//
// A home agent takes over everything but which home links there are, its
// addresses there, whether there is multicast, and more bindings, for which the kernel
// has no room ready; a correspondent node everything. Whatever else differs was used
// to open sockets, devices and files.
func (c *Config) NeedRestart(next *Config) []string {
	var keys []string
	differ := func(key string, a, b any) {
		if !reflect.DeepEqual(a, b) {
			keys = append(keys, key)
		}
	}
	if (c.HomeAgent == nil) != (next.HomeAgent == nil) {
		keys = append(keys, "home_agent")
	} else if c.HomeAgent != nil {
		differ("home_agent.links", places(c.HomeAgent.Links), places(next.HomeAgent.Links))
		differ("home_agent.max_bindings", max(c.HomeAgent.MaxBindings, next.HomeAgent.MaxBindings), c.HomeAgent.MaxBindings)
		differ("home_agent.multicast", c.HomeAgent.Multicast != nil, next.HomeAgent.Multicast != nil)
	}
	differ("mobile_node", c.MobileNode, next.MobileNode)
	if (c.CorrespondentNode == nil) != (next.CorrespondentNode == nil) {
		keys = append(keys, "correspondent_node")
	}
	differ("run_dir", c.RunDir, next.RunDir)
	differ("state_dir", c.StateDir, next.StateDir)
	differ("control", c.Control, next.Control)
	differ("kernel", c.Kernel, next.Kernel)
	differ("log", c.Log, next.Log)
	differ("metrics", c.Metrics, next.Metrics)
	slices.Sort(keys)
	return keys
}

// place is what of a home link needs a restart.
type place struct {
	ifname  string
	address netip.Addr
}

func places(links []HomeLink) (list []place) {
	for _, l := range links {
		list = append(list, place{l.Interface, l.Address})
	}
	return list
}
