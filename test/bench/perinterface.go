package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/test/bench/report"
	"mip6d/test/netns/load"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
)

// PerInterface measures the design of older daemons: a tunnel interface, a route
// and a proxy entry for each binding, made by rtnetlink one request after the
// other. It is what the kernel charges; no message is parsed and nothing verified.
func PerInterface(ctx context.Context, o Options, r *report.Report) error {
	n, err := node.New("ha")
	if err != nil {
		return err
	}
	defer n.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "home"
	if err := n.NL.LinkAdd(&netlink.Dummy{LinkAttrs: attrs}); err != nil {
		return err
	}
	home, err := n.Link("home")
	if err != nil {
		return err
	}
	if err := n.SetUp("home", true); err != nil {
		return err
	}
	before, err := settled(ctx) // what was measured before gives memory back for a while
	if err != nil {
		return err
	}
	have := 0
	for _, size := range o.PerInterface {
		// The last ones in as many parts as there are rounds.
		const part = 40
		var rates []float64
		for have < size {
			k := min(part, size-have)
			began := time.Now()
			for i := have; i < have+k; i++ {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := addInterface(n, home.Attrs().Index, i); err != nil {
					return err
				}
			}
			rates = append(rates, float64(k)/time.Since(began).Seconds())
			have += k
		}
		after, err := kernelMemory()
		if err != nil {
			return err
		}
		line := report.InterfacePerBinding{
			Bindings: size, PerSecond: report.Median(rates[max(0, len(rates)-o.Rounds):]), Kernel: int(after-before) / size,
		}
		fmt.Fprintf(o.Out, "  %d interfaces: %.1f/s, %d octets each\n", size, line.PerSecond, line.Kernel)
		r.InterfacePerBinding = append(r.InterfacePerBinding, line)
	}
	return nil
}

func addInterface(n *node.Node, home, i int) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = fmt.Sprintf("t%d", i)
	p := load.Population(i+1, i+1)
	t := &netlink.Ip6tnl{LinkAttrs: attrs, Local: topology.HAAddr.AsSlice(), Remote: p.CareOfAddress(i, 0).AsSlice(), Proto: unix.IPPROTO_IPV6}
	if err := n.NL.LinkAdd(t); err != nil {
		return fmt.Errorf("tunnel %d: %w", i, err)
	}
	if err := n.NL.LinkSetUp(t); err != nil {
		return fmt.Errorf("tunnel %d: %w", i, err)
	}
	hoa := load.HomeAddress(i).AsSlice()
	if err := n.NL.RouteAdd(&netlink.Route{LinkIndex: t.Index, Dst: netlink.NewIPNet(hoa)}); err != nil {
		return fmt.Errorf("route %d: %w", i, err)
	}
	entry := &netlink.Neigh{LinkIndex: home, Family: unix.AF_INET6, Flags: unix.NTF_PROXY, IP: hoa}
	if err := n.NL.NeighAdd(entry); err != nil {
		return fmt.Errorf("proxy entry %d: %w", i, err)
	}
	return nil
}
