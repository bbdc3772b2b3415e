package rtnl

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// find learns what is in the kernel for a home address, and takes away what no
// mode has twice: a run may have been killed between making the new and
// removing the old.
func (p *paths) find(w role.HomePath, at *placed) error {
	hoa := w.HomeAddress.Addr()
	addrs, err := addresses()
	if err != nil {
		return fmt.Errorf("look for the home address %s: %w", hoa, err)
	}
	for _, a := range addrs {
		if a.prefix.Addr() != hoa {
			continue
		}
		link, err := netlink.LinkByIndex(a.ifindex)
		switch {
		case err != nil: // gone meanwhile
		case !isOurs(link, p.marks):
			at.home, at.prefix, at.full = a.ifindex, a.prefix, a.flags&unix.IFA_F_NOPREFIXROUTE == 0
			at.bare = !a.isHome() && a.protocol == p.marks.RouteProtocol // a person's will do as it is
		case at.device == 0:
			at.device, at.aged = a.ifindex, a.preferred == 0
		default:
			if err := unless(p.conn.do(a.del()), unix.EADDRNOTAVAIL, unix.ENODEV); err != nil {
				return fmt.Errorf("take the home address %s from %s: %w", hoa, link.Attrs().Name, err)
			}
		}
	}
	if err := errors.Join(p.findRules(hoa, at), p.findNetworks(w, at), p.findIPv4(w, at, addrs)); err != nil {
		return err
	}
	if w.HomeAgent.IsValid() {
		at.homeHop, err = p.findHop(host(w.HomeAgent), p.marks.Table+tableHome)
	}
	return err
}

// findRules: of two rules with one priority the kernel follows the older.
func (p *paths) findRules(hoa netip.Addr, at *placed) error {
	rules, err := ourRules(p.marks)
	if err != nil {
		return err
	}
	for _, r := range rules {
		switch {
		case r.src.Addr() != hoa:
		case r.priority == p.marks.RulePriority+ruleBlocked:
			at.rules = true
		case r.priority != p.marks.RulePriority+rulePath:
		case !r.local: // of an older version
			if err := unless(p.conn.do(r.del()), unix.ENOENT); err != nil {
				return fmt.Errorf("delete an older version's rule of %s: %w", hoa, err)
			}
		case at.table == 0:
			at.table = r.table
		default:
			if err := unless(p.conn.do(r.del()), unix.ENOENT); err != nil {
				return fmt.Errorf("delete a second rule of %s: %w", hoa, err)
			}
		}
	}
	return nil
}

// findHop returns the route to somewhere that an earlier run left in a table.
func (p *paths) findHop(dst netip.Prefix, table uint32) (route, error) {
	routes, err := ours(p.marks)
	if err != nil {
		return route{}, err
	}
	for _, r := range routes {
		if uint32(r.Table) == table && destination(r) == dst {
			hop := route{
				dst: dst, table: table, protocol: p.marks.RouteProtocol, kind: unix.RTN_UNICAST,
				oif: r.LinkIndex, via: addrOf(r.Gw), metric: uint32(r.Priority),
			}
			for i, h := range r.MultiPath {
				if i == 0 {
					hop.oif, hop.via = h.LinkIndex, addrOf(h.Gw)
				} else if i <= len(hop.more) {
					hop.more[i-1] = addrOf(h.Gw)
				}
			}
			return hop, nil
		}
	}
	return route{}, nil
}

// settle removes what an earlier run left of home addresses, of either family, and
// mobile networks that are not wanted any more.
func (p *paths) settle(homes []netip.Addr, default4 netip.Addr, networks []netip.Prefix) error {
	wanted := make(map[netip.Addr]bool)
	for _, h := range homes {
		wanted[h] = true
	}
	stale := make(map[netip.Addr]bool)
	rules, err := homeRules(p.marks)
	if err != nil {
		return err
	}
	for _, r := range rules {
		stale[r.src.Addr()] = !wanted[r.src.Addr()]
	}
	addrs, err := addresses()
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if a.protocol == p.marks.RouteProtocol && a.isHome() {
			stale[a.prefix.Addr()] = !wanted[a.prefix.Addr()]
		}
	}
	errs := []error{p.settleNetworks(networks), p.settleSpread(), p.settleIPv4(default4)}
	for hoa, is := range stale {
		if is {
			errs = append(errs, p.removeStale(hoa, addrs))
		}
	}
	return errors.Join(errs...)
}

// removeStale takes a home address with all that is its own away.
func (p *paths) removeStale(hoa netip.Addr, addrs []address) error {
	var errs []error
	for _, a := range addrs { // first, so that nothing is sent from it
		if a.prefix.Addr() == hoa && a.protocol == p.marks.RouteProtocol {
			errs = append(errs, unless(p.conn.do(a.del()), unix.EADDRNOTAVAIL, unix.ENODEV))
		}
	}
	rules, err := ourRules(p.marks)
	errs = append(errs, err)
	for _, r := range rules {
		if r.src.Addr() == hoa {
			errs = append(errs, unless(p.conn.do(r.del()), unix.ENOENT))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove the home address %s, which an earlier run left: %w", hoa, err)
	}
	return nil
}
