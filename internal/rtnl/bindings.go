package rtnl

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// Bindings keeps a home agent's tunnel routes: one per home address, through
// one shared device that takes its end points from the route. It is a
// datapath.Part.
type Bindings struct {
	marks  Marks
	conn   *conn
	rivals *rivals
	device int
	set    map[netip.Addr]role.Binding // what this run has put there
}

// OpenBindings makes the shared tunnel device where it is missing. Routes that
// an earlier run left stay until Settle.
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
	b := &Bindings{marks: m, conn: c, rivals: r, set: make(map[netip.Addr]role.Binding)}
	if b.device, err = c.ensureTunnel(tunnel{name: m.TunnelName, external: true}); err != nil {
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
		requests, at = append(requests, b.route(x).set()), append(at, i)
	}
	for k, err := range b.conn.batch(requests) {
		x := bindings[at[k]]
		if err != nil {
			errs[at[k]] = fmt.Errorf("set the route to %s through the tunnel to %s: %w", x.HomeAddress, x.CareOf, err)
			continue
		}
		b.set[x.HomeAddress] = x
	}
	return errs
}

// Clear takes routes back.
func (b *Bindings) Clear(hoas []netip.Addr) []error {
	requests := make([]request, len(hoas))
	for i, hoa := range hoas {
		requests[i] = route{
			dst: host(hoa), table: unix.RT_TABLE_MAIN, protocol: b.marks.RouteProtocol,
			kind: unix.RTN_UNICAST, oif: b.device,
		}.del()
		delete(b.set, hoa)
	}
	errs := b.conn.batch(requests)
	for i := range errs {
		if errs[i] = unless(errs[i], unix.ESRCH, unix.ENOENT, unix.ENODEV); errs[i] != nil {
			errs[i] = fmt.Errorf("delete the route to %s: %w", hoas[i], errs[i])
		}
	}
	return errs
}

func (b *Bindings) route(x role.Binding) route {
	return route{
		dst: host(x.HomeAddress), table: unix.RT_TABLE_MAIN, protocol: b.marks.RouteProtocol,
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
	b.device = device
	there, err := b.routed()
	if err != nil {
		return err
	}
	missing := make([]role.Binding, 0)
	for hoa, x := range b.set {
		if !there[hoa] {
			missing = append(missing, x)
		}
	}
	return errors.Join(b.Set(missing)...)
}

// routed returns the home addresses whose routes lead into our device.
func (b *Bindings) routed() (map[netip.Addr]bool, error) {
	routes, err := ours(b.marks)
	if err != nil {
		return nil, err
	}
	there := make(map[netip.Addr]bool, len(routes))
	for _, r := range routes {
		if r.Table == unix.RT_TABLE_MAIN && r.Dst != nil && r.LinkIndex == b.device {
			there[addrOf(r.Dst.IP)] = true
		}
	}
	return there, nil
}

// PortID is the netlink port by whose number the kernel tells of our own
// requests.
func (b *Bindings) PortID() (uint32, error) { return b.conn.portID() }

// Settle says that every binding that is still wanted has been Set: routes of
// an earlier run that are not among them are removed. removed counts them.
func (b *Bindings) Settle() (removed int, err error) {
	there, err := b.routed()
	if err != nil {
		return 0, err
	}
	var stale []netip.Addr
	for hoa := range there {
		if _, ok := b.set[hoa]; !ok {
			stale = append(stale, hoa)
		}
	}
	for _, err := range b.Clear(stale) {
		if err != nil {
			return 0, err
		}
	}
	return len(stale), nil
}

// Close releases the socket. The routes stay in force.
func (b *Bindings) Close() error { return errors.Join(b.rivals.close(), b.conn.close()) }

// ours lists the routes that carry our protocol number, in all tables.
func ours(m Marks) ([]netlink.Route, error) {
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V6,
		&netlink.Route{Protocol: netlink.RouteProtocol(m.RouteProtocol), Table: unix.RT_TABLE_UNSPEC},
		netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list the routes of protocol %d: %w", m.RouteProtocol, err)
	}
	return routes, nil
}

func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a
}
