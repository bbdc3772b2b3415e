package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// check looks for what is wrong between values that are right each by itself.
// A value that was refused is zero here and is passed over.
func (d *decoder) check(c *Config) {
	switch {
	case d.has("home_agent") && d.has("mobile_node"):
		d.wrongf("mobile_node", "a node is a home agent or a mobile node, not both: run a second mip6d in a network namespace of its own")
	case !d.has("home_agent") && !d.has("mobile_node") && !d.has("correspondent_node"):
		d.failf("", d.top, "no role: give home_agent, mobile_node or correspondent_node")
	}
	if c.HomeAgent != nil {
		d.checkHomeAgent(c.HomeAgent)
	}
	if c.MobileNode != nil {
		d.checkMobileNode(c.MobileNode, c.Kernel)
		d.checkPayloadOnly(c)
	}
	d.checkKernel(c.Kernel, c.Tables())
	if n := len(c.Control.Socket); n > maxSocketPath {
		key := "control.socket"
		if !d.has(key) {
			key = "run_dir"
		}
		d.wrongf(key, "makes a socket's path of %d bytes, and a Unix socket's has at most %d: choose a shorter one", n, maxSocketPath)
	}
	if c.Metrics.Listen != "" && c.Metrics.Listen == c.Control.Socket {
		d.wrongf("metrics.listen", "is the control socket's path: choose another")
	}
}

func (d *decoder) checkHomeAgent(h *HomeAgent) {
	const links = "home_agent.links"
	if d.isEmptyList(links) {
		d.wrongf(links, "is empty: a home agent serves at least one link")
	}
	interfaces, addresses, homes, ids, ike, toAgent := unique{}, unique{}, unique{}, unique{}, unique{}, make(map[netip.Addr]numbers)
	var prefixes []netip.Prefix
	for i, l := range h.Links {
		path := fmt.Sprintf("%s[%d]", links, i)
		d.once(interfaces, path+".interface", l.Interface, "one entry for a link, with all its prefixes")
		if l.Address.IsValid() {
			d.once(addresses, path+".address", l.Address.String(), "every link has an address of its own")
			d.checkWithin(path+".address", l.Address, prefixesOf(l.Prefixes), "this link's prefixes")
		}
		if d.isEmptyList(path + ".prefixes") {
			d.wrongf(path+".prefixes", "is empty: give the link's subnet prefix, such as [2001:db8:1::/64]")
		}
		for k, p := range l.Prefixes {
			if !p.IsValid() {
				continue
			}
			for _, q := range prefixes {
				if p.Overlaps(q) {
					d.wrongf(fmt.Sprintf("%s.prefixes[%d]", path, k), "%s overlaps with %s, which stands above: a home address must lead to one link", p, q)
				}
			}
			prefixes = append(prefixes, p.Prefix)
		}
	}
	d.checkIPv4(h)
	if !d.has(links) {
		return
	}
	policies := unique{}
	for i, p := range h.Policies {
		if p.Prefix.IsValid() {
			d.once(policies, fmt.Sprintf("home_agent.policies[%d].prefix", i), p.Prefix.String(), "one policy for a prefix")
		}
	}
	var networks networks
	for _, m := range h.MobileNodes {
		networks.all = append(networks.all, m.Prefixes...)
	}
	keys := make(map[string]netip.Addr)
	for i, m := range h.MobileNodes {
		path := fmt.Sprintf("home_agent.mobile_nodes[%d]", i)
		if len(m.Prefixes) > 0 && !m.Router {
			d.wrongf(path+".prefixes", "are a mobile router's, and router: false says that it is none: take one of them away")
		}
		d.checkNetworks(path+".prefixes", m.Prefixes, &networks)
		for k, p := range m.Prefixes {
			d.checkNetwork(fmt.Sprintf("%s.prefixes[%d]", path, k), p, h.Links)
		}
		if m.HomeAddress.IsValid() {
			key := path + ".home_address"
			d.once(homes, key, m.HomeAddress.String(), "one entry for a home address")
			d.checkWithin(key, m.HomeAddress, prefixes, "the home links' prefixes")
			if at := addresses[m.HomeAddress.String()]; at != "" {
				d.wrongf(key, "%s is the home agent's own (%s): give the mobile node another", m.HomeAddress, at)
			}
		}
		d.checkAuth(path, m.Auth, h.AllowUnauthenticated, "home_agent")
		agent := h.AgentOf(m.HomeAddress)
		if toAgent[agent] == nil {
			toAgent[agent] = numbers{}
		}
		d.checkIPsec(path, m.IPsec, toAgent[agent])
		d.checkIKENumber(path, m.IPsec, ike)
		d.checkSecrets(path, m, keys)
		d.checkProtectedIPv4(path, m)
		if m.Auth != nil && m.Auth.MNID != "" {
			d.once(ids, path+".auth.mn_id", m.Auth.MNID, "one mobile node for an identifier")
		}
	}
}

