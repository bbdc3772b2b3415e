package config

import (
	"fmt"
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"
)

// IPv4Home is what a mobile node wants beside a home address (RFC 5555).
type IPv4Home struct {
	Addr    netip.Addr // 0.0.0.0: the home agent assigns one
	Default bool       // it is for everything that goes by IPv4
}

// dynamic stands for an address that the home agent assigns.
const dynamic = "dynamic"

const minPrefix4 = 8

// addr4 reads the IPv4 address of a host.
func (d *decoder) addr4(dst *netip.Addr) reader { return d.addr4Or(dst, "") }

// addr4Or reads the IPv4 address of a host, or a word, which is 0.0.0.0.
func (d *decoder) addr4Or(dst *netip.Addr, word string) reader {
	want := "an IPv4 address, such as 192.0.2.100,"
	if word != "" {
		want = "an IPv4 address, such as 192.0.2.100, or " + word + ","
	}
	return func(path string, n *yaml.Node) {
		n, ok := d.scalar(path, n, want)
		if !ok {
			return
		}
		if word != "" && n.Value == word {
			*dst = netip.IPv4Unspecified()
			return
		}
		a, err := netip.ParseAddr(n.Value)
		switch {
		case err != nil || !a.Is4():
			hint := ""
			if _, err := netip.ParsePrefix(n.Value); err == nil {
				hint = ": leave out the prefix length"
			}
			d.failf(path, n, "wants %s and is %s%s", want, describe(n), hint)
		case a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast() || a.As4()[0] >= 240:
			d.failf(path, n, "%s is no host's address: wants %s", a, strings.TrimSuffix(want, ","))
		default:
			*dst = a
		}
	}
}

// subnet4 reads a part of the IPv4 addresses.
func (d *decoder) subnet4(dst *netip.Prefix) reader {
	return func(path string, n *yaml.Node) {
		const want = "an IPv4 prefix, such as 192.0.2.0/24,"
		n, ok := d.scalar(path, n, want)
		if !ok {
			return
		}
		p, err := netip.ParsePrefix(n.Value)
		switch {
		case err != nil || !p.Addr().Is4():
			d.failf(path, n, "wants %s and is %s", want, describe(n))
		case p.Bits() < minPrefix4:
			d.failf(path, n, "has a length of %d: wants %d to 32", p.Bits(), minPrefix4)
		case p != p.Masked():
			d.failf(path, n, "%s has bits beyond its length: write %s", p, p.Masked())
		case p.Addr().IsLoopback() || p.Addr().IsMulticast() || p.Addr().IsLinkLocalUnicast() || p.Addr().IsUnspecified() || p.Addr().As4()[0] >= 240:
			d.failf(path, n, "%s holds no hosts' addresses", p)
		default:
			*dst = p
		}
	}
}

// ipv4Home reads what stands in a mobile node's home, in two keys.
func (d *decoder) ipv4Home(h *Home) (address, route field) {
	home := func() *IPv4Home {
		if h.IPv4 == nil {
			h.IPv4 = &IPv4Home{Default: true}
		}
		return h.IPv4
	}
	address = optional("ipv4_home_address", func(path string, n *yaml.Node) { d.addr4Or(&home().Addr, dynamic)(path, n) })
	route = optional("ipv4_default_route", func(path string, n *yaml.Node) { d.onOff(&home().Default)(path, n) })
	return address, route
}

// checkIPv4Homes: of several homes with an IPv4 home address one has the default
// route, the first unless another says so.
func (d *decoder) checkIPv4Homes(m *MobileNode) {
	taken, addresses := "", unique{}
	claim := func(given bool) {
		for i, h := range m.Homes {
			path := fmt.Sprintf("mobile_node.homes[%d]", i)
			if h.IPv4 == nil || !h.IPv4.Default || d.has(path+".ipv4_default_route") != given {
				continue
			}
			if taken != "" {
				h.IPv4.Default = false
				if given {
					d.wrongf(path+".ipv4_default_route", "is on for %s already: one home can have it", taken)
				}
				continue
			}
			taken = path
		}
	}
	claim(true)
	claim(false)
	for i, h := range m.Homes {
		path := fmt.Sprintf("mobile_node.homes[%d]", i)
		if h.IPv4 == nil {
			continue
		}
		if !d.has(path + ".ipv4_home_address") {
			d.wrongf(path+".ipv4_default_route", "goes with ipv4_home_address, which is missing")
		}
		if h.IPv4.Addr.IsValid() && !h.IPv4.Addr.IsUnspecified() {
			d.once(addresses, path+".ipv4_home_address", h.IPv4.Addr.String(), "one home for an IPv4 home address")
		}
	}
}

// checkIPv4 checks a home agent's.
func (d *decoder) checkIPv4(h *HomeAgent) {
	addresses := unique{}
	for i, m := range h.MobileNodes {
		if m.IPv4HomeAddress.IsValid() {
			d.once(addresses, fmt.Sprintf("home_agent.mobile_nodes[%d].ipv4_home_address", i), m.IPv4HomeAddress.String(),
				"one mobile node for an IPv4 home address")
		}
	}
	for i, p := range h.IPv4Pool {
		for _, q := range h.IPv4Pool[:i] {
			if p.IsValid() && q.IsValid() && p.Overlaps(q) {
				d.wrongf(fmt.Sprintf("home_agent.ipv4_pool[%d]", i), "%s overlaps with %s, which stands above", p, q)
			}
		}
	}
}
