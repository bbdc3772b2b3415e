package umip

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
)

// unsetPreference is what UMIP took for an interface without MnIfPreference.
const unsetPreference = 10

func (c *converter) mobileNode() {
	links := c.all("MnHomeLink")
	c.open("mobile_node")
	c.keys("home agent")
	if len(links) == 0 {
		c.todo("homes: the home addresses; the old file has no MnHomeLink.")
		c.comment("  homes:\n    - {home_address: 2001:db8:1::100/64, home_agent: 2001:db8:1::1, auth: {spi: 512, key_file: keys/NAME}}")
		for _, name := range []string{"MnMaxHaBindingLife", "MobRtrUseExplicitMode", "SendMobPfxSols"} {
			if s := c.last(name); s != nil {
				c.leave(s, "it is said for each home address, and there is none")
			}
		}
	} else {
		c.comment("UMIP set the L flag where the link-local address on the home link had the home address's interface identifier; mip6d does with " +
			"link_local: true.")
		c.open("homes")
		c.homes(links)
		c.close()
	}
	c.interfaces(links)
	c.optimization(links)
	c.close()
	c.policySetsOfNode()
}

func (c *converter) homes(links []*Statement) {
	all := forHomes{lifetime: c.last("MnMaxHaBindingLife"), mode: c.last("MobRtrUseExplicitMode"), follow: c.last("SendMobPfxSols")}
	seen := make(map[netip.Addr]bool)
	router := false
	for _, link := range links {
		home := c.lastOf(link.body, "HomeAddress")
		if home == nil {
			c.problems.add(link.At, "%s has no HomeAddress: expected one, such as HomeAddress 2001:db8:1::100/64;", link.text())
			continue
		}
		if !c.usableHome(home) {
			continue
		}
		if seen[home.addr] {
			c.leave(home, "another MnHomeLink has this home address")
			for _, s := range link.body {
				c.used[s] = true
			}
			continue
		}
		seen[home.addr] = true
		c.home(link, home, all)
		router = router || c.mobileRouter(link)
	}
	if all.mode != nil && !router {
		c.leave(all.mode, "no home address is a mobile router's (IsMobRtr)")
	}
}

// forHomes are the options for all home addresses; nil where the old file has none.
type forHomes struct{ lifetime, mode, follow *Statement }

// mobileRouter says whether a home link's node is one.
func (c *converter) mobileRouter(link *Statement) bool {
	s := c.lastOf(link.body, "IsMobRtr")
	return s != nil && s.yes
}

func (c *converter) home(link, home *Statement, all forHomes) {
	c.element()
	prefix := home.prefix
	if s := c.lastOf(link.body, "HomePrefix"); s != nil {
		if p := s.prefix; p.Bits() >= minPrefix && p.Contains(prefix.Addr()) && netip.PrefixFrom(prefix.Addr(), p.Bits()).Masked().Addr() != prefix.Addr() {
			prefix = netip.PrefixFrom(prefix.Addr(), p.Bits())
		} else {
			c.leave(s, noteHomePrefix)
		}
	}
	c.line("home_address: "+scalar(prefix.String()), "")
	c.homeAgentOf(link)
	c.lifetime("lifetime", all.lifetime, "420s")
	if all.follow != nil {
		c.line("renumber: "+onOff(all.follow.yes), all.follow.text())
	}
	c.ipv4Home(link)
	c.mobileNetwork(link, home, all.mode == nil || all.mode.yes)
	c.auth(prefix.Addr())
	c.close()
}

func (c *converter) homeAgentOf(link *Statement) {
	s := c.lastOf(link.body, "HomeAgentAddress")
	name := c.lastOf(link.body, "HomeAgentName")
	if name != nil {
		c.leave(name, noteAgentName)
	}
	switch {
	case name != nil && (s == nil || s.addr.IsUnspecified()):
		c.todo("home_agent: the address of %s. Without home_agent, it is discovered.", strconv.QuoteToASCII(shorten(name.name)))
	case s == nil || s.addr.IsUnspecified():
		c.comment("No home_agent: it is discovered, as before; the auth below is with all of the home agents.")
	case c.usable(s):
		c.line("home_agent: "+scalar(s.addr.String()), "")
	}
}

// ipv4Home takes the address; the subnet's length means nothing to a tunnel.
func (c *converter) ipv4Home(link *Statement) {
	s := c.lastOf(link.body, "HomeV4Address")
	if s == nil {
		return
	}
	a, err := netip.ParseAddr(s.args[0].text)
	if err != nil || !a.IsGlobalUnicast() || a.IsUnspecified() || a.As4()[0] >= 240 {
		c.leave(s, "no address of a host")
		return
	}
	c.line("ipv4_home_address: "+a.String(), s.text())
	if slices.ContainsFunc(s.args, func(t token) bool { return t.text == "(" }) {
		c.leave(s, noteIPv4Home)
	}
}

