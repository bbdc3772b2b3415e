package rtnl

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
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
	tunnels map[netip.Addr]*path // by home agent
	homes   map[netip.Addr]*placed
	blocked bool // the table of the second rule is filled
}

// path is one tunnel device, its table, and what it was last set to.
type path struct {
	name  string
	index int
	table uint32
	hop   route // the route to the home agent in the main table
}

// placed is what is in the kernel for one home address.
type placed struct {
	device  int    // the tunnel device that has the address; 0: none
	home    int    // the home interface that has it; 0: none
	full    bool   // there with its prefix, as an ordinary address
	rules   bool   // ruleBlocked is there
	table   uint32 // of the rule rulePath; 0: none
	homeHop route  // the home agent's route in tableHome
}

func newPaths(m Marks, c *conn) *paths {
	return &paths{marks: m, conn: c, tunnels: make(map[netip.Addr]*path), homes: make(map[netip.Addr]*placed)}
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
		p.homes[hoa] = at
	}
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

// find learns what an earlier run left of a home address.
func (p *paths) find(w role.HomePath, at *placed) error {
	hoa := w.HomeAddress.Addr()
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_V6)
	if err != nil {
		return fmt.Errorf("look for the home address %s: %w", hoa, err)
	}
	for _, a := range addrs {
		if addrOf(a.IP) != hoa {
			continue
		}
		link, err := netlink.LinkByIndex(a.LinkIndex)
		if err != nil {
			continue // gone meanwhile
		}
		if link.Attrs().Alias == alias {
			at.device = a.LinkIndex
		} else {
			ones, _ := a.Mask.Size()
			at.home, at.full = a.LinkIndex, ones < 128
		}
	}
	rules, err := netlink.RuleList(netlink.FAMILY_V6)
	if err != nil {
		return fmt.Errorf("look for the rules of the home address %s: %w", hoa, err)
	}
	for _, r := range rules {
		switch {
		case r.Protocol != p.marks.RouteProtocol || r.Src == nil || addrOf(r.Src.IP) != hoa:
		case uint32(r.Priority) == p.marks.RulePriority+rulePath:
			at.table = uint32(r.Table)
		case uint32(r.Priority) == p.marks.RulePriority+ruleBlocked:
			at.rules = true
		}
	}
	at.homeHop, err = p.findHop(w.HomeAgent, p.marks.Table+tableHome)
	return err
}

// findHop returns the route to a home agent that an earlier run left in a table.
func (p *paths) findHop(homeAgent netip.Addr, table uint32) (route, error) {
	routes, err := ours(p.marks)
	if err != nil {
		return route{}, err
	}
	for _, r := range routes {
		if uint32(r.Table) == table && r.Dst != nil && addrOf(r.Dst.IP) == homeAgent {
			return route{
				dst: host(homeAgent), table: table, protocol: p.marks.RouteProtocol, kind: unix.RTN_UNICAST,
				oif: r.LinkIndex, via: addrOf(r.Gw), metric: uint32(r.Priority),
			}, nil
		}
	}
	return route{}, nil
}

func (p *paths) blockedPath(w role.HomePath, at *placed) error {
	return errors.Join(p.block(w, at), p.route(w, at, 0))
}

