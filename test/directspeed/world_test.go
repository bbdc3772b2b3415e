package directspeed

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/xfrmmig"
	"mip6d/test/nslab"
)

var (
	careOf      = netip.MustParseAddr("2001:db8:f::2")
	routerToMN  = netip.MustParseAddr("2001:db8:f::1")
	peer        = netip.MustParseAddr("2001:db8:c::2")
	routerToCN  = netip.MustParseAddr("2001:db8:c::1")
	homeAddress = netip.MustParseAddr("2001:db8:1::100")
	homeAgent   = netip.MustParseAddr("2001:db8:1::1")
)

// way is how packets between mobile node and peer travel.
type way string

const (
	plain  way = "plain"  // the care-of address talks: no mobility
	tunnel way = "tunnel" // the home address talks, by the home agent
	direct way = "direct" // the home address talks, route-optimised by xfrm

	// device is direct, but its route leads to an xfrm interface and xfrm is only
	// asked there, so that TCP does not know of it.
	device way = "device"

	// filters is an experiment: the same packets as direct's, made by filters on
	// the devices, so that TCP does not know of them.
	filters way = "filters"
)

// world is three machines.
type world struct {
	tb             testing.TB
	mn, router, cn *nslab.Node
	xmn, xcn       *xfrmmig.Conn
	undo           func() // takes back what take has set beyond xfrm
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{tb: tb, mn: nslab.NewNode(tb, "mn"), router: nslab.NewNode(tb, "router"), cn: nslab.NewNode(tb, "cn")}
	w.router.Sysctl("net/ipv6/conf/all/forwarding", "1")
	nslab.Join(tb, w.mn, "eth0", w.router, "mn")
	nslab.Join(tb, w.cn, "eth0", w.router, "cn")
	w.mn.Address("eth0", careOf.String()+"/64")
	w.router.Address("mn", routerToMN.String()+"/64")
	w.cn.Address("eth0", peer.String()+"/64")
	w.router.Address("cn", routerToCN.String()+"/64")
	w.router.Address("lo", homeAgent.String()+"/128")
	w.mn.Route("::/0", routerToMN.String(), "eth0")
	w.cn.Route("::/0", routerToCN.String(), "eth0")
	w.addTunnel()
	return w
}

const (
	tunnelMTU   = 1460
	tunnelTable = 100 // for what the home address sends
)

// addTunnel makes both ends of the tunnel: a device of the home agent's own at
// the mobile node, with a rule for what the home address sends, and one external
// device with a route of the binding's own at the home agent.
func (w *world) addTunnel() {
	mh := netlink.NewLinkAttrs()
	mh.Name, mh.MTU = "mip6h", tunnelMTU
	w.must(w.mn.NL.LinkAdd(&netlink.Ip6tnl{
		LinkAttrs: mh, Local: careOf.AsSlice(), Remote: homeAgent.AsSlice(), Ttl: 64,
		Flags: 1, // IP6_TNL_F_IGN_ENCAP_LIMIT
	}))
	w.mn.Up("mip6h")
	w.must(w.mn.NL.AddrAdd(w.mn.Link("mip6h"), &netlink.Addr{
		IPNet: netlink.NewIPNet(homeAddress.AsSlice()),
		Flags: unix.IFA_F_NODAD | unix.IFA_F_HOMEADDRESS | unix.IFA_F_NOPREFIXROUTE,
	}))
	w.must(w.mn.NL.RouteAdd(&netlink.Route{LinkIndex: w.mn.Index("mip6h"), Table: tunnelTable,
		Dst: &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}}))
	r := netlink.NewRule()
	r.Family, r.Src, r.Table, r.Priority = netlink.FAMILY_V6, netlink.NewIPNet(homeAddress.AsSlice()), tunnelTable, 1000
	w.must(w.mn.NL.RuleAdd(r))

	mt := netlink.NewLinkAttrs()
	mt.Name, mt.MTU = "mip6t", tunnelMTU
	w.must(w.router.NL.LinkAdd(&netlink.Ip6tnl{LinkAttrs: mt, FlowBased: true}))
	w.router.Up("mip6t")
	w.must(w.router.NL.RouteAdd(&netlink.Route{LinkIndex: w.router.Index("mip6t"), Dst: netlink.NewIPNet(homeAddress.AsSlice()),
		Encap: &netlink.IP6tnlEncap{Src: homeAgent.AsSlice(), Dst: careOf.AsSlice(), Hoplimit: 64}}))

	w.mn.Do(func() { w.xmn = w.dial() })
	w.cn.Do(func() { w.xcn = w.dial() })
}

