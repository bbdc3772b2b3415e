package rtnl

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// networks is what is in force for the mobile networks behind a home address
// (RFC 3963). Away, three rules apply to each prefix: what goes to it finds the
// main table before anything else; what comes from it finds the tunnel's table;
// and below that, one where everything is unreachable. In the main table a
// route stops what is in the prefix and on none of its links: by the default
// route it would go to the home agent, which would send it back.
type networks struct {
	mode  networkMode
	table uint32 // of the rule rulePath; 0: none
}

type networkMode uint8

const (
	networkNone networkMode = iota
	networkHome             // routed as by any router
	networkAway
)

// discardMetric is behind every route that leads somewhere.
const discardMetric = 1<<32 - 2

// networkTable is where the packets of mobile networks go when those of the home
// address go to a table: only a tunnel is for them.
func (p *paths) networkTable(table uint32) uint32 {
	if table < p.marks.Table+tableTunnel {
		return 0
	}
	return table
}

// setNetworks goes from whatever is there to what is wanted. What lets packets
// out comes last and goes first.
func (p *paths) setNetworks(w role.HomePath, at *placed, mode networkMode, table uint32) error {
	wanted := networks{mode, table}
	if len(w.MobilePrefixes) == 0 || at.networks == wanted && mode != networkNone {
		return nil
	}
	there, err := ourRules(p.marks)
	if err != nil {
		return err
	}
	there = slices.DeleteFunc(there, func(r rule) bool {
		return !slices.Contains(w.MobilePrefixes, r.src) && !slices.Contains(w.MobilePrefixes, r.dst)
	})
	var first, adds, dels, last []request
	var rules []rule
	for _, n := range w.MobilePrefixes {
		if mode == networkNone {
			last = append(last, p.discard(n).del())
		} else {
			first = append(first, p.left.set(p.discard(n))...)
		}
		if mode == networkAway {
			rules = append(rules, p.networkRules(n, table)...)
		}
	}
	for _, r := range rules {
		if !slices.Contains(there, r) {
			adds = append(adds, r.set())
		}
	}
	for _, r := range slices.Backward(there) {
		if !slices.Contains(rules, r) {
			dels = append(dels, r.del())
		}
	}
	for _, err := range p.conn.batch(slices.Concat(first, adds, dels, last)) {
		if err := unless(err, unix.EEXIST, unix.ENOENT, unix.ESRCH); err != nil {
			return fmt.Errorf("set the rules of the mobile network %v: %w", w.MobilePrefixes, err)
		}
	}
	at.networks = wanted
	return nil
}

func (p *paths) networkRules(n netip.Prefix, table uint32) []rule {
	list := []rule{
		{dst: n, table: unix.RT_TABLE_MAIN, priority: p.marks.RulePriority + ruleInside, protocol: p.marks.RouteProtocol},
		{src: n, table: p.marks.Table + tableBlocked, priority: p.marks.RulePriority + ruleBlocked, protocol: p.marks.RouteProtocol},
	}
	if table != 0 {
		list = append(list, rule{src: n, table: table, priority: p.marks.RulePriority + rulePath, protocol: p.marks.RouteProtocol})
	}
	return list
}

func (p *paths) discard(n netip.Prefix) route {
	return route{
		dst: n, table: unix.RT_TABLE_MAIN, protocol: p.marks.RouteProtocol, kind: unix.RTN_UNREACHABLE, metric: discardMetric,
	}
}

// isDiscard tells the routes that outlive the tunnels.
func isDiscard(r route) bool { return r.kind == unix.RTN_UNREACHABLE && r.metric == discardMetric }

// findNetworks learns where an earlier run has the packets of mobile networks go.
func (p *paths) findNetworks(w role.HomePath, at *placed) error {
	if len(w.MobilePrefixes) == 0 {
		return nil
	}
	rules, err := ourRules(p.marks)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.src == w.MobilePrefixes[0] && r.priority == p.marks.RulePriority+rulePath {
			at.networks.table = r.table
		}
	}
	return nil
}

// settleNetworks removes what an earlier run left of mobile networks that are not
// wanted any more.
func (p *paths) settleNetworks(wanted []netip.Prefix) error {
	unwanted := func(n netip.Prefix) bool { return n.IsValid() && !slices.Contains(wanted, n) }
	rules, err := ourRules(p.marks)
	if err != nil {
		return err
	}
	routes, err := ours(p.marks)
	if err != nil {
		return err
	}
	var requests []request
	for _, r := range slices.Backward(rules) {
		if r.src.IsValid() && !r.src.IsSingleIP() && unwanted(r.src) || unwanted(r.dst) {
			requests = append(requests, r.del())
		}
	}
	for _, r := range routes {
		if d := p.discard(destination(r)); uint32(r.Priority) == discardMetric && r.Table == unix.RT_TABLE_MAIN && unwanted(d.dst) {
			requests = append(requests, d.del())
		}
	}
	var errs []error
	for _, err := range p.conn.batch(requests) {
		errs = append(errs, unless(err, unix.ENOENT, unix.ESRCH))
	}
	return errors.Join(errs...)
}

// actAsRouter makes us a router on the home link, and a host again elsewhere (RFC
// 3963 §5.6, §5.7): with the interface's forwarding the kernel joins the group of
// all routers and sets the R flag of its advertisements. Packets are forwarded
// either way.
func (p *paths) actAsRouter(at *placed, ifindex int) error {
	if at.router == ifindex {
		return nil
	}
	if err := errors.Join(forwarding(at.router, "0"), forwarding(ifindex, "1")); err != nil {
		return err
	}
	at.router = ifindex
	return nil
}

func forwarding(ifindex int, value string) error {
	if ifindex == 0 {
		return nil
	}
	link, err := netlink.LinkByIndex(ifindex)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil
	}
	if err == nil {
		err = os.WriteFile(sysctl(link.Attrs().Name, "forwarding"), []byte(value), 0)
	}
	if err != nil {
		return fmt.Errorf("set forwarding of interface %d to %s: %w", ifindex, value, err)
	}
	return nil
}
