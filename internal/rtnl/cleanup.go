package rtnl

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Cleanup removes all that carries our marks, and nothing else: rules, routes,
// tunnel devices and addresses. Interfaces and home addresses are a mobile
// node's, for kernels that cannot mark addresses.
func Cleanup(m Marks, interfaces []string, homes []netip.Prefix) error {
	m = m.withDefaults()
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.close()
	return errors.Join(
		c.cleanDevices(m),
		c.cleanRoutes(m, func(route) bool { return false }),
		c.cleanRules(m),
		c.cleanAddresses(m, interfaces, homes),
	)
}

func (c *conn) cleanDevices(m Marks) error {
	links, err := devices(m)
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range links {
		errs = append(errs, c.removeLink(l.Attrs().Index))
	}
	return errors.Join(errs...)
}

// cleanRoutes removes our routes but those to keep.
func (c *conn) cleanRoutes(m Marks, keep func(route) bool) error {
	routes, err := ours(m)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range routes {
		w := route{table: uint32(r.Table), protocol: m.RouteProtocol, kind: uint8(r.Type), oif: r.LinkIndex, metric: uint32(r.Priority)}
		w.dst = destination(r)
		if w.kind == unix.RTN_UNREACHABLE {
			w.oif = 0
		}
		if keep(w) {
			continue
		}
		if err := unless(c.do(w.del()), unix.ESRCH, unix.ENOENT, unix.ENODEV); err != nil {
			errs = append(errs, fmt.Errorf("delete the route %v: %w", r, err))
		}
	}
	return errors.Join(errs...)
}

// destination is that of a route.
func destination(r netlink.Route) netip.Prefix {
	switch {
	case r.Dst != nil:
		return prefixOf(r.Dst)
	case r.Family == netlink.FAMILY_V4:
		return everything4
	}
	return everything
}

func (c *conn) cleanRules(m Marks) error {
	rules, err := ourRules(m)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range rules {
		if err := unless(c.do(r.del()), unix.ENOENT); err != nil {
			errs = append(errs, fmt.Errorf("delete the rule %+v: %w", r, err))
		}
	}
	return errors.Join(errs...)
}

// ourRules lists the rules that carry our protocol number, in the order in
// which the kernel follows them.
func ourRules(m Marks) ([]rule, error) {
	var list []rule
	for _, family := range []int{netlink.FAMILY_V6, netlink.FAMILY_V4} {
		rules, err := dump(func() ([]netlink.Rule, error) { return netlink.RuleList(family) })
		if lacks(family, err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the policy rules: %w", err)
		}
		for _, r := range rules {
			if r.Protocol == m.RouteProtocol {
				list = append(list, rule{
					src: prefixOf(r.Src), dst: prefixOf(r.Dst), local: r.IifName == "lo", onLink: r.SuppressPrefixlen == 0,
					table: uint32(r.Table), priority: uint32(r.Priority), protocol: m.RouteProtocol,
				})
			}
		}
	}
	return list, nil
}

// lacks says whether the kernel has no IPv4 policy rules at all. A mobile node without an
// IPv4 home address needs none.
func lacks(family int, err error) bool {
	return family == netlink.FAMILY_V4 && errors.Is(err, unix.EAFNOSUPPORT)
}

// homeRules are those of home addresses, IPv4 ones as well.
func homeRules(m Marks) ([]rule, error) {
	rules, err := ourRules(m)
	return slices.DeleteFunc(rules, func(r rule) bool {
		return r.priority == m.RulePriority+ruleCareOf || r.dst.IsValid() || !r.src.IsSingleIP() || r.src == anybody4
	}), err
}

// prefixOf is what the library has of a prefix; nil is any.
func prefixOf(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(addrOf(n.IP), ones)
}

// cleanAddresses takes back home and care-of addresses. The kernel knows which
// are ours from 5.18 on. An older one does not: there they are the home
// addresses, and what looks like a care-of address on the interfaces to move
// with, which other programs are told to leave alone.
func (c *conn) cleanAddresses(m Marks, interfaces []string, homes []netip.Prefix) error {
	addrs, err := addresses()
	if err != nil {
		return err
	}
	isOurs := func(a address) bool { return a.protocol == m.RouteProtocol }
	if !marked(addrs) {
		isOurs = looksOurs(interfaces, homes)
	}
	var errs []error
	for _, a := range addrs {
		if !isOurs(a) {
			continue
		}
		if err := unless(c.do(a.del()), unix.EADDRNOTAVAIL, unix.ENODEV); err != nil {
			errs = append(errs, fmt.Errorf("take %s from interface %d: %w", a.prefix, a.ifindex, err))
		}
	}
	return errors.Join(errs...)
}

// looksOurs knows care-of addresses by having no route of their prefix.
func looksOurs(interfaces []string, homes []netip.Prefix) func(address) bool {
	on := make(map[int]bool)
	for _, name := range interfaces {
		if link, err := netlink.LinkByName(name); err == nil {
			on[link.Attrs().Index] = true
		}
	}
	home := make(map[netip.Addr]bool)
	for _, h := range homes {
		home[h.Addr()] = true
	}
	return func(a address) bool {
		if a.prefix.Addr().Is4() {
			return false // ours go with the tunnel devices
		}
		const none = unix.IFA_F_MANAGETEMPADDR | unix.IFA_F_TEMPORARY
		careOf := a.flags&unix.IFA_F_NOPREFIXROUTE != 0 && a.flags&none == 0 && !a.prefix.Addr().IsLinkLocalUnicast()
		return on[a.ifindex] && (home[a.prefix.Addr()] || careOf)
	}
}
