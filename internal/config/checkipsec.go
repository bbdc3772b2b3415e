package config

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
)

// numbers remembers the security parameters indexes of the security associations
// to one address, and the file's key where each was first.
type numbers map[uint32]string

// checkIPsec looks at what depends on other keys: the length of a key on its
// algorithm, the number of a security association on all others to the home agent.
func (d *decoder) checkIPsec(path string, i *IPsec, toAgent numbers) {
	if i == nil {
		return
	}
	path += ".ipsec"
	toNode := numbers{}
	var keys []*Association
	for p := range Purposes {
		for k, direction := range Directions {
			all := toAgent
			if direction == "mobile_node" {
				all = toNode
			}
			given := i.Given[p][k]
			if given == nil {
				if i.SPI != 0 {
					d.number(all, i.spi(p, k), path+".spi", fmt.Sprintf("of %s to %s", Purposes[p], direction))
				}
				continue
			}
			d.number(all, given.SPI, path+".associations", fmt.Sprintf("for %s to %s", Purposes[p], direction))
			d.checkKeyLength(path, given)
			for _, other := range keys {
				if len(given.Key) > 0 && bytes.Equal(other.Key, given.Key) {
					d.wrongf(path+".associations", "have the key of %s twice: every security association has one of its own", given.KeyFile)
				}
			}
			keys = append(keys, given)
		}
	}
}

func (d *decoder) number(all numbers, spi uint32, path, what string) {
	if first, again := all[spi]; again && spi != 0 {
		line := 0
		if n := d.where(first); n != nil {
			line = n.Line
		}
		d.wrongf(path, "the spi %s %s is here again; it stands in line %d already: each to the same address has its own, and those that are derived take %d in a row",
			strconv.FormatUint(uint64(spi), 10), what, line, len(Purposes)*len(Directions))
		return
	}
	all[spi] = path
}

func (d *decoder) checkKeyLength(path string, a *Association) {
	if a.Key == nil {
		return
	}
	switch len(a.Key) - a.Cipher.behind() {
	case 16, 24, 32:
		return
	}
	d.wrongf(path+".associations", "%s has %d bytes, and %s wants %d, %d or %d: 16, 24 or 32 of AES, and %d behind them",
		a.KeyFile, len(a.Key), a.Cipher, 16+a.Cipher.behind(), 24+a.Cipher.behind(), 32+a.Cipher.behind(), a.Cipher.behind())
}

// checkProtectedHome: static keys are with one home agent, and payload that goes
// directly does not pass the tunnel that protects it.
func (d *decoder) checkProtectedHome(path string, h Home, o RouteOptimization) {
	if h.IPsec == nil {
		return
	}
	if !d.has(path + ".home_agent") {
		d.wrongf(path+".ipsec", "is with one home agent, which then can't be discovered: give home_agent")
	}
	if !h.IPsec.Enabled[payload] {
		return
	}
	if o.Default || len(o.Allow) > 0 {
		d.wrongf(path+".ipsec.payload", "protects what goes by the home agent, and mobile_node.route_optimization lets packets go directly, unprotected: set its default to off, and allow nothing")
	}
	if h.IPv4 != nil {
		d.wrongf(path+".ipsec.payload", "does not protect IPv4 packets: take it or ipv4_home_address away")
	}
	if h.MobileNetwork != nil {
		d.wrongf(path+".ipsec.payload", "does not protect the packets of mobile_network: take one of them away")
	}
}

// checkPayloadOnly: what a correspondent node sends to mobile nodes goes directly, too.
func (d *decoder) checkPayloadOnly(c *Config) {
	n := c.CorrespondentNode
	if n == nil || !n.RouteOptimization.Default && len(n.RouteOptimization.Allow) == 0 {
		return
	}
	for i, h := range c.MobileNode.Homes {
		if h.IPsec != nil && h.IPsec.Enabled[payload] {
			d.wrongf(fmt.Sprintf("mobile_node.homes[%d].ipsec.payload", i),
				"protects what goes by the home agent, and correspondent_node lets packets go directly to mobile nodes, unprotected: leave it out, or set its route_optimization to off and allow nothing")
		}
	}
}

// checkProtectedIPv4: the home agent's side of the same.
func (d *decoder) checkProtectedIPv4(path string, m MobileNodeEntry) {
	if m.IPsec != nil && m.IPsec.Enabled[payload] && m.IPv4HomeAddress.IsValid() {
		d.wrongf(path+".ipsec.payload", "does not protect IPv4 packets: take it or ipv4_home_address away")
	}
}

// checkIKENumber: with the number of another home address, the security associations of
// either would be taken for the other's.
func (d *decoder) checkIKENumber(path string, i *IPsec, taken unique) {
	if i != nil && i.IKE != nil && i.IKE.Number != 0 {
		d.once(taken, path+".ipsec.ike.number", strconv.FormatUint(uint64(i.IKE.Number), 10), "each home address has a number of its own")
	}
}

// checkSecrets: who has the keys of two mobile nodes is either of them (RFC 6275
// §5.1: MUST be unique for each). keys has those of the mobile nodes above, and gets this one's.
func (d *decoder) checkSecrets(path string, m MobileNodeEntry, keys map[string]netip.Addr) {
	if m.IPsec == nil {
		return
	}
	secrets := m.IPsec.secrets()
	for _, s := range secrets {
		if other, taken := keys[string(s.Key)]; taken && len(s.Key) > 0 {
			d.wrongf(path+".ipsec", "has the key of %s, which %s has as well and could use in this one's name: make one for each mobile node", s.KeyFile, other)
			break
		}
	}
	for _, s := range secrets {
		if _, taken := keys[string(s.Key)]; !taken {
			keys[string(s.Key)] = m.HomeAddress
		}
	}
}

// secrets are all that were read from files.
func (i *IPsec) secrets() (list []Secret) {
	if i.Secret != nil {
		list = append(list, *i.Secret)
	}
	for _, pair := range i.Given {
		for _, a := range pair {
			if a != nil {
				list = append(list, a.Secret)
			}
		}
	}
	return list
}
