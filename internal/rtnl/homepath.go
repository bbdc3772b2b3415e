package rtnl

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// paths keeps the home addresses of a mobile node where role.HomePath wants
// them.
//
// While a home address is away two rules apply to its packets: one to the table
// of its path, and below it one to a table where everything is unreachable.
// The second comes first and goes last, so that at no moment a packet of the
// home address finds the main table.
type paths struct {
	marks   Marks
	conn    *conn
	queues  bool                 // tunnels get a queue that can hold packets
	tunnels map[netip.Addr]*path // by home agent
	homes   map[netip.Addr]*placed
	shared  map[int][]netip.Addr // the equivalent routers of an interface, two or more
	spread  int                  // the interface by which all packets are spread; 0: none
	blocked bool                 // the table of the second rule is filled

	// left is what an earlier run has left, while the first path of a home address
	// is set: what is as it should be is not set again.
	left remains
}

// placed is what is in the kernel for one home address, and what is wanted.
type placed struct {
	want    role.HomePath
	device  int          // the tunnel device that has the address; 0: none
	home    int          // the home interface that has it; 0: none
	prefix  netip.Prefix // its prefix there
	aged    bool         // deprecated there
	full    bool         // there as an ordinary address, with the prefix's route
	bare    bool         // there without the mark of home addresses
	rules   bool         // ruleBlocked is there
	table   uint32       // of the rule rulePath; 0: none
	homeHop route        // the home agent's route in tableHome

	networks networks // as they are in the kernel
	ipv4     ipv4
	router   int // the home interface on which we act as a router; 0: none
}

func newPaths(m Marks, c *conn, queues bool) *paths {
	return &paths{marks: m, conn: c, queues: queues, tunnels: make(map[netip.Addr]*path), homes: make(map[netip.Addr]*placed), shared: make(map[int][]netip.Addr)}
}

// set goes from whatever is there to what is wanted.
func (p *paths) set(w role.HomePath) error {
	hoa := w.HomeAddress.Addr()
	at := p.homes[hoa]
	if at == nil {
		at = new(placed)
		if err := p.find(w, at); err != nil {
			return err
		}
		var err error
		if p.left, err = leftovers(p.marks); err != nil {
			return err
		}
		defer func() { p.left = nil }()
		p.homes[hoa] = at
	}
	at.want = w
	switch w.Mode {
	case role.PathNone:
		return p.none(hoa, at)
	case role.PathBlocked:
		return p.blockedPath(w, at)
	case role.PathTunnelled:
		return p.tunnelled(w, at)
	case role.PathDeregistering:
		return p.deregistering(w, at)
	case role.PathAnswering:
		return p.answering(w, at)
	case role.PathHome:
		return p.home(w, at)
	}
	return fmt.Errorf("set the path of %s: %v is no mode", hoa, w.Mode)
}