// block puts the home address on its tunnel device and under the rule that lets
// nothing out, and takes it from the home interface.
func (p *paths) block(w role.HomePath, at *placed) error {
	hoa := w.HomeAddress.Addr()
	if !p.blocked {
		r := route{table: p.marks.Table + tableBlocked, protocol: p.marks.RouteProtocol, kind: unix.RTN_UNREACHABLE}
		r.dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		if err := p.conn.do(r.set()); err != nil {
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
	if w.HomeAgent.IsValid() {
		t, err := p.tunnel(w.HomeAgent)
		if err != nil {
			return err
		}
		if at.device != t.index {
			a := address{
				prefix: host(hoa), ifindex: t.index, valid: forever, preferred: forever,
				flags: unix.IFA_F_NODAD | unix.IFA_F_HOMEADDRESS | unix.IFA_F_NOPREFIXROUTE,
			}
			if err := p.conn.do(a.set()); err != nil {
				return fmt.Errorf("put the home address %s on %s: %w", hoa, t.name, err)
			}
			at.device = t.index
		}
	}
	return p.takeFromHome(w.HomeAddress, at)
}

const forever = 0xffffffff

// takeFromHome removes the home address from the home interface.
func (p *paths) takeFromHome(hoa netip.Prefix, at *placed) error {
	if at.home == 0 {
		return nil
	}
	if !at.full {
		hoa = host(hoa.Addr())
	}
	a := address{prefix: hoa, ifindex: at.home}
	if err := unless(p.conn.do(a.del()), unix.EADDRNOTAVAIL, unix.ENODEV); err != nil {
		return fmt.Errorf("take the home address %s from interface %d: %w", hoa.Addr(), at.home, err)
	}
	at.home, at.full = 0, false
	return nil
}

func (p *paths) rule(hoa netip.Addr, which, table uint32) rule {
	return rule{
		src: host(hoa), table: table, priority: p.marks.RulePriority + which, protocol: p.marks.RouteProtocol,
	}
}

// route aims the first rule at a table; 0: there is no first rule.
func (p *paths) route(w role.HomePath, at *placed, table uint32) error {
	hoa := w.HomeAddress.Addr()
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
	def := route{
		dst: netip.PrefixFrom(netip.IPv6Unspecified(), 0), table: t.table,
		protocol: p.marks.RouteProtocol, kind: unix.RTN_UNICAST, oif: t.index,
	}
	requests := []request{tunnel{local: w.CareOf, remote: w.HomeAgent}.change(t.index), def.set()}
	hop := p.firstHop(w)
	if hop != (route{}) {
		requests = append(requests, hop.set())
	}
	for i, err := range p.conn.batch(requests) {
		switch {
		case err == nil:
		case i < 2:
			t.index, at.device = 0, 0 // perhaps somebody deleted it
			return fmt.Errorf("move the tunnel %s to %s: %w", t.name, w.CareOf, err)
		default:
			return fmt.Errorf("set the route to the home agent %s by router %s: %w", w.HomeAgent, w.Router, err)
		}
	}
	t.hop = hop
	return p.route(w, at, t.table)
}

// firstHop is a route to the home agent through the router that the care-of
// address came from. The kernel may still have a default router, or an on-link
// prefix, of the link where we were before, and would send there.
func (p *paths) firstHop(w role.HomePath) route {
	if !w.Router.IsValid() {
		return route{}
	}
	return route{
		dst: host(w.HomeAgent), table: unix.RT_TABLE_MAIN, protocol: p.marks.RouteProtocol,
		kind: unix.RTN_UNICAST, oif: w.Ifindex, via: w.Router.WithZone(""), metric: 1,
	}
}

func (p *paths) dropHop(t *path) error {
	if t == nil || t.hop == (route{}) {
		return nil
	}
	if err := unless(p.conn.do(t.hop.del()), unix.ESRCH, unix.ENOENT, unix.ENODEV); err != nil {
		return fmt.Errorf("delete the route to the home agent: %w", err)
	}
	t.hop = route{}
	return nil
}

// deregistering lets packets of the home address reach the home agent, and
// nobody else, on the home link.
func (p *paths) deregistering(w role.HomePath, at *placed) error {
	if err := p.block(w, at); err != nil {
		return err
	}
	if err := p.dropHop(p.tunnels[w.HomeAgent]); err != nil {
		return err
	}
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
	if at.table != p.marks.Table+tableHome {
		if err := p.deregistering(w, at); err != nil {
			return err
		}
	}
	if at.home == w.Ifindex {
		return nil
	}
	return p.putHome(w, at, false)
}

// putHome puts the home address on the home interface: as an ordinary address
// with its prefix, or alone, to answer solicitations.
func (p *paths) putHome(w role.HomePath, at *placed, full bool) error {
	a := address{prefix: host(w.HomeAddress.Addr()), ifindex: w.Ifindex, valid: forever, preferred: forever}
	a.flags = unix.IFA_F_HOMEADDRESS
	if full {
		a.prefix = w.HomeAddress
	} else {
		a.flags |= unix.IFA_F_NOPREFIXROUTE
	}
	if !w.DAD {
		a.flags |= unix.IFA_F_NODAD
	}
	err := p.conn.do(a.set())
	if err != nil {
		return fmt.Errorf("put the home address %s on interface %d: %w", w.HomeAddress.Addr(), w.Ifindex, err)
	}
	at.home, at.full = w.Ifindex, full
	return nil
}

// home makes the home address an ordinary one.
func (p *paths) home(w role.HomePath, at *placed) error {
	if at.home != 0 && (at.home != w.Ifindex || !at.full) {
		// The kernel keeps an address's prefix length and DAD as they were
		// made; the address lives on on the tunnel device meanwhile.
		if err := p.takeFromHome(w.HomeAddress, at); err != nil {
			return err
		}
	}
	if at.home == 0 {
		if err := p.putHome(w, at, true); err != nil {
			return err
		}
	}
	return p.release(w.HomeAddress.Addr(), at)
}

// none removes all of a home address.
func (p *paths) none(hoa netip.Addr, at *placed) error {
	err := p.takeFromHome(host(hoa), at)
	return errors.Join(err, p.release(hoa, at))
}

// release removes rules and tunnel of a home address that is not away.
func (p *paths) release(hoa netip.Addr, at *placed) error {
	var errs []error
	if at.homeHop != (route{}) {
		errs = append(errs, unless(p.conn.do(at.homeHop.del()), unix.ESRCH, unix.ENOENT, unix.ENODEV))
		at.homeHop = route{}
	}
	if at.table != 0 {
		errs = append(errs, unless(p.conn.do(p.rule(hoa, rulePath, at.table).del()), unix.ENOENT))
		at.table = 0
	}
	errs = append(errs, unless(p.conn.do(p.rule(hoa, ruleBlocked, p.marks.Table+tableBlocked).del()), unix.ENOENT))
	at.rules = false
	if at.device != 0 {
		a := address{prefix: host(hoa), ifindex: at.device}
		errs = append(errs, unless(p.conn.do(a.del()), unix.EADDRNOTAVAIL, unix.ENODEV))
		errs = append(errs, p.dropUnused(at.device))
		at.device = 0
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("release the path of %s: %w", hoa, err)
	}
	return nil
}

// dropUnused deletes a tunnel device that no other home address lives on.
func (p *paths) dropUnused(device int) error {
	users := 0
	for _, at := range p.homes {
		if at.device == device {
			users++
		}
	}
	if users > 1 {
		return nil
	}
	for ha, t := range p.tunnels {
		if t.index == device {
			if err := p.dropHop(t); err != nil {
				return err
			}
			delete(p.tunnels, ha)
		}
	}
	return p.conn.removeLink(device)
}

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
		t = &path{name: fmt.Sprintf("%s%d", p.marks.PathPrefix, n), table: p.marks.Table + tableTunnel + uint32(n)}
	}
	link, err := netlink.LinkByName(t.name)
	switch {
	case err == nil && link.Attrs().Alias == alias:
		// An earlier run's, with its end points: it goes on until ours are known.
		t.index = link.Attrs().Index
		if t.hop, err = p.findHop(homeAgent, unix.RT_TABLE_MAIN); err != nil {
			return nil, err
		}
	case errors.As(err, new(netlink.LinkNotFoundError)) || err == nil:
		if t.index, err = p.conn.ensureTunnel(tunnel{
			name: t.name, local: netip.IPv6Unspecified(), remote: homeAgent, alias: alias,
		}); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("look for the tunnel device %s: %w", t.name, err)
	}
	p.tunnels[homeAgent] = t
	return t, nil
}

// freeNumber returns the number of the device to a home agent: that of one that
// is there, or the first free one.
func (p *paths) freeNumber(homeAgent netip.Addr) (int, error) {
	links, err := devices(p.marks)
	if err != nil {
		return 0, err
	}
	taken := make(map[string]bool)
	for _, t := range p.tunnels {
		taken[t.name] = true
	}
	for _, l := range links {
		name := l.Attrs().Name
		taken[name] = true
		var n int
		if tnl, ok := l.(*netlink.Ip6tnl); ok && addrOf(tnl.Remote) == homeAgent && strings.HasPrefix(name, p.marks.PathPrefix) {
			if _, err := fmt.Sscanf(name[len(p.marks.PathPrefix):], "%d", &n); err == nil {
				return n, nil
			}
		}
	}
	for n := 0; ; n++ {
		if !taken[fmt.Sprintf("%s%d", p.marks.PathPrefix, n)] {
			return n, nil
		}
	}
}
