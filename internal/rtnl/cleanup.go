package rtnl

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Cleanup removes all that carries our marks, and nothing else: rules, routes
// and tunnel devices, and the home and care-of addresses that a mobile node of
// ours has put on the given interfaces.
func Cleanup(m Marks, interfaces []string, homes []netip.Prefix) error {
	m = m.withDefaults()
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.close()
	return errors.Join(
		c.cleanDevices(m),
		c.cleanRoutes(m),
		c.cleanRules(m),
		c.cleanAddresses(interfaces, homes),
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

func (c *conn) cleanRoutes(m Marks) error {
	routes, err := ours(m)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range routes {
		w := route{table: uint32(r.Table), protocol: m.RouteProtocol, kind: uint8(r.Type), oif: r.LinkIndex, metric: uint32(r.Priority)}
		w.dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		if r.Dst != nil {
			ones, _ := r.Dst.Mask.Size()
			w.dst = netip.PrefixFrom(addrOf(r.Dst.IP), ones)
		}
		if w.kind == unix.RTN_UNREACHABLE {
			w.oif = 0
		}
		if err := unless(c.do(w.del()), unix.ESRCH, unix.ENOENT, unix.ENODEV); err != nil {
			errs = append(errs, fmt.Errorf("delete the route %v: %w", r, err))
		}
	}
	return errors.Join(errs...)
}

func (c *conn) cleanRules(m Marks) error {
	rules, err := netlink.RuleList(netlink.FAMILY_V6)
	if err != nil {
		return fmt.Errorf("list the policy rules: %w", err)
	}
	var errs []error
	for _, r := range rules {
		if r.Protocol != m.RouteProtocol || r.Src == nil {
			continue
		}
		w := rule{
			src: host(addrOf(r.Src.IP)), table: uint32(r.Table), priority: uint32(r.Priority), protocol: m.RouteProtocol,
		}
		if err := unless(c.do(w.del()), unix.ENOENT); err != nil {
			errs = append(errs, fmt.Errorf("delete the rule %v: %w", r, err))
		}
	}
	return errors.Join(errs...)
}

// cleanAddresses takes back addresses that only we make: home addresses, and
// care-of addresses, which are known by being optimistic, or by having been so,
// with a lifetime and without a route of their prefix.
func (c *conn) cleanAddresses(interfaces []string, homes []netip.Prefix) error {
	home := make(map[netip.Addr]bool)
	for _, h := range homes {
		home[h.Addr()] = true
	}
	var errs []error
	for _, name := range interfaces {
		link, err := netlink.LinkByName(name)
		if err != nil {
			continue // not there: nothing of ours on it
		}
		addrs, err := netlink.AddrList(link, netlink.FAMILY_V6)
		if err != nil {
			errs = append(errs, fmt.Errorf("list the addresses of %s: %w", name, err))
			continue
		}
		for _, a := range addrs {
			addr := addrOf(a.IP)
			if !home[addr] && !isCareOf(a) {
				continue
			}
			ones, _ := a.Mask.Size()
			w := address{prefix: netip.PrefixFrom(addr, ones), ifindex: link.Attrs().Index}
			if err := unless(c.do(w.del()), unix.EADDRNOTAVAIL); err != nil {
				errs = append(errs, fmt.Errorf("take %s from %s: %w", addr, name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// isCareOf: nobody else makes optimistic addresses without a prefix route. The
// kernel clears neither flag while the address lives.
func isCareOf(a netlink.Addr) bool {
	const marks = unix.IFA_F_NOPREFIXROUTE
	return a.Flags&marks == marks && a.Flags&unix.IFA_F_PERMANENT == 0 && a.Flags&unix.IFA_F_MANAGETEMPADDR == 0 &&
		!addrOf(a.IP).IsLinkLocalUnicast() && a.ValidLft > 0
}
