package rtnl

import (
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// exit is the way that packets from a care-of address leave by: a rule to a
// table of its own, with a default route by the router that the care-of address
// came from, and its equals. In the main table the kernel may still have a default router, or an
// on-link prefix, of the link where we were before, and would send there what
// goes to the home agent, or directly to a correspondent.
//
// With networks behind us, what others send from the care-of address is stopped: as the
// outer header of a packet to the home agent it would pass for ours (RFC 3963 §9).
type exit struct {
	rule rule
	stop rule  // zero: nobody is behind us
	hop  route // zero: no router is known, and the main table will have to do
}

func (p *paths) exitOf(t *path, w role.HomePath) exit {
	e := exit{rule: rule{
		src: host(w.CareOf), local: true, table: t.table + 1, priority: p.marks.RulePriority + ruleCareOf, protocol: p.marks.RouteProtocol,
	}}
	if w.Router.IsValid() {
		e.hop = route{
			dst: everything, table: t.table + 1, protocol: p.marks.RouteProtocol,
			kind: unix.RTN_UNICAST, oif: w.Ifindex, via: w.Router.WithZone(""),
		}
		e.hop.more = p.sharing(e.hop)
	}
	if len(w.MobilePrefixes) > 0 && w.Router.IsValid() {
		e.stop = e.rule
		e.stop.local, e.stop.table = false, p.marks.Table+tableBlocked
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
	if e.stop != (rule{}) {
		requests = append(requests, e.stop.set()) // behind it, as they have one priority
	}
	return requests
}

// leave is what is left to do when nothing is sent any more by a way that was:
// what another way does not need goes, and the router's neighbour entry with it.
// On another link the router can't be resolved, and for three seconds the kernel
// would keep what was sent to it meanwhile; TCP does not send again what it
// knows to be still in a queue of its own host.
func (e exit) leave(other exit) (requests []request) {
	if e.stop != other.stop && e.stop != (rule{}) {
		requests = append(requests, e.stop.del())
	}
	if e.rule != other.rule && e.rule != (rule{}) {
		requests = append(requests, e.rule.del())
	}
	if e.hop == (route{}) {
		return requests
	}
	if other.hop == (route{}) {
		requests = append(requests, e.hop.del())
	}
	for _, via := range e.hop.routers() {
		if e.hop.oif != other.hop.oif || !slices.Contains(other.hop.routers(), via) {
			requests = append(requests, forgetNeighbour(e.hop.oif, via))
		}
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
	for _, r := range rules {
		if r.priority == p.marks.RulePriority+ruleCareOf && r.table == p.marks.Table+tableBlocked && r.src == e.rule.src {
			e.stop = r
		}
	}
	e.hop, err = p.findHop(everything, t.table+1)
	return e, err
}
