package topology

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"

	"mip6d/test/netns/node"
	"mip6d/test/netns/radv"
)

// machines makes the namespaces. The fixed machines skip DAD, send no Router
// Solicitations and accept no advertisements; the mobile node is as a
// distribution's kernel leaves it.
func (t *Topology) machines() error {
	for _, m := range []struct {
		at      **node.Node
		name    string
		sysctls map[string]string
	}{
		{&t.Switch, "switch", map[string]string{"all/disable_ipv6": "1", "default/disable_ipv6": "1"}},
		{&t.Router, "router", routerSysctls},
		{&t.HA, "ha", routerSysctls},
		{&t.CN, "cn", hostSysctls},
		{&t.MN, "mn", nil},
	} {
		n, err := newNode(m.name, m.sysctls)
		*m.at = n
		if err != nil {
			return err
		}
	}
	return nil
}

var (
	hostSysctls = map[string]string{
		"default/accept_dad": "0", "default/accept_ra": "0", "default/router_solicitations": "0",
	}
	routerSysctls = map[string]string{
		"default/accept_dad": "0", "default/accept_ra": "0", "default/router_solicitations": "0",
		"all/forwarding": "1", "default/forwarding": "1",
	}
)

func newNode(name string, sysctls map[string]string) (*node.Node, error) {
	n, err := node.New(name)
	if err != nil {
		return nil, err
	}
	for k, v := range sysctls {
		if err := n.Sysctl("net/ipv6/conf/"+k, v); err != nil {
			return n, fmt.Errorf("%s: %w", name, err)
		}
	}
	return n, nil
}

// plug is one end of a cable.
type plug struct {
	node *node.Node
	name string
	mac  string
}

// cables makes the bridges and all links between machines.
func (t *Topology) cables() error {
	for _, l := range []Link{Home, Foreign1, Foreign2} {
		if err := t.bridge(l); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		a, b   plug
		bridge Link // of b, "" for none
	}{
		{plug{t.HA, HAHomeInterface, "02:00:00:00:01:01"}, plug{t.Switch, portOf(Home), ""}, Home},
		{plug{t.Router, string(Foreign1), "02:00:00:00:f1:01"}, plug{t.Switch, portOf(Foreign1), ""}, Foreign1},
		{plug{t.Router, string(Foreign2), "02:00:00:00:f2:01"}, plug{t.Switch, portOf(Foreign2), ""}, Foreign2},
		{plug{t.HA, HACoreInterface, "02:00:00:00:0a:01"}, plug{t.Router, "ha", "02:00:00:00:0a:ff"}, ""},
		{plug{t.CN, CNInterface, "02:00:00:00:0c:02"}, plug{t.Router, "cn", "02:00:00:00:0c:01"}, ""},
	} {
		if err := cable(c.a, c.b); err != nil {
			return err
		}
		if c.bridge != "" {
			if err := t.intoBridge(c.b.name, c.bridge); err != nil {
				return err
			}
		}
		if err := c.a.node.SetUp(c.a.name, true); err != nil {
			return err
		}
		if err := c.b.node.SetUp(c.b.name, true); err != nil {
			return err
		}
	}
	// The mobile node's interface is up, its carrier comes with Plug.
	if err := cable(plug{t.MN, MNInterface, "02:00:00:00:00:11"}, plug{t.Switch, MNPort, ""}); err != nil {
		return err
	}
	return t.MN.SetUp(MNInterface, true)
}

// portOf is the switch's port on a link's router.
func portOf(l Link) string { return string(l) + "-r" }

func (t *Topology) bridge(l Link) error {
	snooping := false // there is no MLD querier
	b := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: string(l)}, MulticastSnooping: &snooping}
	if err := t.Switch.NL.LinkAdd(b); err != nil {
		return fmt.Errorf("bridge %s: %w", l, err)
	}
	return t.Switch.SetUp(string(l), true)
}

func (t *Topology) intoBridge(port string, l Link) error {
	p, err := t.Switch.Link(port)
	if err != nil {
		return err
	}
	b, err := t.Switch.Link(string(l))
	if err != nil {
		return err
	}
	if err := t.Switch.NL.LinkSetMaster(p, b); err != nil {
		return fmt.Errorf("port %s into bridge %s: %w", port, l, err)
	}
	return nil
}

// cable makes a veth pair between two machines.
func cable(a, b plug) error {
	attrs := netlink.NewLinkAttrs() // a queue length as usual, not 0
	attrs.Name, attrs.Namespace = a.name, netlink.NsFd(a.node.NS)
	v := netlink.NewVeth(attrs)
	v.PeerName, v.PeerNamespace = b.name, netlink.NsFd(b.node.NS)
	var err error
	if v.HardwareAddr, err = mac(a.mac); err != nil {
		return err
	}
	if v.PeerHardwareAddr, err = mac(b.mac); err != nil {
		return err
	}
	if err := a.node.NL.LinkAdd(v); err != nil {
		return fmt.Errorf("cable %s %s – %s %s: %w", a.node.Name, a.name, b.node.Name, b.name, err)
	}
	return nil
}

func mac(s string) (net.HardwareAddr, error) {
	if s == "" {
		return nil, nil
	}
	return net.ParseMAC(s)
}

func (t *Topology) addresses() error {
	for _, a := range []struct {
		node *node.Node
		link string
		addr netip.Addr
	}{
		{t.HA, HAHomeInterface, HAAddr}, {t.HA, HACoreInterface, HACoreAddr},
		{t.Router, "ha", routerCore}, {t.Router, "cn", routerCN},
		{t.Router, string(Foreign1), routerF1}, {t.Router, string(Foreign2), routerF2},
		{t.CN, CNInterface, CNAddr},
	} {
		if err := a.node.AddAddress(a.link, netip.PrefixFrom(a.addr, 64)); err != nil {
			return err
		}
	}
	for _, r := range []struct {
		node *node.Node
		dst  netip.Prefix
		via  netip.Addr
	}{
		{t.HA, everywhere, routerCore}, {t.Router, HomePrefix, HACoreAddr}, {t.CN, everywhere, routerCN},
	} {
		if err := r.node.AddRoute(r.dst, r.via); err != nil {
			return err
		}
	}
	return nil
}

