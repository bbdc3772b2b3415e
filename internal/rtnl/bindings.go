package rtnl

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/loss"
	"mip6d/internal/role"
)

// Bindings keeps a home agent's tunnel routes: one per home address, one per
// mobile network prefix (RFC 3963) and one per IPv4 home address (RFC 5555), through
// one shared device that takes its end points from the route. It is a
// datapath.Part.
type Bindings struct {
	marks  Marks
	conn   *conn
	rivals *rivals
	device int
	set    map[key]tunnelled             // what this run has put there, by home address
	behind map[netip.Addr][]netip.Prefix // prefixes that may be there, of each home address
	owner  map[netip.Prefix]netip.Addr   // who had each last
	detour detour

	// Until Settle: what an earlier run has left, as it is. What is wanted just so
	// is not set again.
	left remains
}

// tunnelled is what Reinstate must know of a binding, beside what is behind it. There is one for
// each: without pointers the garbage collector passes over them.
type tunnelled struct{ careOf, homeAgent key }

// key is an IPv6 address in as few octets as it has.
type key [16]byte

// binding makes of what was set what is to be set again.
func (b *Bindings) binding(home key, is tunnelled) role.Binding {
	x := role.Binding{HomeAddress: netip.AddrFrom16(home), CareOf: netip.AddrFrom16(is.careOf), HomeAgent: netip.AddrFrom16(is.homeAgent)}
	for _, n := range b.behind[x.HomeAddress] {
		switch {
		case b.owner[n] != x.HomeAddress: // another has it by now
		case n.Addr().Is4():
			x.IPv4HomeAddress = n.Addr()
		default:
			x.MobilePrefixes = append(x.MobilePrefixes, n)
		}
	}
	return x
}

