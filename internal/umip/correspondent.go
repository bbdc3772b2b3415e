package umip

import (
	"fmt"
	"net/netip"
)

// correspondentNode writes the section that every UMIP had, since each was a
// correspondent node as well.
func (c *converter) correspondentNode() {
	s := c.last("DoRouteOptimizationCN")
	on := s == nil || s.yes
	allow, deny := c.peers(on)
	if c.role != CorrespondentNode && !on && len(allow) == 0 {
		c.blank()
		c.comment("No correspondent_node: " + s.text() + ". Mobile nodes reach this machine by their home agents.")
		return
	}
	if c.role != CorrespondentNode {
		c.blank()
		c.comment("UMIP let mobile nodes reach every machine directly, and so this one.")
	}
	c.open("correspondent_node")
	c.policy(on, allow, deny)
	c.close()
}

// peers reads CnBindingPolicySet.
func (c *converter) peers(on bool) (allow, deny []netip.Addr) {
	seen := make(map[netip.Addr]bool)
	for _, set := range c.all("CnBindingPolicySet") {
		for _, s := range set.body {
			c.used[s] = true
			switch {
			case s.addr.Is4In6():
				c.problems.add(s.addrAt, "CnBindingPolicySet wants an IPv6 address, and %s is IPv4", s.addr)
			case !s.addr.IsValid():
			case s.local.IsValid() && !s.local.IsUnspecified() && s.yes && !on:
				c.leave(s, "it was allowed for one of our addresses; mip6d's policy is for all of them: add it to correspondent_node.route_optimization.allow if that will do")
			case seen[s.addr]:
				c.leave(s, "another policy for this peer stands above")
			case s.yes:
				seen[s.addr] = true
				allow = append(allow, s.addr)
			default:
				seen[s.addr] = true
				deny = append(deny, s.addr)
				if s.local.IsValid() && !s.local.IsUnspecified() {
					c.notes = append(c.notes, note{s.At, s.seq, s.text(), "denied for all of our addresses, not only for the one"})
				}
			}
		}
	}
	return allow, deny
}

// policy writes with whom packets go directly.
func (c *converter) policy(on bool, allow, deny []netip.Addr) {
	c.open("route_optimization")
	c.line("default: "+onOff(on), "")
	if len(allow) > 0 {
		c.line(fmt.Sprintf("allow: %s", flow(addresses(allow))), "")
	}
	if len(deny) > 0 {
		c.line(fmt.Sprintf("deny: %s", flow(addresses(deny))), "")
	}
	c.close()
}