func (c *converter) mobileNetwork(link, home *Statement, explicit bool) {
	networks := c.networks(home)
	mode := "explicit"
	if !explicit {
		mode = "implicit"
	}
	switch {
	case !c.mobileRouter(link):
		if s := c.lastOf(link.body, "IsMobRtr"); s != nil {
			c.leave(s, noteDefault)
		}
		if len(networks) > 0 {
			c.comment("mobile_network: {prefixes: " + flow(prefixesText(networks)) + "}: IsMobRtr was not enabled, so that UMIP did not tell of them")
		}
	case len(networks) == 0:
		c.todo("prefixes: those of the networks behind this router, in implicit mode, too: packets from them take the tunnel.")
		c.line("mobile_network: {mode: "+mode+"}", "")
	default:
		c.line("mobile_network: {prefixes: "+flow(prefixesText(networks))+", mode: "+mode+"}", "")
	}
}

// interfaces writes those to move with. UMIP took no others, not even the one
// to the home link.
func (c *converter) interfaces(links []*Statement) {
	preference := make(map[string]uint32)
	for _, s := range c.all("Interface") {
		if p := c.lastOf(s.body, "MnIfPreference"); p != nil {
			if _, again := preference[s.name]; !again {
				preference[s.name] = p.number
			}
			if p.number == 0 {
				c.leave(p, "0 meant that the interface is not used: it is left out")
			}
		}
	}
	var names []string
	for _, name := range c.interfacesOf(MobileNode) {
		if p, given := preference[name]; !given || p > 0 {
			names = append(names, name)
		}
	}
	var home []string
	for _, l := range links {
		if !slices.Contains(names, l.name) && !slices.Contains(home, l.name) {
			home = append(home, l.name)
		}
	}
	everything := c.last("MnUseAllInterfaces")
	if everything != nil {
		c.leave(everything, noteAllInterfaces)
	}
	switch all := everything != nil && everything.yes; {
	case all:
		c.todo("name each interface to move with (MnUseAllInterfaces).")
	case len(names) == 0:
		c.todo("name each interface to move with; the old file has no Interface that is used, so that UMIP would not have moved.")
	case len(home) > 0:
		c.comment("Not listed, as in the old file, and so never at home there: " + flow(scalars(home)) + " (MnHomeLink).")
	}
	if len(names) == 0 {
		names = home
	}
	if len(names) == 0 {
		c.comment("  interfaces:\n    - {name: wlan0, preference: 10}")
		return
	}
	c.open("interfaces")
	for _, name := range names {
		p, given := preference[name]
		remark := ""
		if !given || p == 0 {
			p, remark = unsetPreference, "UMIP's default; mip6d's is 100"
		}
		c.line(fmt.Sprintf("- {name: %s, preference: %d}", scalar(name), p), remark)
	}
	c.close()
}

func scalars(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = scalar(s)
	}
	return out
}

// optimization merges the policies of all home links, since ours is for all
// home addresses. UMIP took the first policy for a peer, and one without an
// address only if it was disabled.
func (c *converter) optimization(links []*Statement) {
	asked := c.last("DoRouteOptimizationMN")
	on := asked == nil || asked.yes
	byDefault := on
	var allow, deny []netip.Addr
	var allowed []*Statement
	for _, l := range links {
		seen := make(map[netip.Addr]bool)
		for _, s := range c.within(l.body, "MnRoPolicy") {
			switch {
			case !on:
				c.leave(s, "DoRouteOptimizationMN disabled: UMIP asked for no direct path at all, whatever MnRoPolicy said")
			case !s.addr.IsValid() || s.addr.IsUnspecified():
				if s.yes {
					c.leave(s, "route optimisation is on by default already")
				}
				byDefault = byDefault && s.yes
			case s.addr.Is4In6():
				c.problems.add(s.addrAt, "MnRoPolicy wants an IPv6 address, and %s is IPv4", s.addr)
			case seen[s.addr]:
				c.leave(s, "another policy for this peer stands above")
			case s.yes:
				seen[s.addr] = true
				allow, allowed = append(allow, s.addr), append(allowed, s)
			default:
				seen[s.addr] = true
				deny = append(deny, s.addr)
			}
		}
	}
	allow, deny = unique(allow), unique(deny)
	if len(links) > 1 && len(allow)+len(deny) > 0 {
		c.comment("MnRoPolicy was for one home address each; this is for all of them. What one denied is denied.")
	}
	for _, s := range allowed {
		if slices.Contains(deny, s.addr) {
			c.leave(s, "another home link denies it")
		}
	}
	allow = slices.DeleteFunc(allow, func(a netip.Addr) bool { return slices.Contains(deny, a) })
	c.policy(byDefault, allow, deny)
}

// unique drops repetitions.
func unique(list []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, a := range list {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// policySetsOfNode: a mobile node's file says all of it in MnHomeLink.
func (c *converter) policySetsOfNode() {
	for _, set := range c.all("IPsecPolicySet") {
		for _, s := range append(c.within(set.body, "HomeAgentAddress"), c.within(set.body, "HomeAddress")...) {
			c.leave(s, notePolicySetMN)
		}
	}
}
