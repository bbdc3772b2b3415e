package rtnl

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// detour lets one mobile node be behind another's mobile router. Packets for it are
// tunnelled to a care-of address in a mobile network, and so into a tunnel again;
// but a tunnel device takes no packet whose route leads back into itself. What we
// tunnel into a mobile network therefore takes a way round first: a rule for
// packets of our own leads to a table that sends them into one end of a pair of
// devices, and as they come out of the other they are forwarded like anybody's.
type detour struct {
	out   int                 // the pair's end that packets go in by; 0: not made yet
	rules map[netip.Addr]bool // home agents' addresses that have the rule
}

// tableDetour is a home agent's only table.
const tableDetour = 0

// detourNames are those of the pair of devices.
func detourNames(m Marks) (out, in string) {
	base := m.TunnelName[:min(len(m.TunnelName), unix.IFNAMSIZ-1-2)]
	return base + "-o", base + "-i"
}

// prepareNetworks makes what all mobile networks share, before the first.
func (b *Bindings) prepareNetworks(x role.Binding) error {
	if len(x.MobilePrefixes) == 0 {
		return nil
	}
	if b.detour.out == 0 {
		out, err := b.ensurePair()
		if err != nil {
			return fmt.Errorf("make way for mobile nodes in mobile networks: %w", err)
		}
		b.detour = detour{out: out, rules: make(map[netip.Addr]bool)}
	}
	if b.detour.rules[x.HomeAgent] {
		return nil
	}
	r := rule{
		src: host(x.HomeAgent), local: true, bound: true, table: b.marks.Table + tableDetour,
		priority: b.marks.RulePriority, protocol: b.marks.RouteProtocol,
	}
	if err := unless(b.conn.do(r.set()), unix.EEXIST); err != nil {
		return fmt.Errorf("set the rule for what we send to mobile networks from %s: %w", x.HomeAgent, err)
	}
	b.detour.rules[x.HomeAgent] = true
	return nil
}

// nested is the way round to a prefix.
func (b *Bindings) nested(n netip.Prefix) route {
	return route{
		dst: n, table: b.marks.Table + tableDetour, protocol: b.marks.RouteProtocol, kind: unix.RTN_UNICAST, oif: b.detour.out,
	}
}

// ensurePair makes the pair of devices where it is missing. Both ends have one
// link-layer address and no neighbour discovery: what goes in comes out.
func (b *Bindings) ensurePair() (out int, err error) {
	nameOut, nameIn := detourNames(b.marks)
	if l, err := netlink.LinkByName(nameOut); err == nil {
		if l.Attrs().Alias != alias {
			return 0, fmt.Errorf("the interface %s exists and is not ours; delete it or set another kernel.tunnel_name", nameOut)
		}
		return l.Attrs().Index, nil
	}
	a := netlink.NewLinkAttrs()
	a.Name, a.MTU, a.HardwareAddr = nameOut, tunnelMTU, net.HardwareAddr{0x02, 'm', 'i', 'p', '6', 0}
	pair := &netlink.Veth{LinkAttrs: a, PeerName: nameIn, PeerHardwareAddr: a.HardwareAddr}
	if err := netlink.LinkAdd(pair); err != nil {
		return 0, fmt.Errorf("create the devices %s and %s: %w", nameOut, nameIn, err)
	}
	var errs []error
	for _, name := range []string{nameIn, nameOut} {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return 0, fmt.Errorf("look for the device %s: %w", name, err)
		}
		out = l.Attrs().Index
		errs = append(errs,
			netlink.LinkSetIP6AddrGenMode(l, 1), // none
			netlink.LinkSetMTU(l, tunnelMTU),
			netlink.LinkSetARPOff(l),
			b.conn.do(setAlias(out, alias)),
			netlink.LinkSetUp(l),
		)
	}
	if err := errors.Join(errs...); err != nil {
		return 0, errors.Join(fmt.Errorf("set up the devices %s and %s: %w", nameOut, nameIn, err), b.conn.removeLink(out))
	}
	return out, nil
}

// settleDetour removes what an earlier run left of mobile networks that are not
// bound any more: a few routes, or with the last of them everything.
func (b *Bindings) settleDetour() error {
	var requests []request
	err := eachOurs(b.marks, func() { requests = nil }, func(r netlink.Route) {
		if dst := destination(r); uint32(r.Table) == b.marks.Table+tableDetour && !b.owner[dst].IsValid() {
			requests = append(requests, route{
				dst: dst, table: uint32(r.Table), protocol: b.marks.RouteProtocol, kind: unix.RTN_UNICAST, oif: r.LinkIndex,
			}.del())
		}
	})
	if err != nil {
		return err
	}
	if b.detour.out != 0 {
		return errors.Join(b.conn.batch(requests)...)
	}
	rules, err := ourRules(b.marks)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.local {
			requests = append(requests, r.del())
		}
	}
	errs := b.conn.batch(requests)
	if l, err := netlink.LinkByName(outOf(detourNames(b.marks))); err == nil && l.Attrs().Alias == alias {
		errs = append(errs, b.conn.removeLink(l.Attrs().Index))
	}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool { return unless(err, unix.ESRCH, unix.ENOENT) == nil })...)
}

func outOf(out, _ string) string { return out }
