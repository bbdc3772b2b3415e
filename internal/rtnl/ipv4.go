package rtnl

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// ipv4 is what is in force for the IPv4 home address beside a home address (RFC 5555).
// Away, it lives on the tunnel device, and two rules apply to its packets as to those
// of the home address; two more have who has not chosen a source address use it, but
// for what is on our links. At home there is nothing of it (§4.4.4).
type ipv4 struct {
	addr   netip.Addr // invalid: nothing is there
	held   bool       // what lets nothing out is all there
	device int        // that has the address; 0: none
	table  uint32     // of the rule rulePath; 0: none
	all    uint32     // of the rule of anybody4; 0: none
	onLink bool       // the rule before that is there
}

// anybody4 are packets without a source address yet.
var anybody4 = host(netip.IPv4Unspecified())

// holdIPv4 puts the IPv4 home address on the tunnel device and under the rule that
// lets nothing out.
func (p *paths) holdIPv4(w role.HomePath, at *placed) error {
	if at.ipv4.addr.IsValid() && at.ipv4.addr != w.IPv4 {
		if err := p.dropIPv4(at); err != nil {
			return err
		}
	}
	if !w.IPv4.IsValid() || at.device == 0 || at.ipv4.held && at.ipv4.device == at.device {
		return nil
	}
	blocked := p.unreachable()
	blocked.dst = everything4
	requests := append(p.left.set(blocked),
		p.rule(w.IPv4, ruleBlocked, p.marks.Table+tableBlocked).set(), p.address4(w.IPv4, at.device).set())
	if at.ipv4.device != 0 && at.ipv4.device != at.device {
		requests = append(requests, p.address4(w.IPv4, at.ipv4.device).del())
	}
	if err := p.rules4(requests); err != nil {
		return fmt.Errorf("put %s on interface %d: %w", w.IPv4, at.device, err)
	}
	at.ipv4.addr, at.ipv4.device, at.ipv4.held = w.IPv4, at.device, true
	if t := p.tunnels[w.HomeAgent]; t != nil {
		return receiveByAnother(t.name)
	}
	return nil
}

// aimIPv4 aims the rules of the IPv4 home address at a tunnel's table; 0: there are
// none.
func (p *paths) aimIPv4(w role.HomePath, at *placed, table uint32) error {
	have := &at.ipv4
	all := uint32(0)
	if w.IPv4Default {
		all = table
	}
	if !have.addr.IsValid() || have.table == table && have.all == all && have.onLink == (all != 0) {
		return nil
	}
	var requests []request
	if table != 0 {
		requests = append(requests, p.rule(have.addr, rulePath, table).set())
	}
	if all != 0 {
		requests = append(requests, p.onLink4().set(), p.all4(all).set())
	}
	// A deletion that names no table would take any.
	if have.table != table && have.table != 0 {
		requests = append(requests, p.rule(have.addr, rulePath, have.table).del())
	}
	if have.all != all && have.all != 0 {
		requests = append(requests, p.all4(have.all).del())
	}
	if have.onLink && all == 0 {
		requests = append(requests, p.onLink4().del())
	}
	if err := p.rules4(requests); err != nil {
		return err
	}
	have.table, have.all, have.onLink = table, all, all != 0
	return nil
}

// dropIPv4 takes all of an IPv4 home address away. From an address that is none of
// its own the kernel sends nothing, so the rules may go first.
func (p *paths) dropIPv4(at *placed) error {
	have := at.ipv4
	if !have.addr.IsValid() {
		return nil
	}
	requests := []request{p.rule(have.addr, rulePath, have.table).del()}
	if have.all != 0 {
		requests = append(requests, p.all4(have.all).del())
	}
	if have.onLink {
		requests = append(requests, p.onLink4().del())
	}
	requests = append(requests,
		p.address4(have.addr, have.device).del(), p.rule(have.addr, ruleBlocked, p.marks.Table+tableBlocked).del())
	if err := p.rules4(requests); err != nil {
		return err
	}
	at.ipv4 = ipv4{}
	return nil
}

// rules4 carries requests about an IPv4 home address. What is there or gone already is
// fine.
func (p *paths) rules4(requests []request) error {
	for _, err := range p.conn.batch(requests) {
		if err := unless(err, unix.EEXIST, unix.ENOENT, unix.EADDRNOTAVAIL, unix.ENODEV); err != nil {
			return fmt.Errorf("change the way of an IPv4 home address: %w", err)
		}
	}
	return nil
}

