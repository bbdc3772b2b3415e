package rtnl

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// spreadMetric is that of the default route in the main table over several routers:
// just before those that the kernel makes of router advertisements, of which it always
// takes the same one. What people give a metric of their own goes before.
const spreadMetric = 1023

// hops are the next hops of a route beside its first.
type hops [3]netip.Addr

func (h hops) empty() bool { return h == hops{} }

func (h hops) list() []netip.Addr {
	return slices.DeleteFunc(slices.Clone(h[:]), func(a netip.Addr) bool { return !a.IsValid() })
}

// routers are all next hops of a route.
func (r route) routers() []netip.Addr {
	if !r.via.IsValid() {
		return nil
	}
	return append([]netip.Addr{r.via}, r.more.list()...)
}

// sharing returns those that share the load of a route with its router.
func (p *paths) sharing(r route) (more hops) {
	all := p.shared[r.oif]
	if !slices.Contains(all, r.via) {
		return more
	}
	i := 0
	for _, a := range all {
		if a != r.via && i < len(more) {
			more[i] = a
			i++
		}
	}
	return more
}

// shareRouters changes the ways out of care-of addresses on an interface, and the
// default route of all others.
func (p *paths) shareRouters(e role.ShareRouters) error {
	var routers []netip.Addr
	for _, r := range e.Routers {
		routers = append(routers, r.WithZone(""))
	}
	delete(p.shared, e.Ifindex)
	if len(routers) > 1 {
		p.shared[e.Ifindex] = routers
	}
	var errs []error
	for _, t := range p.tunnels {
		if t.exit.hop.oif != e.Ifindex {
			continue
		}
		was := t.exit
		t.exit.hop.more = p.sharing(t.exit.hop)
		if t.exit != was {
			errs = append(errs, p.exits(append(p.enter(t.exit), was.leave(t.exit)...)))
		}
	}
	if e.All && len(routers) > 1 {
		errs = append(errs, p.spreadBy(e.Ifindex, routers))
	} else if p.spread == e.Ifindex {
		errs = append(errs, p.dropSpread())
	}
	return errors.Join(errs...)
}

func (p *paths) spreadRoute() route {
	return route{
		dst: everything, table: unix.RT_TABLE_MAIN, protocol: p.marks.RouteProtocol, kind: unix.RTN_UNICAST, metric: spreadMetric,
	}
}

func (p *paths) spreadBy(ifindex int, routers []netip.Addr) error {
	r := p.spreadRoute()
	r.oif, r.via = ifindex, routers[0]
	r.more = p.sharing(r)
	if err := p.conn.do(r.set()); err != nil {
		return fmt.Errorf("spread packets over the routers %v of interface %d: %w", routers, ifindex, err)
	}
	p.spread = ifindex
	return nil
}

func (p *paths) dropSpread() error {
	p.spread = 0
	if err := unless(p.conn.do(p.spreadRoute().del()), unix.ESRCH, unix.ENOENT, unix.ENODEV); err != nil {
		return fmt.Errorf("delete the default route over several routers: %w", err)
	}
	return nil
}

// settleSpread removes an earlier run's, whose routers may be of another link.
func (p *paths) settleSpread() error { return p.dropSpread() }

// isSpread says whether a route of ours is the default route over several routers.
func isSpread(r route) bool { return r.table == unix.RT_TABLE_MAIN && r.metric == spreadMetric }