// OpenBindings makes the shared tunnel device where it is missing. Routes that
// an earlier run left stay until Settle, and those that are Set as they are stay
// for good, untouched.
func OpenBindings(m Marks) (*Bindings, error) {
	m = m.withDefaults()
	c, err := dial()
	if err != nil {
		return nil, err
	}
	r, err := watchRivals()
	if err != nil {
		c.close()
		return nil, err
	}
	b := &Bindings{marks: m, conn: c, rivals: r, set: make(map[key]tunnelled), behind: make(map[netip.Addr][]netip.Prefix), owner: make(map[netip.Prefix]netip.Addr)}
	if b.device, err = c.ensureTunnel(tunnel{name: m.TunnelName, external: true}); err != nil {
		b.Close()
		return nil, err
	}
	if b.left, err = leftovers(m); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Device is the shared tunnel device's interface index.
func (b *Bindings) Device() int { return b.device }

// Set routes home addresses into their tunnels.
func (b *Bindings) Set(bindings []role.Binding) []error {
	errs := make([]error, len(bindings))
	requests := make([]request, 0, len(bindings))
	var at []int
	blind := b.rivals.look()
	for i, x := range bindings {
		if blind != nil {
			errs[i] = blind
			continue
		}
		if t := b.rivals.of(x.CareOf, x.HomeAgent); t != nil {
			errs[i] = fmt.Errorf("set a tunnel route: the tunnel device %s takes what comes from %s to %s, past the source check; delete it",
				t.Attrs().Name, x.CareOf, x.HomeAgent)
			continue
		}
		if !x.HomeAddress.Is6() || !x.CareOf.Is6() || !x.HomeAgent.Is6() {
			errs[i] = fmt.Errorf("set a tunnel route: %s at %s by %s are not three IPv6 addresses", x.HomeAddress, x.CareOf, x.HomeAgent)
			continue
		}
		if errs[i] = b.prepareNetworks(x); errs[i] != nil {
			continue
		}
		for _, r := range b.requests(x) {
			requests, at = append(requests, r), append(at, i)
		}
	}
	for k, err := range b.conn.batch(requests) {
		x := bindings[at[k]]
		if err := unless(err, unix.ESRCH, unix.ENOENT); err != nil && errs[at[k]] == nil {
			errs[at[k]] = fmt.Errorf("set the routes to %s through the tunnel to %s: %w", x.HomeAddress, x.CareOf, err)
		}
	}
	var unknown []request
	for i, x := range bindings {
		if errs[i] != nil {
			continue
		}
		if _, had := b.set[x.HomeAddress.As16()]; !had && x.Ifindex != 0 && b.left == nil {
			unknown = append(unknown, forgetNeighbour(x.Ifindex, x.HomeAddress))
		}
		b.keep(x)
	}
	// What the kernel knew on the home link of an address that was not bound yet, or was
	// asking for in vain, is of no use any more. With it the acknowledgement of a return home
	// would wait for the next question, up to a second, or be dropped. None is the rule.
	b.conn.batch(unknown)
	return errs
}

// Clear takes routes back.
func (b *Bindings) Clear(hoas []netip.Addr) []error {
	var requests []request
	var at []int
	for i, hoa := range hoas {
		for _, r := range b.withdraw(hoa) {
			requests, at = append(requests, r), append(at, i)
		}
	}
	errs := make([]error, len(hoas))
	for k, err := range b.conn.batch(requests) {
		if err := unless(err, unix.ESRCH, unix.ENOENT, unix.ENODEV); err != nil {
			errs[at[k]] = fmt.Errorf("delete a route to %s: %w", hoas[at[k]], err)
		}
	}
	for i, hoa := range hoas {
		if errs[i] != nil {
			continue // what is behind it is needed when this is tried again
		}
		for _, n := range b.behind[hoa] {
			b.forget(n, hoa)
		}
		delete(b.behind, hoa)
	}
	return errs
}

// requests set the routes of a binding, and take those of prefixes back that it
// no longer has.
func (b *Bindings) requests(x role.Binding) []request {
	list := b.left.set(b.route(host(x.HomeAddress), x))
	before := b.behind[x.HomeAddress]
	behind := x.Behind()
	for _, n := range behind {
		list = append(list, b.left.set(b.route(n, x))...)
		if n.Addr().Is6() {
			list = append(list, b.left.set(b.nested(n))...)
		}
		b.owner[n] = x.HomeAddress
		if !slices.Contains(before, n) {
			b.behind[x.HomeAddress] = append(b.behind[x.HomeAddress], n)
		}
	}
	for _, n := range before {
		if !slices.Contains(behind, n) {
			list = append(list, b.giveUp(n, x.HomeAddress)...)
		}
	}
	return list
}

// keep notes what has been set.
func (b *Bindings) keep(x role.Binding) {
	b.set[x.HomeAddress.As16()] = tunnelled{x.CareOf.As16(), x.HomeAgent.As16()}
	behind := x.Behind()
	for _, n := range b.behind[x.HomeAddress] {
		if !slices.Contains(behind, n) {
			b.forget(n, x.HomeAddress)
		}
	}
	if delete(b.behind, x.HomeAddress); len(behind) > 0 {
		b.behind[x.HomeAddress] = slices.Clone(behind)
	}
}

// withdraw takes the routes of a home address back, also those that were to be
// set and weren't all.
func (b *Bindings) withdraw(hoa netip.Addr) []request {
	list := []request{b.left.del(b.route(host(hoa), role.Binding{}))}
	for _, n := range b.behind[hoa] {
		list = append(list, b.giveUp(n, hoa)...)
	}
	delete(b.set, hoa.As16())
	return list
}

// giveUp takes the routes of a prefix back, unless another mobile node has it by
// now.
func (b *Bindings) giveUp(n netip.Prefix, hoa netip.Addr) []request {
	if b.owner[n] != hoa {
		return nil
	}
	if n.Addr().Is4() {
		return []request{b.left.del(b.route(n, role.Binding{}))}
	}
	return []request{b.left.del(b.route(n, role.Binding{})), b.left.del(b.nested(n))}
}

func (b *Bindings) forget(n netip.Prefix, hoa netip.Addr) {
	if b.owner[n] == hoa {
		delete(b.owner, n)
	}
}

func (b *Bindings) route(dst netip.Prefix, x role.Binding) route {
	return route{
		dst: dst, table: unix.RT_TABLE_MAIN, protocol: b.marks.RouteProtocol,
		kind: unix.RTN_UNICAST, oif: b.device, encapDst: x.CareOf, encapSrc: x.HomeAgent,
	}
}

// Reinstate makes the device again and those routes that are missing: the kernel
// deletes them all when somebody sets the device down or deletes it.
func (b *Bindings) Reinstate() error {
	device, err := b.conn.ensureTunnel(tunnel{name: b.marks.TunnelName, external: true})
	if err != nil {
		return err
	}
	b.device, b.left = device, nil
	there, err := b.routed()
	if err != nil {
		return err
	}
	b.detour = detour{}
	missing := make([]role.Binding, 0)
	for home, is := range b.set {
		x := b.binding(home, is)
		if !there[host(x.HomeAddress)] || slices.ContainsFunc(x.Behind(), func(n netip.Prefix) bool { return !there[n] }) {
			missing = append(missing, x)
		}
	}
	return errors.Join(b.Set(missing)...)
}

// routed returns the home addresses and prefixes whose routes lead into our device.
func (b *Bindings) routed() (map[netip.Prefix]bool, error) {
	var there map[netip.Prefix]bool
	err := eachOurs(b.marks, func() { there = make(map[netip.Prefix]bool, len(b.set)) }, func(r netlink.Route) {
		if r.Table == unix.RT_TABLE_MAIN && r.Dst != nil && r.LinkIndex == b.device {
			there[destination(r)] = true
		}
	})
	return there, err
}

// Losses hears when others delete what Reinstate sets again.
func (b *Bindings) Losses() (*loss.Watch, error) { return losses(b.marks, b.conn) }

// Settle says that every binding that is still wanted has been Set: routes of
// an earlier run that are not among them are removed. removed counts them.
func (b *Bindings) Settle() (removed int, err error) {
	b.left = nil
	there, err := b.routed()
	if err != nil {
		return 0, err
	}
	var stale []request
	for dst := range there {
		_, bound := b.set[dst.Addr().As16()]
		if _, behind := b.owner[dst]; behind || bound && dst.IsSingleIP() {
			continue
		}
		removed++
		stale = append(stale, b.route(dst, role.Binding{}).del())
	}
	for _, err := range b.conn.batch(stale) {
		if err := unless(err, unix.ESRCH, unix.ENOENT); err != nil {
			return 0, fmt.Errorf("delete a route that an earlier run left: %w", err)
		}
	}
	return removed, b.settleDetour()
}

// Close releases the socket. The routes stay in force.
func (b *Bindings) Close() error { return errors.Join(b.rivals.close(), b.conn.close()) }

// ours lists the routes that carry our protocol number, in all tables.
func ours(m Marks) (all []netlink.Route, err error) {
	err = eachOurs(m, func() { all = nil }, func(r netlink.Route) { all = append(all, r) })
	return all, err
}

// eachOurs tells of the same, one after the other: of a home agent there may be very many. It may
// begin anew.
func eachOurs(m Marks, begin func(), each func(netlink.Route)) error {
	err := again(func() error {
		begin()
		for _, family := range []int{netlink.FAMILY_V6, netlink.FAMILY_V4} {
			err := netlink.RouteListFilteredIter(family,
				&netlink.Route{Protocol: netlink.RouteProtocol(m.RouteProtocol), Table: unix.RT_TABLE_UNSPEC},
				netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE, func(r netlink.Route) bool {
					each(r)
					return true
				})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list the routes of protocol %d: %w", m.RouteProtocol, err)
	}
	return nil
}

func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// addrOf is what the library has of an address: IPv4 ones may have either length.
func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