// reinstate looks at the kernel anew and sets every path that is away from
// home again, after others have disturbed something of ours.
func (p *paths) reinstate() error {
	p.blocked = false
	clear(p.tunnels)
	var errs []error
	for _, at := range p.homes {
		w := at.want
		if w.Mode == role.PathNone || w.Mode == role.PathHome {
			continue
		}
		*at = placed{want: w}
		err := p.find(w, at)
		if err == nil {
			err = p.set(w)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (p *paths) blockedPath(w role.HomePath, at *placed) error {
	err := p.block(w, at)
	if t := p.tunnels[w.HomeAgent]; t != nil {
		err = errors.Join(err, p.releasePackets(t)) // to where there is no route any more
	}
	if !at.rules {
		return err // what there is of a path is better than the main table
	}
	return errors.Join(err, p.route(w, at, 0))
}

// block holds the home address back, and takes it from the home interface.
func (p *paths) block(w role.HomePath, at *placed) error {
	if err := p.hold(w, at); err != nil {
		return err
	}
	return p.takeFromHome(at)
}

// hold puts the home address on its tunnel device and under the rule that lets
// nothing out.
func (p *paths) hold(w role.HomePath, at *placed) error {
	hoa := w.HomeAddress.Addr()
	if !p.blocked {
		if err := errors.Join(p.conn.batch(p.left.set(p.unreachable()))...); err != nil {
			return fmt.Errorf("set the route that blocks home addresses: %w", err)
		}
		p.blocked = true
	}
	if !at.rules {
		if err := unless(p.conn.do(p.rule(hoa, ruleBlocked, p.marks.Table+tableBlocked).set()), unix.EEXIST); err != nil {
			return fmt.Errorf("set the rule that blocks %s: %w", hoa, err)
		}
		at.rules = true
	}
	if err := p.setNetworks(w, at, max(at.networks.mode, networkAway), at.networks.table); err != nil {
		return err
	}
	if err := p.actAsRouter(at, 0); err != nil {
		return err
	}
	if w.HomeAgent.IsValid() {
		t, err := p.tunnel(w.HomeAgent)
		if err != nil {
			return err
		}
		if at.device != t.index || at.aged != w.Deprecated {
			a := p.address(host(hoa), t.index, unix.IFA_F_NODAD|unix.IFA_F_HOMEADDRESS|unix.IFA_F_NOPREFIXROUTE)
			if w.Deprecated {
				a.preferred = 0
			}
			if err := p.conn.do(a.set()); err != nil {
				return fmt.Errorf("put the home address %s on %s: %w", hoa, t.name, err)
			}
			old := at.device
			at.device, at.aged = t.index, w.Deprecated
			if old != t.index {
				if err := p.leaveDevice(hoa, old); err != nil {
					return err
				}
			}
		}
	}
	return p.holdIPv4(w, at)
}

const forever = 0xffffffff

// address is a home address, which stays until it is taken away.
func (p *paths) address(prefix netip.Prefix, ifindex int, flags uint32) address {
	return address{
		prefix: prefix, ifindex: ifindex, protocol: p.marks.RouteProtocol, flags: flags, valid: forever, preferred: forever,
	}
}

// takeFromHome removes the home address from the home interface.
func (p *paths) takeFromHome(at *placed) error {
	if at.home == 0 {
		return nil
	}
	a := address{prefix: at.prefix, ifindex: at.home}
	if err := unless(p.conn.do(a.del()), unix.EADDRNOTAVAIL, unix.ENODEV); err != nil {
		return fmt.Errorf("take the home address %s from interface %d: %w", at.prefix.Addr(), at.home, err)
	}
	at.home, at.full = 0, false
	return nil
}

// unreachable is all that the table of the second rule holds.
func (p *paths) unreachable() route {
	return route{
		dst: everything, table: p.marks.Table + tableBlocked, protocol: p.marks.RouteProtocol, kind: unix.RTN_UNREACHABLE,
	}
}

var (
	everything  = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	everything4 = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
)

// rule is one of a home address's. Only what we send ourselves takes its path: a host
// behind a mobile router that forges the home address meets the rule that lets nothing
// out (RFC 3963 §9).
func (p *paths) rule(hoa netip.Addr, which, table uint32) rule {
	return rule{
		src: host(hoa), local: which == rulePath, table: table, priority: p.marks.RulePriority + which, protocol: p.marks.RouteProtocol,
	}
}

// route aims the first rule at a table; 0: there is no first rule. The home
// agent's route on the home link is taken back when nothing leads there.
func (p *paths) route(w role.HomePath, at *placed, table uint32) error {
	if err := p.setNetworks(w, at, networkAway, p.networkTable(table)); err != nil {
		return err
	}
	if err := p.aimIPv4(w, at, p.networkTable(table)); err != nil {
		return err
	}
	if err := p.aim(w.HomeAddress.Addr(), at, table); err != nil || table == p.marks.Table+tableHome {
		return err
	}
	hop := at.homeHop
	at.homeHop = route{}
	return p.dropHomeHop(hop)
}

func (p *paths) aim(hoa netip.Addr, at *placed, table uint32) error {
	if at.table == table {
		return nil
	}
	var requests []request
	if table != 0 {
		requests = append(requests, p.rule(hoa, rulePath, table).set())
	}
	if at.table != 0 {
		requests = append(requests, p.rule(hoa, rulePath, at.table).del())
	}
	for _, err := range p.conn.batch(requests) {
		if err := unless(err, unix.EEXIST, unix.ENOENT); err != nil {
			return fmt.Errorf("aim the rule of %s at table %d: %w", hoa, table, err)
		}
	}
	at.table = table
	return nil
}

// tunnelled changes the tunnel in place, in one write. Its routes are set each
// time, since the kernel drops them when an interface goes down.
func (p *paths) tunnelled(w role.HomePath, at *placed) error {
	if err := p.block(w, at); err != nil {
		return err
	}
	t := p.tunnels[w.HomeAgent]
	if t == nil {
		return fmt.Errorf("tunnel %s: its home agent is not known", w.HomeAddress.Addr())
	}
	if w.Hold {
		if err := p.holdPackets(t); err != nil {
			return err
		}
	}
	if err := p.moveTunnel(t, w); err != nil {
		return err
	}
	if err := p.route(w, at, t.table); err != nil || w.Hold {
		return err
	}
	return p.releasePackets(t)
}

// deregistering lets packets of the home address reach the home agent, and
// nobody else, on the home link.
func (p *paths) deregistering(w role.HomePath, at *placed) error {
	if err := p.block(w, at); err != nil {
		return err
	}
	return p.toHomeAgent(w, at)
}

func (p *paths) toHomeAgent(w role.HomePath, at *placed) error {
	if len(w.HomeAgentLinkAddr) > 0 {
		if err := p.conn.do(neighbour(w.Ifindex, w.HomeAgent, w.HomeAgentLinkAddr)); err != nil {
			return fmt.Errorf("set the home agent's link-layer address on interface %d: %w", w.Ifindex, err)
		}
	}
	hop := route{
		dst: host(w.HomeAgent), table: p.marks.Table + tableHome, protocol: p.marks.RouteProtocol,
		kind: unix.RTN_UNICAST, oif: w.Ifindex,
	}
	if err := p.conn.do(hop.set()); err != nil {
		return fmt.Errorf("set the route to the home agent on interface %d: %w", w.Ifindex, err)
	}
	at.homeHop = hop
	return p.route(w, at, p.marks.Table+tableHome)
}

// answering has the kernel answer solicitations for the home address.
func (p *paths) answering(w role.HomePath, at *placed) error {
	if err := p.hold(w, at); err != nil {
		return err
	}
	if at.table != p.marks.Table+tableHome || at.homeHop == (route{}) {
		if err := p.toHomeAgent(w, at); err != nil {
			return err
		}
	}
	if at.home == w.Ifindex && !at.full {
		return nil
	}
	if err := p.takeFromHome(at); err != nil {
		return err
	}
	return p.putHome(w, at, false)
}

// putHome puts the home address on the home interface: as an ordinary address
// with its prefix, or alone, to answer solicitations.
func (p *paths) putHome(w role.HomePath, at *placed, full bool) error {
	a := p.address(host(w.HomeAddress.Addr()), w.Ifindex, unix.IFA_F_HOMEADDRESS)
	if w.Lease > 0 {
		a.valid, a.preferred = seconds(w.Lease), seconds(w.Lease)
	}
	if full && w.Lease == 0 {
		a.prefix = w.HomeAddress
		if w.Unmarked {
			a.flags = 0
		}
	} else {
		a.flags |= unix.IFA_F_NOPREFIXROUTE
	}
	if !w.DAD {
		a.flags |= unix.IFA_F_NODAD
	}
	var err error
	if full && w.Lease > 0 {
		err = unless(p.conn.do(a.add()), unix.EEXIST) // the client's is there
	} else {
		err = p.conn.do(a.set())
	}
	if err != nil {
		return fmt.Errorf("put the home address %s on interface %d: %w", w.HomeAddress.Addr(), w.Ifindex, err)
	}
	at.home, at.prefix, at.full, at.bare = w.Ifindex, a.prefix, full, full && w.Unmarked && w.Lease == 0
	return nil
}

// home makes the home address an ordinary one.
func (p *paths) home(w role.HomePath, at *placed) error {
	asItIs := w.Lease > 0 || at.full && at.bare == w.Unmarked
	if at.home != 0 && (at.home != w.Ifindex || !asItIs) {
		// The kernel keeps an address's prefix length and DAD as they were
		// made; the address lives on on the tunnel device meanwhile.
		if err := p.takeFromHome(at); err != nil {
			return err
		}
	}
	if at.home == 0 {
		if err := p.putHome(w, at, true); err != nil {
			return err
		}
	}
	if err := errors.Join(p.setNetworks(w, at, networkHome, 0), p.dropIPv4(at)); err != nil {
		return err
	}
	if len(w.MobilePrefixes) > 0 {
		if err := p.actAsRouter(at, w.Ifindex); err != nil {
			return err
		}
	}
	return p.release(w.HomeAddress.Addr(), at)
}

// none removes all of a home address.
func (p *paths) none(hoa netip.Addr, at *placed) error {
	return errors.Join(
		p.takeFromHome(at), p.actAsRouter(at, 0), p.setNetworks(at.want, at, networkNone, 0), p.dropIPv4(at), p.release(hoa, at),
	)
}

// release removes rules and tunnel of a home address that is not away. With the
// last one goes everything that the paths share.
func (p *paths) release(hoa netip.Addr, at *placed) error {
	var errs []error
	if at.table != 0 {
		errs = append(errs, unless(p.conn.do(p.rule(hoa, rulePath, at.table).del()), unix.ENOENT))
		at.table = 0
	}
	errs = append(errs, unless(p.conn.do(p.rule(hoa, ruleBlocked, p.marks.Table+tableBlocked).del()), unix.ENOENT))
	at.rules = false
	others, err := homeRules(p.marks)
	errs = append(errs, err)
	hop, device := at.homeHop, at.device
	at.homeHop, at.device = route{}, 0
	if err == nil && len(others) == 0 {
		for _, t := range p.tunnels {
			errs = append(errs, p.dropExit(t))
		}
		errs = append(errs, p.conn.cleanDevices(p.marks), p.conn.cleanRoutes(p.marks, func(r route) bool { return isDiscard(r) || isSpread(r) }), p.conn.cleanRules(p.marks))
		clear(p.tunnels)
		p.blocked = false
	} else {
		errs = append(errs, p.dropHomeHop(hop), p.leaveDevice(hoa, device))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("release the path of %s: %w", hoa, err)
	}
	return nil
}

// dropHomeHop removes the home agent's route on the home link unless another
// home address is about to use it.
func (p *paths) dropHomeHop(hop route) error {
	if hop == (route{}) {
		return nil
	}
	for _, at := range p.homes {
		if at.homeHop == hop {
			return nil
		}
	}
	if err := unless(p.conn.do(hop.del()), unix.ESRCH, unix.ENOENT, unix.ENODEV); err != nil {
		return fmt.Errorf("delete the route to the home agent on interface %d: %w", hop.oif, err)
	}
	return nil
}
