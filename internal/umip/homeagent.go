package umip

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// agent is what an old home agent's file tells.
type agent struct {
	links    []string     // interfaces
	own      []netip.Addr // the home agent's addresses
	prefixes []netip.Prefix
	guessed  bool // some of them are not in the file
	nodes    []served
	denied   []*Statement
	accept   *Statement // HaAcceptMobRtr
	open     bool       // who was not denied was served
}

// served is one mobile node.
type served struct {
	hoa      netip.Addr
	networks []netip.Prefix
}

func (c *converter) homeAgent() {
	a := c.agent()
	c.open("home_agent")
	c.open("links")
	c.homeLinks(a)
	c.close()
	c.mobileNodes(a)
	if len(a.denied) > 0 {
		c.open("policies")
		for _, s := range a.denied {
			remark := ""
			if s.number != 0 {
				remark = fmt.Sprintf("UMIP refused with status %d, mip6d with 129", s.number)
			}
			c.line(fmt.Sprintf("- {prefix: %s, bind: deny}", scalar(s.addr.String())), remark)
		}
		c.close()
	}
	verdict := "allow"
	if !a.open {
		verdict = "deny"
	}
	c.line("policy_default: "+verdict, "")
	c.lifetime("max_lifetime", c.last("HaMaxBindingLife"), "1h")
	c.prefixAdvertisements()
	c.close()
}

// agent gathers what is said in several places.
func (c *converter) agent() *agent {
	a := &agent{open: true}
	if s := c.last("DefaultBindingAclPolicy"); s != nil {
		a.open = s.yes
	}
	a.accept = c.last("HaAcceptMobRtr")
	a.links = c.interfacesOf(HomeAgent)
	c.policySets(a)
	c.acl(a)
	for _, own := range a.own {
		a.guess(own)
	}
	for _, n := range a.nodes {
		if !a.inNetwork(n.hoa) {
			a.guess(n.hoa)
		}
	}
	return a
}

// interfacesOf lists the interfaces of a role; others are left over.
func (c *converter) interfacesOf(role Roles) []string {
	var list []string
	for _, s := range c.all("Interface") {
		kind := c.lastOf(s.body, "IfType")
		switch {
		case kind != nil && kind.role != role:
			c.leave(s, noteIfType)
			c.unlist(s)
		case slices.Contains(list, s.name):
			c.leave(s, "the interface is listed already")
			c.unlist(s)
		default:
			list = append(list, s.name)
		}
	}
	return list
}

// unlist: what is said about an interface that is left over is told with it.
func (c *converter) unlist(s *Statement) {
	for _, e := range s.body {
		c.used[e] = true
	}
	if len(s.body) > 0 {
		c.notes[len(c.notes)-1].text = s.text() + " " + blockText(s)
	}
}

func blockText(s *Statement) string {
	var parts []string
	for _, e := range s.body {
		parts = append(parts, e.text()+";")
	}
	return "{ " + strings.Join(parts, " ") + " }"
}

// policySets takes addresses from IPsecPolicySet.
func (c *converter) policySets(a *agent) {
	for _, set := range c.all("IPsecPolicySet") {
		for _, s := range c.within(set.body, "HomeAgentAddress") {
			if c.usable(s) && !slices.Contains(a.own, s.addr) {
				a.own = append(a.own, s.addr)
			}
		}
	}
}

// acl takes mobile nodes from BindingAclPolicy, and from IPsecPolicySet those
// that it does not name.
func (c *converter) acl(a *agent) {
	seen := make(map[netip.Addr]bool)
	for _, s := range c.all("BindingAclPolicy") {
		switch {
		case !c.usable(s):
			continue
		case seen[s.addr]:
			c.leave(s, "another policy for this home address stands above")
			continue
		}
		seen[s.addr] = true
		if !s.yes {
			a.denied = append(a.denied, s)
			if len(s.prefixes) > 0 {
				c.notes = append(c.notes, note{s.At, s.seq, s.text(), "its prefixes: who is denied has none"})
			}
			continue
		}
		a.nodes = append(a.nodes, served{s.addr, c.networks(s)})
	}
	for _, set := range c.all("IPsecPolicySet") {
		for _, s := range c.within(set.body, "HomeAddress") {
			if !c.usableHome(s) {
				continue
			}
			if s.prefix.Bits() <= maxPrefix {
				a.add(s.prefix.Masked())
			}
			switch {
			case seen[s.addr]:
			case !a.open:
				c.leave(s, "DefaultBindingAclPolicy denied it, as no BindingAclPolicy allowed it: add it to home_agent.mobile_nodes if it is to be served")
			default:
				seen[s.addr] = true
				a.nodes = append(a.nodes, served{hoa: s.addr})
			}
		}
	}
}

// add adds a prefix of the home link; one that holds another takes its place.
func (a *agent) add(p netip.Prefix) {
	for _, q := range a.prefixes {
		if q.Bits() <= p.Bits() && q.Overlaps(p) {
			return
		}
	}
	a.prefixes = append(slices.DeleteFunc(a.prefixes, func(q netip.Prefix) bool { return p.Overlaps(q) }), p)
}

// guess adds the /64 of an address that is in no prefix yet.
func (a *agent) guess(addr netip.Addr) {
	for _, q := range a.prefixes {
		if q.Contains(addr) {
			return
		}
	}
	a.guessed = true
	a.add(netip.PrefixFrom(addr, 64).Masked())
}

