package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/loadgen"
	"mip6d/test/bench/report"
	"mip6d/test/netns/load"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
)

// The other end of the ordinary tunnel, which no home agent knows.
var (
	plainPrefix = netip.MustParsePrefix("2001:db8:dd::/64")
	plainHoA    = netip.MustParseAddr("2001:db8:dd::1")
)

// tunnelMTU is that of both kinds: 40 octets less than the links', without an
// encapsulation limit option.
const tunnelMTU = 1460

// mobileNode gives the mobile node its place on the first foreign link, two
// care-of addresses, and two tunnels to the home agent: one for a home address
// that is registered, and one whose other end is an ordinary tunnel at the home
// agent. CNAddr is reached by the first, CNDirectAddr by the second.
func (s *scene) mobileNode(ctx context.Context) error {
	t := s.topo
	if err := t.Plug(topology.Foreign1); err != nil {
		return err
	}
	if err := carrier(ctx, t.MN, topology.MNInterface); err != nil {
		return err
	}
	onLink := netip.MustParseAddr("2001:db8:f1::100")
	for _, a := range []netip.Prefix{netip.PrefixFrom(onLink, 64), netip.PrefixFrom(careOf, 128), netip.PrefixFrom(plainCareOf, 128)} {
		if err := t.MN.AddAddress(topology.MNInterface, a); err != nil {
			return err
		}
	}
	home := load.HomeAddress(s.nodes)
	for _, r := range []struct {
		n   *node.Node
		dst netip.Prefix
		via netip.Addr
	}{
		{t.MN, netip.MustParsePrefix("::/0"), topology.Foreign1.Router()},
		{t.Router, careOfPrefix, onLink},
		{t.Router, plainPrefix, topology.HACoreAddr},
	} {
		if err := r.n.AddRoute(r.dst, r.via); err != nil {
			return err
		}
	}
	if err := t.CN.AddAddress(topology.CNInterface, netip.PrefixFrom(topology.CNDirectAddr, 64)); err != nil {
		return err
	}
	if err := s.register(ctx); err != nil {
		return err
	}
	return errors.Join(
		tunnel(t.MN, "t0", careOf, topology.HAAddr, home, netip.PrefixFrom(topology.CNAddr, 128)),
		tunnel(t.MN, "t1", plainCareOf, topology.HAAddr, plainHoA, netip.PrefixFrom(topology.CNDirectAddr, 128)),
		tunnel(t.HA, "plain", topology.HAAddr, plainCareOf, netip.Addr{}, netip.PrefixFrom(plainHoA, 128)),
	)
}

// carrier waits until an interface can carry packets.
func carrier(ctx context.Context, n *node.Node, ifname string) error {
	for {
		link, err := n.Link(ifname)
		if err != nil || link.Attrs().OperState == netlink.OperUp {
			return err
		}
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// register has the mobile node register, by the generator: no mip6d runs there.
func (s *scene) register(ctx context.Context) error {
	link, err := s.topo.MN.Link(topology.MNInterface)
	if err != nil {
		return err
	}
	p := load.Population(1, 1)
	p.First, p.CareOf = load.HomeAddress(s.nodes), careOfPrefix
	var g *loadgen.Generator
	err = s.topo.MN.Do(func() (err error) {
		g, err = loadgen.Open(p, loadgen.Options{Interface: link.Attrs().Index, Patience: 30 * time.Second})
		return err
	})
	if err != nil {
		return err
	}
	results, err := g.Run(ctx, loadgen.Load{Order: loadgen.Each(loadgen.First, 0, 1)})
	if err == nil && results[0].Accepted != 1 {
		err = fmt.Errorf("the mobile node was not accepted: %+v", results)
	}
	return errors.Join(err, g.Close())
}

// tunnel makes an ordinary tunnel, with an address of ours on it and a route into
// it.
func tunnel(n *node.Node, name string, local, remote, address netip.Addr, dst netip.Prefix) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = name, tunnelMTU
	const ignoreEncapLimit = 1 // IP6_TNL_F_IGN_ENCAP_LIMIT, linux/ip6_tunnel.h
	link := &netlink.Ip6tnl{LinkAttrs: attrs, Local: local.AsSlice(), Remote: remote.AsSlice(), Ttl: 64, Flags: ignoreEncapLimit,
		Proto: unix.IPPROTO_IPV6}
	if err := n.NL.LinkAdd(link); err != nil {
		return fmt.Errorf("%s: tunnel %s: %w", n.Name, name, err)
	}
	if err := n.SetUp(name, true); err != nil {
		return err
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: &net.IPNet{IP: dst.Addr().AsSlice(), Mask: net.CIDRMask(dst.Bits(), 128)}}
	if address.IsValid() {
		if err := n.AddAddress(name, netip.PrefixFrom(address, 128)); err != nil {
			return err
		}
		route.Src = address.AsSlice()
	}
	if err := n.NL.RouteAdd(route); err != nil {
		return fmt.Errorf("%s: route to %s by %s: %w", n.Name, dst, name, err)
	}
	return nil
}

// forwarding sends by both tunnels in turn.
func (s *scene) forwarding(ctx context.Context, o Options) (report.Forwarding, error) {
	f := report.Forwarding{Bindings: s.nodes}
	if err := s.mobileNode(ctx); err != nil {
		return f, err
	}
	d := time.Duration(o.Seconds) * time.Second
	ends := [2]struct{ home, cn netip.Addr }{{load.HomeAddress(s.nodes), topology.CNAddr}, {plainHoA, topology.CNDirectAddr}}
	var mbit, pps [2][]float64
	for range o.Rounds {
		for k, e := range ends {
			if err := ctx.Err(); err != nil {
				return f, err
			}
			v, err := tcp(s.topo.CN, e.cn, s.topo.MN, e.home, d)
			if err != nil {
				return f, err
			}
			mbit[k] = append(mbit[k], v)
			if v, err = udp(s.topo.MN, e.home, s.topo.CN, e.cn, topology.CNInterface, d); err != nil {
				return f, err
			}
			pps[k] = append(pps[k], v)
		}
	}
	f.Mbit, f.PlainMbit, f.PPS, f.PlainPPS = report.Median(mbit[0]), report.Median(mbit[1]), report.Median(pps[0]), report.Median(pps[1])
	f.Ratio = min(f.Mbit/f.PlainMbit, f.PPS/f.PlainPPS)
	fmt.Fprintf(o.Out, "  forwarding %.1f Mbit/s (plain tunnel %.1f), %.0f packets/s (%.0f)\n", f.Mbit, f.PlainMbit, f.PPS, f.PlainPPS)
	return f, nil
}