// advertise starts the routers' advertisers. The home agent's carries the H
// flag and its full address (RFC 6275 §7.1, 7.2).
func (t *Topology) advertise(cfg Config) error {
	for _, l := range []Link{Home, Foreign1, Foreign2} {
		if cfg.Silent[l] {
			continue
		}
		n, ifname := t.Router, string(l)
		c := radv.Config{
			Interval: cfg.Interval, SolicitedDelay: cfg.SolicitedDelay, RouterLifetime: radv.DefaultRouterLifetime,
			Prefixes: []radv.Prefix{{Prefix: l.Prefix(), Autonomous: true, OnLink: true, Valid: 86400, Preferred: 14400}},
		}
		if l == Home {
			n, ifname = t.HA, HAHomeInterface
			c.HomeAgent = true
			c.Prefixes[0].RouterAddress = HAAddr
		}
		ra, err := radv.Start(n, ifname, c)
		if err != nil {
			return fmt.Errorf("advertise on %s: %w", l, err)
		}
		t.RA[l] = ra
	}
	return nil
}

// MobileInterface is a mobile router's interface to the network behind it.
const MobileInterface = "net0"

// AddNetwork puts a link behind a mobile router, with the prefix's first address
// on the router's MobileInterface, and has it advertise there. Hosts are added with
// AddHostBy.
func (t *Topology) AddNetwork(l Link, router *node.Node, prefix netip.Prefix) error {
	if err := t.bridge(l); err != nil {
		return err
	}
	if err := cable(plug{router, MobileInterface, ""}, plug{t.Switch, portOf(l), ""}); err != nil {
		return err
	}
	if err := t.intoBridge(portOf(l), l); err != nil {
		return err
	}
	if err := t.Switch.SetUp(portOf(l), true); err != nil {
		return err
	}
	for name, value := range map[string]string{"accept_dad": "0", "accept_ra": "0"} {
		if err := router.Sysctl("net/ipv6/conf/"+MobileInterface+"/"+name, value); err != nil {
			return err
		}
	}
	if err := router.SetUp(MobileInterface, true); err != nil {
		return err
	}
	if err := router.AddAddress(MobileInterface, netip.PrefixFrom(prefix.Addr().Next(), prefix.Bits())); err != nil {
		return err
	}
	ra, err := radv.Start(router, MobileInterface, radv.Config{
		Interval: radv.Fast, RouterLifetime: radv.DefaultRouterLifetime,
		Prefixes: []radv.Prefix{{Prefix: prefix, Autonomous: true, OnLink: true, Valid: 86400, Preferred: 14400}},
	})
	if err != nil {
		return fmt.Errorf("advertise on %s: %w", l, err)
	}
	t.RA[l] = ra
	return nil
}

// AddHost puts a further machine on a link, with an interface eth0 that has
// the address, without DAD, and a default route by the link's router.
func (t *Topology) AddHost(name string, l Link, addr netip.Addr) (*node.Node, error) {
	return t.AddHostBy(name, l, addr, l.Router())
}

// AddHostBy is AddHost with another router.
func (t *Topology) AddHostBy(name string, l Link, addr, router netip.Addr) (*node.Node, error) {
	n, err := newNode(name, hostSysctls)
	if n != nil {
		t.hosts = append(t.hosts, n)
	}
	if err != nil {
		return nil, err
	}
	port := "h" + fmt.Sprint(len(t.hosts))
	if err := cable(plug{n, "eth0", fmt.Sprintf("02:00:00:00:aa:%02x", len(t.hosts))}, plug{t.Switch, port, ""}); err != nil {
		return nil, err
	}
	if err := t.intoBridge(port, l); err != nil {
		return nil, err
	}
	if err := t.Switch.SetUp(port, true); err != nil {
		return nil, err
	}
	if err := n.SetUp("eth0", true); err != nil {
		return nil, err
	}
	if err := n.AddAddress("eth0", netip.PrefixFrom(addr, 64)); err != nil {
		return nil, err
	}
	return n, n.AddRoute(everywhere, router)
}

// MoveHost moves a host that AddHost made to another link: carrier off, other
// link, carrier on.
func (t *Topology) MoveHost(n *node.Node, to Link) error {
	i := slices.Index(t.hosts, n)
	if i < 0 {
		return fmt.Errorf("%s was not added", n.Name)
	}
	port := "h" + fmt.Sprint(i+1)
	if err := t.Switch.SetUp(port, false); err != nil {
		return err
	}
	if err := t.intoBridge(port, to); err != nil {
		return err
	}
	return t.Switch.SetUp(port, true)
}

// AddInterface gives the mobile node a further interface, without carrier until
// PlugInterface.
func (t *Topology) AddInterface(name string) error {
	port := name + "-s"
	if err := cable(plug{t.MN, name, ""}, plug{t.Switch, port, ""}); err != nil {
		return err
	}
	return t.MN.SetUp(name, true)
}

// PlugInterface puts it into a link and gives it carrier; into "": takes that away.
func (t *Topology) PlugInterface(name string, to Link) error {
	port := name + "-s"
	if to == "" {
		return t.Switch.SetUp(port, false)
	}
	if err := t.intoBridge(port, to); err != nil {
		return err
	}
	return t.Switch.SetUp(port, true)
}
