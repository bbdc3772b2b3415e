package rtnl

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// exit is the way that packets from a care-of address leave by: a rule to a
// table of its own, with a default route by the router that the care-of address
// came from. In the main table the kernel may still have a default router, or an
// on-link prefix, of the link where we were before, and would send there what
// goes to the home agent, or directly to a correspondent.
type exit struct {
	rule rule
	hop  route // zero: no router is known, and the main table will have to do
}

func (p *paths) exitOf(t *path, w role.HomePath) exit {
	e := exit{rule: rule{
		src: host(w.CareOf), table: t.table + 1, priority: p.marks.RulePriority + ruleCareOf, protocol: p.marks.RouteProtocol,
	}}
	if w.Router.IsValid() {
		e.hop = route{
			dst: everything, table: t.table + 1, protocol: p.marks.RouteProtocol,
			kind: unix.RTN_UNICAST, oif: w.Ifindex, via: w.Router.WithZone(""),
		}
	}
	return e
}

// setExit replaces what is there. The route is set each time, since the kernel
// drops it when its interface goes down.
func (p *paths) setExit(t *path, want exit) error {
	var requests []request
	was := t.exit
	if want.hop != (route{}) {
		requests = append(requests, want.hop.set())
	} else if was.hop != (route{}) {
		requests = append(requests, was.hop.del())
	}
	if want.rule != was.rule {
		if want.rule != (rule{}) {
			requests = append(requests, want.rule.set())
		}
		if was.rule != (rule{}) {
			requests = append(requests, was.rule.del())
		}
	}
	for _, err := range p.conn.batch(requests) {
		if err := unless(err, unix.EEXIST, unix.ENOENT, unix.ESRCH, unix.ENODEV); err != nil {
			return fmt.Errorf("set the way out of the care-of address (%+v): %w", want, err)
		}
	}
	t.exit = want
	return nil
}

// careOfBack sets the way out of a care-of address again: an interface that was
// set down and up has lost its routes with its addresses.
func (p *paths) careOfBack(careOf netip.Addr) error {
	for _, t := range p.tunnels {
		if t.careOf == careOf {
			if err := p.setExit(t, t.exit); err != nil {
				return err
			}
		}
	}
	return nil
}

// findExit learns what an earlier run left.
func (p *paths) findExit(t *path) (exit, error) {
	var e exit
	rules, err := ourRules(p.marks)
	if err != nil {
		return e, err
	}
	for _, r := range rules {
		if r.priority == p.marks.RulePriority+ruleCareOf && r.table == t.table+1 {
			e.rule = r
		}
	}
	e.hop, err = p.findHop(everything, t.table+1)
	return e, err
}