// checkStateful refuses what needs the home address before DHCPv6 has given it.
func (d *decoder) checkStateful(path string, h Home, homes unique) {
	if h.HomeAddress.IsValid() {
		d.once(homes, path+".home_address.prefix", "a stateful address of "+h.HomeAddress.String(), "one entry for a home subnet")
	}
	if h.Formed.Interface != "" {
		d.wrongf(path+".home_address.interface", "is of no use with interface_id stateful, which takes what any of the interfaces is given at home: leave it out")
	}
	for key, set := range map[string]bool{"ipsec": h.IPsec != nil, "link_local": h.LinkLocal, "groups": len(h.Groups) > 0} {
		if set {
			d.wrongf(path+"."+key, "is set, but the home address is not known before DHCPv6 has given it: leave it out, or give the home address")
		}
	}
}

func (d *decoder) checkMobileNode(m *MobileNode, k Kernel) {
	homes, interfaces, ike, toAgent := unique{}, unique{}, unique{}, make(map[netip.Addr]numbers)
	var networks networks
	for _, h := range m.Homes {
		if h.MobileNetwork != nil {
			networks.all = append(networks.all, h.MobileNetwork.Prefixes...)
		}
	}
	if d.isEmptyList("mobile_node.homes") {
		d.wrongf("mobile_node.homes", "is empty: a mobile node has at least one home address")
	}
	for i, h := range m.Homes {
		path := fmt.Sprintf("mobile_node.homes[%d]", i)
		if h.Stateful() {
			d.checkStateful(path, h, homes)
		} else if f := h.Formed; f != nil && h.HomeAddress.IsValid() {
			if f.Interface == "" && len(m.Interfaces) > 0 {
				f.Interface = m.Interfaces[0].Name
			}
			d.once(homes, path+".home_address.prefix", h.HomeAddress.Addr().String()+" with the identifier of "+f.Interface, "one entry for a home address")
		} else if h.HomeAddress.IsValid() {
			d.once(homes, path+".home_address", h.HomeAddress.Addr().String(), "one entry for a home address")
			if h.HomeAddress.Addr() == h.HomeAgent {
				d.wrongf(path+".home_agent", "%s is the home address: give the home agent's own", h.HomeAgent)
			}
		}
		d.checkAuth(path, h.Auth, m.AllowUnauthenticated, "mobile_node")
		if toAgent[h.HomeAgent] == nil {
			toAgent[h.HomeAgent] = numbers{}
		}
		d.checkIPsec(path, h.IPsec, toAgent[h.HomeAgent])
		d.checkIKENumber(path, h.IPsec, ike)
		d.checkProtectedHome(path, h, m.RouteOptimization)
		if n := h.MobileNetwork; n != nil {
			if key := path + ".mobile_network.prefixes"; d.isEmptyList(key) {
				d.wrongf(key, "is empty: give the prefixes of the networks behind this router, such as [2001:db8:a::/56]")
			}
			d.checkNetworks(path+".mobile_network.prefixes", n.Prefixes, &networks)
		}
	}
	d.checkIPv4Homes(m)
	if d.isEmptyList("mobile_node.interfaces") {
		d.wrongf("mobile_node.interfaces", "is empty: name at least one interface to move with")
	}
	for i, f := range m.Interfaces {
		path := fmt.Sprintf("mobile_node.interfaces[%d].name", i)
		d.once(interfaces, path, f.Name, "one entry for an interface")
		if f.Name != "" && (f.Name == k.TunnelName || strings.HasPrefix(f.Name, k.TunnelPrefix)) {
			d.wrongf(path, "%s is one of mip6d's own tunnel devices (kernel.tunnel_name, tunnel_prefix): name the interfaces that lead to the world", f.Name)
		}
	}
}

// checkNetwork: a mobile network may lie within a home link's prefix, but never
// take all of it away, nor the home agent's own address.
func (d *decoder) checkNetwork(path string, p netip.Prefix, links []HomeLink) {
	for _, l := range links {
		if p.IsValid() && p.Contains(l.Address) {
			d.wrongf(path, "%s holds %s, the home agent's own address", p, l.Address)
			return
		}
		for _, q := range l.Prefixes {
			if p.IsValid() && q.IsValid() && p.Bits() <= q.Bits() && p.Overlaps(q.Prefix) {
				d.wrongf(path, "%s takes the home link's prefix %s: give a prefix of its own, or a longer one within", p, q)
				return
			}
		}
	}
}