func (w *world) dial() *xfrmmig.Conn {
	c, err := xfrmmig.Dial()
	w.must(err)
	w.tb.Cleanup(func() { c.Close() })
	return c
}

func (w *world) must(err error) {
	w.tb.Helper()
	if err != nil {
		w.tb.Fatal(err)
	}
}

// take makes packets go a way.
func (w *world) take(by way) {
	w.tb.Helper()
	w.must(w.xmn.Cleanup())
	w.must(w.xcn.Cleanup())
	w.must(w.xmn.Set(xfrmmig.MobileNodeSignalling()))
	w.must(w.xcn.Set(xfrmmig.HomeAgentSignalling()))
	if w.undo != nil {
		w.undo()
		w.undo = nil
	}
	switch by {
	case direct:
		w.optimise(0)
	case device:
		w.optimise(ifID)
		w.addDevices()
	case filters:
		w.addFilters()
	}
}

// optimise sets states and policies at both ends. With the number of an xfrm
// interface only packets that leave by it are optimised.
func (w *world) optimise(ifID uint32) {
	w.tb.Helper()
	fromMN, fromCN := states(careOf)
	w.takeIn(w.xcn, fromMN)
	w.takeIn(w.xmn, fromCN)
	fromMN.IfID, fromCN.IfID = ifID, ifID
	w.sendOut(w.xmn, fromMN)
	w.sendOut(w.xcn, fromCN)
}

// takeIn lets packets through that come with a state's header, and those of the
// same addresses that come by the home agent.
func (w *world) takeIn(c *xfrmmig.Conn, s xfrmmig.State) {
	w.tb.Helper()
	any6 := netip.IPv6Unspecified()
	w.must(c.SetPolicy(policy(s, xfrmmig.In, xfrmmig.Template{Src: any6, Dst: any6, Optional: true})))
	w.must(c.SetState(s))
}

func (w *world) sendOut(c *xfrmmig.Conn, s xfrmmig.State) {
	w.tb.Helper()
	w.must(c.SetState(s))
	w.must(c.SetPolicy(policy(s, xfrmmig.Out, xfrmmig.Template{Src: s.Src, Dst: s.Dst})))
}

func policy(s xfrmmig.State, dir xfrmmig.Dir, t xfrmmig.Template) xfrmmig.Policy {
	t.Proto, t.Reqid = s.Proto, s.Reqid
	return xfrmmig.Policy{
		Selector: xfrmmig.Selector{Src: host(s.Src), Dst: host(s.Dst)}, Dir: dir, Priority: 16, Templates: []xfrmmig.Template{t}, IfID: s.IfID,
	}
}

func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

const (
	ifID      = 6275
	directMTU = 1500 - 24 // either header has 24 octets
)

// addDevices makes an xfrm interface at both ends and routes to the other end
// through it.
func (w *world) addDevices() {
	w.tb.Helper()
	for _, n := range []*nslab.Node{w.mn, w.cn} {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = "mip6x", directMTU
		w.must(n.NL.LinkAdd(&netlink.Xfrmi{LinkAttrs: attrs, Ifid: ifID}))
		n.Up("mip6x")
		w.must(n.NL.RouteAdd(w.routeToOther(n, "mip6x", nil)))
	}
	w.undo = func() {
		for _, n := range []*nslab.Node{w.mn, w.cn} {
			w.must(n.NL.LinkDel(n.Link("mip6x")))
		}
	}
}

// routeToOther is the route to the other end for the home address's packets.
func (w *world) routeToOther(n *nslab.Node, dev string, gateway net.IP) *netlink.Route {
	r := &netlink.Route{LinkIndex: n.Index(dev), Gw: gateway, MTU: directMTU}
	if n == w.mn {
		r.Table, r.Dst = tunnelTable, netlink.NewIPNet(peer.AsSlice())
	} else {
		r.Dst = netlink.NewIPNet(homeAddress.AsSlice())
	}
	return r
}

// ends are the two machines and addresses of a flow.
func (w *world) ends(by way, toCN bool) (from, to *nslab.Node, source, sink netip.Addr) {
	mobile := homeAddress
	if by == plain {
		mobile = careOf
	}
	if toCN {
		return w.mn, w.cn, mobile, peer
	}
	return w.cn, w.mn, peer, mobile
}
