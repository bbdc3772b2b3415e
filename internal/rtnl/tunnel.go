package rtnl

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// path is one tunnel device, its table, and what it was last set to.
type path struct {
	name   string
	index  int
	table  uint32
	careOf netip.Addr
	exit   exit
	any    int  // the device that receives at every address of ours; 0: not made yet
	any4   bool // it takes IPv4 packets as well
	queue  bool // the device has our queue
	held   bool // and that holds packets
}

// receiver ends the name of a tunnel's second device: with any end point of ours. In
// the moments in which one of two care-of addresses takes over from the other, the
// home agent may use either, and packets may be on their way to the first.
const receiver = "r"

// tunnel returns the tunnel to a home agent, and makes it where it is missing.
func (p *paths) tunnel(homeAgent netip.Addr) (*path, error) {
	t := p.tunnels[homeAgent]
	if t != nil && t.index != 0 {
		return t, nil
	}
	if t == nil {
		n, err := p.freeNumber(homeAgent)
		if err != nil {
			return nil, err
		}
		t = &path{name: fmt.Sprintf("%s%d", p.marks.PathPrefix, n), table: p.marks.Table + tableTunnel + tablesPerTunnel*uint32(n)}
	}
	link, err := netlink.LinkByName(t.name)
	switch {
	case err == nil && isOurs(link, p.marks):
		// An earlier run's, with its end points: it goes on until ours are known.
		t.index = link.Attrs().Index
		if err := p.conn.adopt(link); err != nil {
			return nil, err
		}
		if t.exit, err = p.findExit(t); err != nil {
			return nil, err
		}
	case errors.As(err, new(netlink.LinkNotFoundError)) || err == nil:
		if err := p.dropReceiver(t); err != nil {
			return nil, err // the first device begins with the same end points
		}
		if t.index, err = p.conn.ensureTunnel(tunnel{
			name: t.name, local: netip.IPv6Unspecified(), remote: homeAgent,
		}); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("look for the tunnel device %s: %w", t.name, err)
	}
	if err := p.queueOn(t); err != nil {
		return nil, err
	}
	p.tunnels[homeAgent] = t
	return t, nil
}

// freeNumber returns the number of the device to a home agent: that of one that
// is there, or the first free one.
func (p *paths) freeNumber(homeAgent netip.Addr) (int, error) {
	links, err := dump(netlink.LinkList)
	if err != nil {
		return 0, fmt.Errorf("list interfaces: %w", err)
	}
	taken := make(map[string]bool)
	for _, t := range p.tunnels {
		taken[t.name] = true
	}
	for _, l := range links {
		name := l.Attrs().Name
		if tnl, ok := l.(*netlink.Ip6tnl); ok && isOurs(l, p.marks) && addrOf(tnl.Remote) == homeAgent {
			if n, ok := pathNumber(name, p.marks); ok {
				return n, nil
			}
		}
		taken[name] = true
	}
	for n := 0; ; n++ {
		if !taken[fmt.Sprintf("%s%d", p.marks.PathPrefix, n)] {
			return n, nil
		}
	}
}

// moveTunnel gives a tunnel the end points and routes of a care-of address. The
// new way out is there before it is used, the old one until it is not.
func (p *paths) moveTunnel(t *path, w role.HomePath) error {
	was, exit := t.exit, p.exitOf(t, w)
	if err := p.exits(p.enter(exit)); err != nil {
		return err
	}
	t.exit = exit
	def := route{
		dst: everything, table: t.table, protocol: p.marks.RouteProtocol, kind: unix.RTN_UNICAST, oif: t.index,
	}
	requests := append([]request{tunnel{local: w.CareOf, remote: w.HomeAgent}.change(t.index)}, p.left.set(def)...)
	if w.IPv4.IsValid() {
		for _, r := range p.routes4(w, t) {
			requests = append(requests, p.left.set(r)...)
		}
	}
	for _, err := range p.conn.batch(requests) {
		if err != nil {
			t.index = 0 // perhaps somebody deleted it: it is looked for again
			return fmt.Errorf("move the tunnel %s to %s: %w", t.name, w.CareOf, err)
		}
	}
	t.careOf = w.CareOf
	if err := p.receiveAnywhere(t, w); err != nil {
		return err
	}
	return p.exits(was.leave(exit))
}

// receiveAnywhere makes the second device, once the first has an end point that tells
// them apart.
func (p *paths) receiveAnywhere(t *path, w role.HomePath) (err error) {
	if t.any == 0 {
		t.any4 = false
		if t.any, err = p.conn.ensureTunnel(tunnel{name: t.name + receiver, local: netip.IPv6Unspecified(), remote: w.HomeAgent}); err != nil {
			return err
		}
	}
	if t.any4 || !w.IPv4.IsValid() {
		return nil
	}
	if err = p.receive4(t.name+receiver, t.any); err == nil {
		t.any4 = true
	}
	return err
}

// dropReceiver deletes the second device, an earlier run's as well.
func (p *paths) dropReceiver(t *path) error {
	t.any = 0
	link, err := netlink.LinkByName(t.name + receiver)
	if errors.As(err, new(netlink.LinkNotFoundError)) || err == nil && !isOurs(link, p.marks) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for the tunnel device %s: %w", t.name+receiver, err)
	}
	return p.conn.removeLink(link.Attrs().Index)
}

// leaveDevice takes a home address from a tunnel device, and deletes the device
// when no other home address lives on it.
func (p *paths) leaveDevice(hoa netip.Addr, device int) error {
	if device == 0 {
		return nil
	}
	for other, at := range p.homes {
		if other != hoa && at.device == device {
			a := address{prefix: host(hoa), ifindex: device}
			return unless(p.conn.do(a.del()), unix.EADDRNOTAVAIL, unix.ENODEV)
		}
	}
	for homeAgent, t := range p.tunnels {
		if t.index == device {
			if err := p.dropExit(t); err != nil {
				return err
			}
			if err := p.dropReceiver(t); err != nil {
				return err
			}
			delete(p.tunnels, homeAgent)
		}
	}
	return p.conn.removeLink(device)
}