// address4 has the scope of a link: the kernel never chooses it for what leaves by
// another interface.
func (p *paths) address4(a netip.Addr, device int) address {
	return p.address(host(a), device, unix.IFA_F_NOPREFIXROUTE)
}

// routes4 are for the table of a tunnel. The first is everybody's that has an IPv4 home
// address there. The one with a source address is found first; it goes with the address,
// by itself.
func (p *paths) routes4(w role.HomePath, t *path) []route {
	r := route{
		dst: everything4, table: t.table, protocol: p.marks.RouteProtocol, kind: unix.RTN_UNICAST, oif: t.index, metric: 1,
	}
	list := []route{r}
	if w.IPv4Default {
		r.source, r.metric = w.IPv4, 0
		list = append(list, r)
	}
	return list
}

// all4 is for who has not chosen a source address.
func (p *paths) all4(table uint32) rule {
	return rule{src: anybody4, table: table, priority: p.marks.RulePriority + rulePath, protocol: p.marks.RouteProtocol}
}

// onLink4 goes before it: what is on our links is not for the tunnel.
func (p *paths) onLink4() rule {
	return rule{
		src: anybody4, table: unix.RT_TABLE_MAIN, onLink: true, priority: p.marks.RulePriority + ruleInside, protocol: p.marks.RouteProtocol,
	}
}

// findIPv4 learns what an earlier run left of an IPv4 home address. Of two rules with
// one priority, or two devices with the address, one stays.
func (p *paths) findIPv4(w role.HomePath, at *placed, addrs []address) error {
	if !w.IPv4.IsValid() {
		return nil
	}
	rules, err := ourRules(p.marks)
	if err != nil {
		return err
	}
	var twice []request
	note := func(where *uint32, r rule) {
		if at.ipv4.addr = w.IPv4; *where != 0 {
			twice = append(twice, r.del())
			return
		}
		*where = r.table
	}
	for _, r := range rules {
		switch blocked := uint32(0); {
		case r.src == host(w.IPv4) && r.priority == p.marks.RulePriority+rulePath:
			note(&at.ipv4.table, r)
		case r.src == host(w.IPv4):
			note(&blocked, r)
		case r.src == anybody4 && w.IPv4Default && r.onLink:
			at.ipv4.onLink = true
		case r.src == anybody4 && w.IPv4Default:
			note(&at.ipv4.all, r)
		}
	}
	for _, a := range addrs {
		if a.prefix.Addr() != w.IPv4 || a.protocol != p.marks.RouteProtocol {
			continue
		}
		if at.ipv4.addr = w.IPv4; at.ipv4.device != 0 {
			twice = append(twice, a.del())
			continue
		}
		at.ipv4.device = a.ifindex
	}
	return p.rules4(twice)
}

// settleIPv4 removes the rules of anybody4 that an earlier run left, unless they are
// those of an IPv4 home address whose packets take the same way.
func (p *paths) settleIPv4(default4 netip.Addr) error {
	rules, err := ourRules(p.marks)
	if err != nil {
		return err
	}
	var table uint32
	for _, r := range rules {
		if default4.IsValid() && r.src == host(default4) && r.priority == p.marks.RulePriority+rulePath {
			table = r.table
		}
	}
	var stale []request
	for _, r := range rules {
		if r.src == anybody4 && (table == 0 || !r.onLink && r.table != table) {
			stale = append(stale, r.del())
		}
	}
	return p.rules4(stale)
}

// dummy4 is an address for an interface that needs one (RFC 7600 §4.8).
var dummy4 = netip.AddrFrom4([4]byte{192, 0, 0, 8})

// receive4 has the kernel take IPv4 packets from the second device of a tunnel. From an
// interface without an IPv4 address it takes none whose way back is by another, however
// it is told to look. The address is not marked: it goes with the device.
func (p *paths) receive4(name string, device int) error {
	a := address{prefix: host(dummy4), ifindex: device, flags: unix.IFA_F_NOPREFIXROUTE, valid: forever, preferred: forever}
	if err := p.conn.do(a.set()); err != nil {
		return fmt.Errorf("put an IPv4 address on %s: %w", name, err)
	}
	return receiveByAnother(name)
}

// receiveByAnother has the kernel take IPv4 packets from a device although the way back
// to their sender is by another: of the two of a tunnel, one sends.
func receiveByAnother(device string) error {
	err := os.WriteFile(filepath.Join("/proc/sys/net/ipv4/conf", device, "rp_filter"), []byte("2"), 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("let IPv4 packets come in by %s: %w", device, err)
	}
	return nil
}