// inNetwork: a mobile router may have its home address of its mobile network,
// which says nothing of the home link.
func (a *agent) inNetwork(addr netip.Addr) bool {
	for _, n := range a.nodes {
		for _, p := range n.networks {
			if p.Contains(addr) {
				return true
			}
		}
	}
	return false
}

func (c *converter) homeLinks(a *agent) {
	c.comment("UMIP left router advertisements to another program, such as radvd, which must set the H flag, and the R flag with this home agent's " +
		"address. With advertise: on, mip6d sends them itself: stop the other program then.")
	if len(a.links) == 0 {
		c.todo("interface: the one on the home link; the old file has no Interface.")
		c.element()
		c.homeLink(a, "")
		return
	}
	for _, name := range a.links {
		c.element()
		c.line("interface: "+scalar(name), "")
		c.homeLink(a, name)
	}
}

// homeLink writes a link from its address on. With several links the old file
// does not tell which address and prefix is whose.
func (c *converter) homeLink(a *agent, name string) {
	only := len(a.links) <= 1
	where := "there"
	if name != "" {
		where = "on " + name
	}
	switch {
	case only && len(a.own) > 0:
		c.line("address: "+scalar(a.own[0].String()), "")
		if len(a.own) > 1 {
			c.comment("Other addresses of the home agent's in the old file: " + strings.Join(addresses(a.own[1:]), ", ") + ". A link has one; mobile nodes register with that.")
		}
	default:
		c.todo("address: this home agent's own, global one %s; mobile nodes register with it.%s", where, among(addresses(a.own)))
	}
	switch {
	case only && len(a.prefixes) > 0:
		if a.guessed {
			c.todo("see that these are the home link's prefixes: they are guessed, as the /64 of addresses.")
		}
		c.line("prefixes: "+flow(prefixesText(a.prefixes)), "")
	default:
		c.todo("prefixes: the subnet prefixes %s, such as [2001:db8:1::/64].%s", where, among(prefixesText(a.prefixes)))
	}
	c.line("advertise: off", "")
	c.close()
}

// among names candidates.
func among(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return " The old file has " + strings.Join(list, ", ") + "."
}

func (c *converter) mobileNodes(a *agent) {
	c.keys("mobile node")
	if a.accept != nil && !slices.ContainsFunc(a.nodes, func(n served) bool { return len(n.networks) > 0 }) {
		c.comment(a.accept.text() + ": whether a mobile node is a router is said below, with its prefixes; the old file names none.")
	}
	if a.open {
		c.todo("list whoever else is to be served. UMIP served every mobile node that was not denied (DefaultBindingAclPolicy allow); mip6d serves " +
			"those in mobile_nodes only.")
	}
	if len(a.nodes) == 0 {
		c.comment("  mobile_nodes:\n    - {home_address: 2001:db8:1::100, auth: {spi: 512, key_file: keys/NAME}}")
		return
	}
	c.open("mobile_nodes")
	for _, n := range a.nodes {
		if n.foreign(a) {
			c.todo("the home address lies in a mobile network: give the link above the prefix that holds all of them, or add a link with virtual: true " +
				"(docs/nemo.md).")
		}
		c.element()
		c.line("home_address: "+scalar(n.hoa.String()), "")
		switch list := flow(prefixesText(n.networks)); {
		case len(n.networks) == 0:
		case a.accept != nil && a.accept.yes:
			c.line("prefixes: "+list, "")
		default:
			c.comment("prefixes: " + list + ": HaAcceptMobRtr was not enabled, so that UMIP took no mobile router")
		}
		c.auth(n.hoa)
		c.close()
	}
	c.close()
}

// foreign: the home address is in no prefix of the home link that we know.
func (n served) foreign(a *agent) bool {
	return a.inNetwork(n.hoa) && !slices.ContainsFunc(a.prefixes, func(p netip.Prefix) bool { return p.Contains(n.hoa) })
}

// prefixAdvertisements writes what was said; the defaults are the same in both.
func (c *converter) prefixAdvertisements() {
	const key = "prefix_advertisements: "
	send, unsolicited := c.last("SendMobPfxAdvs"), c.last("SendUnsolMobPfxAdvs")
	least, most := c.last("MinMobPfxAdvInterval"), c.last("MaxMobPfxAdvInterval")
	if send != nil && !send.yes {
		c.line(key+"off", "")
		for _, s := range []*Statement{least, most, unsolicited} {
			if s != nil {
				c.leave(s, "SendMobPfxAdvs disabled: there are none")
			}
		}
		return
	}
	var parts []string
	for _, i := range []struct {
		key string
		s   *Statement
	}{{"min_interval", least}, {"max_interval", most}} {
		if i.s == nil {
			continue
		}
		n := min(max(i.s.number, 1), maxInterval)
		if n != i.s.number {
			c.notes = append(c.notes, note{i.s.At, i.s.seq, i.s.text(), fmt.Sprintf("written as %d: possible are 1 to %d", n, maxInterval)})
		}
		parts = append(parts, i.key+": "+seconds(n))
	}
	if unsolicited != nil {
		parts = append(parts, "unsolicited: "+onOff(unsolicited.yes))
	}
	switch {
	case len(parts) > 0:
		c.line(key+"{"+strings.Join(parts, ", ")+"}", "")
	case send != nil:
		c.line(key+"on", "")
	}
}
