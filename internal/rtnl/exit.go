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

// enter is what makes a way out. The route is set each time (see remains), since the kernel
// drops it when its interface goes down.
func (p *paths) enter(e exit) (requests []request) {
	if e.hop != (route{}) {
		requests = append(requests, p.left.set(e.hop)...)
	}
	if e.rule != (rule{}) {
		requests = append(requests, e.rule.set())
	}
	return requests
}

// leave is what is left to do when nothing is sent any more by a way that was:
// what another way does not need goes, and the router's neighbour entry with it.
// On another link the router can't be resolved, and for three seconds the kernel
// would keep what was sent to it meanwhile; TCP does not send again what it
// knows to be still in a queue of its own host.
func (e exit) leave(other exit) (requests []request) {
	if e.rule != other.rule && e.rule != (rule{}) {
		requests = append(requests, e.rule.del())
	}
	if e.hop == (route{}) {
		return requests
	}
	if other.hop == (route{}) {
		requests = append(requests, e.hop.del())
	}
	if e.hop.via != other.hop.via || e.hop.oif != other.hop.oif {
		requests = append(requests, forgetNeighbour(e.hop.oif, e.hop.via))
	}
	return requests
}

// exits carries requests about ways out. What is there or gone already is fine.
func (p *paths) exits(requests []request) error {
	for _, err := range p.conn.batch(requests) {
		if err := unless(err, unix.EEXIST, unix.ENOENT, unix.ESRCH, unix.ENODEV); err != nil {
			return fmt.Errorf("change the way out of a care-of address: %w", err)
		}
	}
	return nil
}

// dropExit ends the use of a tunnel.
func (p *paths) dropExit(t *path) error {
	was := t.exit
	t.exit = exit{}
	return p.exits(was.leave(exit{}))
}

// careOfBack sets the way out of a care-of address again: an interface that was
// set down and up has lost its routes with its addresses. One that is there is not
// touched.
func (p *paths) careOfBack(careOf netip.Addr) (err error) {
	for _, t := range p.tunnels {
		if t.careOf != careOf {
			continue
		}
		if p.left, err = leftovers(p.marks); err != nil {
			return err
		}
		err = p.exits(p.enter(t.exit))
		if p.left = nil; err != nil {
			return err
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