// checkOptimization: what is both allowed and denied was not meant.
func (d *decoder) checkOptimization(path string, o RouteOptimization) {
	for i, p := range o.Deny {
		if p.IsValid() && slices.Contains(o.Allow, p) {
			d.wrongf(fmt.Sprintf("%s.deny[%d]", path, i), "%s stands in allow as well: leave it in one of them", p)
		}
	}
}

func (d *decoder) checkAuth(path string, a *Auth, allowed bool, section string) {
	if a == nil {
		if !allowed && !d.has(path+".auth") && !d.has(path+".ipsec") {
			d.wrongf(path, "has no auth: anybody could redirect this home address; give spi and key_file, or ipsec, or say %s.allow_unauthenticated: true", section)
		}
		return
	}
	if a.MNID == "" {
		return
	}
	if len(a.MNID) > maxMNID {
		d.wrongf(path+".auth.mn_id", "has %d bytes, and a network access identifier has at most %d", len(a.MNID), maxMNID)
	}
	if strings.ContainsFunc(a.MNID, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		d.wrongf(path+".auth.mn_id", "%q has blanks or control characters: write it as user@realm", a.MNID)
	}
}

// takenProtocols are route protocols that others are known to use: the
// kernel's own, and what iproute2 lists (rtnetlink.h's RTPROT_*). What mip6d
// finds under its own number it may sweep.
var takenProtocols = map[int]string{
	1: "redirect", 2: "kernel", 3: "boot", 4: "static", 8: "gated", 9: "ra", 10: "mrt", 11: "zebra", 12: "bird",
	13: "dnrouted", 14: "xorp", 15: "ntk", 16: "dhcp", 17: "mrouted", 18: "keepalived", 42: "babel", 84: "ovn",
	99: "openr", 186: "bgp", 187: "isis", 188: "ospf", 189: "rip", 192: "eigrp",
}

func (d *decoder) checkKernel(k Kernel, tables int) {
	if name := takenProtocols[k.RouteProtocol]; name != "" {
		d.wrongf("kernel.route_protocol", "%d is %s's, whose routes would be taken for ours and removed: choose another, such as %d", k.RouteProtocol, name, defaultRouteProtocol)
	}
	if last := int(k.Table) + tables - 1; k.Table <= 255 && last >= 253 {
		d.wrongf("kernel.table", "%d to %d include the system's own (253 default, 254 main, 255 local): choose another, such as %d", k.Table, last, defaultTable)
	}
	for _, n := range []struct{ key, name, like string }{
		{"kernel.tunnel_name", k.TunnelName, defaultTunnelName},
		{"kernel.tunnel_prefix", k.TunnelPrefix, defaultTunnelPrefix},
	} {
		if !strings.HasPrefix(n.name, ourNames) {
			d.wrongf(n.key, "%s does not begin with %s, by which mip6d --cleanup knows what is ours: choose a name such as %s", n.name, ourNames, n.like)
		}
	}
	if len(k.TunnelPrefix) > maxPrefixName {
		d.wrongf("kernel.tunnel_prefix", "has %d bytes, and with a number after it at most %d are possible", len(k.TunnelPrefix), maxPrefixName)
	}
	if strings.HasPrefix(k.TunnelName, k.TunnelPrefix) {
		key := "kernel.tunnel_prefix"
		if !d.has(key) {
			key = "kernel.tunnel_name"
		}
		d.wrongf(key, "the tunnel_name %s begins with the tunnel_prefix %s, so that one device could be taken for the other: choose another", k.TunnelName, k.TunnelPrefix)
	}
}

// checkWithin says that an address is in none of the prefixes. Without any
// valid one there is nothing to compare with.
func (d *decoder) checkWithin(path string, a netip.Addr, prefixes []netip.Prefix, what string) {
	var names []string
	for _, p := range prefixes {
		if p.Contains(a) {
			return
		}
		if p.IsValid() {
			names = append(names, p.String())
		}
	}
	if len(names) == 0 {
		return
	}
	d.wrongf(path, "%s is in none of %s (%s): correct the address or add its prefix", a, what, strings.Join(names, ", "))
}

// unique remembers values and the key at which each was first.
type unique map[string]string

func (d *decoder) once(u unique, path, value, rule string) {
	if value == "" {
		return
	}
	if first, ok := u[value]; ok {
		line := 0
		if n := d.where(first); n != nil {
			line = n.Line
		}
		d.wrongf(path, "%s is here again; it stands in line %d already: %s", value, line, rule)
		return
	}
	u[value] = path
}

func prefixesOf(list []HomePrefix) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = p.Prefix
	}
	return out
}
