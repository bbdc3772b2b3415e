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
// other; and beside it what mip6d has the kernel keep of a binding, many in a batch as
// under load. It is what the kernel charges; no message is parsed and nothing verified.
func PerInterface(ctx context.Context, o Options, r *report.Report) error {
	ours, err := measureDataPath(ctx, o)
	if err != nil {
		return err
	}
	n, home, err := homeLink()
	if err != nil {
		return err
	}
	defer n.Close()
	theirs, err := grow(ctx, o, func(from, to int) error {
		for i := from; i < to; i++ {
			if err := addInterface(n, home, i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for k, size := range o.PerInterface {
		line := report.InterfacePerBinding{
			Bindings: size, PerSecond: theirs[k].perSecond, Kernel: theirs[k].kernel, Mip6d: ours[k].perSecond, Mip6dKernel: ours[k].kernel,
		}
		fmt.Fprintf(o.Out, "  %d interfaces: %.1f/s, %d octets each; mip6d's data path alone: %.1f/s, %d octets\n",
			size, line.PerSecond, line.Kernel, line.Mip6d, line.Mip6dKernel)
		r.InterfacePerBinding = append(r.InterfacePerBinding, line)
	}
	return nil
}

// homeLink makes a network namespace with nothing but a home link.
func homeLink() (_ *node.Node, ifindex int, err error) {
	n, err := node.New("ha")
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "home"
	if err := n.NL.LinkAdd(&netlink.Dummy{LinkAttrs: attrs}); err != nil {
		return nil, 0, err
	}
	home, err := n.Link("home")
	if err != nil {
		return nil, 0, err
	}
	return n, home.Attrs().Index, n.SetUp("home", true)
}

// charge is what one more binding costs the kernel where there are so many.
type charge struct {
	perSecond float64
	kernel    int // octets for each
}

// grow adds bindings up to each of the sizes, in parts as large as the batches of a home agent
// under load. The rate is the median of as many of the last parts as there are rounds.
func grow(ctx context.Context, o Options, add func(from, to int) error) (all []charge, err error) {
	const part = 64
	before, err := settled(ctx) // what was measured before gives memory back for a while
	if err != nil {
		return nil, err
	}
	have := 0
	for _, size := range o.PerInterface {
		var rates []float64
		for have < size {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			k := min(part, size-have)
			began := time.Now()
			if err := add(have, have+k); err != nil {
				return nil, err
			}
			rates = append(rates, float64(k)/time.Since(began).Seconds())
			have += k
		}
		after, err := settled(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, charge{report.Median(rates[max(0, len(rates)-o.Rounds):]), int(after-before) / size})
	}
	return all, nil
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
