package rtnl

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// Trial makes single things in the kernel exactly as the appliers make them, for
// probes of what a kernel can do. It belongs into a network namespace that is
// thrown away: nothing is taken back.
type Trial struct {
	conn  *conn
	marks Marks
}

// OpenTrial opens a socket in the current network namespace.
func OpenTrial(m Marks) (*Trial, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	return &Trial{conn: c, marks: m.withDefaults()}, nil
}

// Close releases the socket.
func (t *Trial) Close() error { return t.conn.close() }

// Marks are what things are marked with.
func (t *Trial) Marks() Marks { return t.marks }

// SharedTunnel makes a home agent's shared tunnel device.
func (t *Trial) SharedTunnel() (ifindex int, err error) {
	return t.conn.ensureTunnel(tunnel{name: t.marks.TunnelName, external: true})
}

// Tunnel makes a mobile node's tunnel device.
func (t *Trial) Tunnel(homeAgent netip.Addr) (ifindex int, err error) {
	return t.conn.ensureTunnel(tunnel{name: t.marks.PathPrefix + "0", local: netip.IPv6Unspecified(), remote: homeAgent})
}

// MoveTunnel gives it another care-of address in place.
func (t *Trial) MoveTunnel(ifindex int, careOf, homeAgent netip.Addr) error {
	return t.conn.do(tunnel{local: careOf, remote: homeAgent}.change(ifindex))
}

// Binding makes a home agent's routes to a home address and what is behind it.
func (t *Trial) Binding(x role.Binding, ifindex int) error {
	b := Bindings{marks: t.marks, device: ifindex}
	for _, n := range append([]netip.Prefix{host(x.HomeAddress)}, x.Behind()...) {
		if err := t.conn.do(b.route(n, x).set()); err != nil {
			return fmt.Errorf("set the route to %s: %w", n, err)
		}
	}
	return nil
}

// IPv4 sends everything of an IPv4 home address by a mobile node's tunnel device, and
// what has no source address yet.
func (t *Trial) IPv4(a netip.Addr, ifindex int) error {
	p := paths{marks: t.marks}
	at := path{index: ifindex, table: t.marks.Table + tableTunnel}
	routes := p.routes4(role.HomePath{IPv4: a, IPv4Default: true}, &at)
	for _, x := range []struct {
		what string
		request
	}{
		{"the address", p.address4(a, ifindex).set()}, {"the tunnel's route", routes[0].set()}, {"its route for all", routes[1].set()},
		{"the rule", p.rule(a, rulePath, at.table).set()}, {"the rule for what is on our links", p.onLink4().set()},
		{"the rule for all", p.all4(at.table).set()},
	} {
		if err := t.conn.do(x.request); err != nil {
			return fmt.Errorf("set %s of an IPv4 home address: %w", x.what, err)
		}
	}
	return nil
}

// HomeAddress puts a home address on a device, and CareOf an optimistic care-of
// address.
func (t *Trial) HomeAddress(a netip.Addr, ifindex int) error {
	return t.address(host(a), ifindex, unix.IFA_F_NODAD|unix.IFA_F_HOMEADDRESS|unix.IFA_F_NOPREFIXROUTE)
}

// CareOf is there, see HomeAddress.
func (t *Trial) CareOf(p netip.Prefix, ifindex int) error {
	return t.address(p, ifindex, unix.IFA_F_OPTIMISTIC|unix.IFA_F_NOPREFIXROUTE)
}

func (t *Trial) address(p netip.Prefix, ifindex int, flags uint32) error {
	return t.conn.do(address{
		prefix: p, ifindex: ifindex, protocol: t.marks.RouteProtocol, flags: flags, valid: forever, preferred: forever,
	}.set())
}

// Address is what the kernel says of an address; false: it is not there.
func (t *Trial) Address(a netip.Addr, ifindex int) (flags uint32, protocol uint8, ok bool, err error) {
	list, err := addresses()
	if err != nil {
		return 0, 0, false, err
	}
	for _, x := range list {
		if x.ifindex == ifindex && x.prefix.Addr() == a {
			return x.flags, x.protocol, true, nil
		}
	}
	return 0, 0, false, nil
}

// Rule makes the rule that aims a home address at a mobile node's first table, and
// DropRule takes it back.
func (t *Trial) Rule(hoa netip.Addr) error { return t.conn.do(t.rule(hoa).set()) }

// DropRule is there, see Rule.
func (t *Trial) DropRule(hoa netip.Addr) error { return t.conn.do(t.rule(hoa).del()) }

func (t *Trial) rule(hoa netip.Addr) rule {
	return rule{
		src: host(hoa), table: t.marks.Table, priority: t.marks.RulePriority + rulePath, protocol: t.marks.RouteProtocol,
	}
}

// Blocked makes the route of that table, where everything is unreachable.
func (t *Trial) Blocked() error {
	return t.conn.do(route{
		dst: everything, table: t.marks.Table, protocol: t.marks.RouteProtocol, kind: unix.RTN_UNREACHABLE,
	}.set())
}

// Ours counts the routes and rules with our marks.
func (t *Trial) Ours() (routes, rules int, err error) {
	r, err := ours(t.marks)
	if err != nil {
		return 0, 0, err
	}
	u, err := ourRules(t.marks)
	return len(r), len(u), err
}

// Queue makes the queue of a mobile node's tunnel device, has it hold packets and
// release them.
func (t *Trial) Queue(ifindex int) error {
	for _, r := range []request{
		plug(ifindex, plugMake, unix.NLM_F_CREATE|unix.NLM_F_EXCL), plug(ifindex, plugRelease, 0), plug(ifindex, plugBuffer, 0),
		plug(ifindex, plugRelease, 0),
	} {
		if err := t.conn.do(r); err != nil {
			return err
		}
	}
	return nil
}

// Pair makes the devices of a home agent's detour.
func (t *Trial) Pair() error {
	b := Bindings{marks: t.marks, conn: t.conn}
	_, err := b.ensurePair()
	return err
}

// EncapsulatesTo says where the route to a home address, of IPv4 also, has its packets
// tunnelled. It reads the kernel's own words: the library does not understand the
// attribute whole.
func (t *Trial) EncapsulatesTo(hoa netip.Addr) (netip.Addr, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: family(hoa)}})
	messages, err := dump(func() ([][]byte, error) { return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE) })
	if err != nil {
		return netip.Addr{}, fmt.Errorf("list the routes: %w", err)
	}
	for _, m := range messages {
		attrs := attrsOf(m[min(unix.SizeofRtMsg, len(m)):])
		dst, _ := netip.AddrFromSlice(attrs[unix.RTA_DST])
		if encap := attrsOf(attrs[unix.RTA_ENCAP]); dst == hoa && len(encap) > 0 {
			to, _ := netip.AddrFromSlice(encap[lwtunnelDst])
			return to, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("the route to %s is there, and encapsulates nothing", hoa)
}

// attrsOf reads attributes, without the flags of their types; of several of one type
// the last counts.
func attrsOf(b []byte) map[uint16][]byte {
	found := make(map[uint16][]byte)
	list, err := nl.ParseRouteAttr(b)
	if err != nil {
		return nil
	}
	for _, a := range list {
		found[a.Attr.Type&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER)] = a.Value
	}
	return found
}
