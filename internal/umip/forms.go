package umip

import (
	"net/netip"
	"strconv"
)

// form is what follows an option's name.
type form int

const (
	formEntity      form = iota // HA | MN | CN | LMA | MAG ;
	formNumber                  // 10 ;
	formDecimal                 // 1.5 ;
	formBool                    // enabled ;
	formString                  // "text" ;
	formAddress                 // 2001:db8::1 ;
	formAddress4                // 192.0.2.1 ;
	formHardware                // 02:00:5e:00:53:01 ;
	formPrefix                  // 2001:db8::1/64 ;
	formHome                    // 2001:db8::1/64 [(prefix, …)] ;
	formHome4                   // 192.0.2.1[/24] [(prefix, …)] ;
	formAcl                     // 2001:db8::1 [(prefix, …)] verdict ;
	formVerdict                 // allow | deny | status ;
	formRoPolicy                // [2001:db8::1] enabled ;
	formModule                  // internal | "text" ;
	formIPsecPolicy             // type protocols [reqid [reqid]] [allow | block] ;
	formInterface               // "eth0" ; or "eth0" { … }
	formProxy                   // the same
	formHomeLink                // "eth0" { … }
	formPolicySet               // { … }
	formCNPolicies              // { peer [local] enabled ; … }
	formInclude                 // read by the stream
	formReserved                // an error
)

// block says which options stand in a form's braces.
func (f form) block() place {
	switch f {
	case formInterface:
		return inInterface
	case formHomeLink:
		return inHomeLink
	case formPolicySet:
		return inPolicySet
	default:
		return inProxy
	}
}

// The words of IPsecPolicy.
var (
	ipsecTypes     = words("HomeRegBinding", "Mh", "MobPfxDisc", "TunnelHomeTesting", "TunnelMh", "TunnelPayload", "ICMP", "any")
	ipsecProtocols = words("UseESP", "UseAH", "UseIPComp")
)

func words(list ...string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, w := range list {
		m[w] = true
	}
	return m
}

// arguments reads what stands between an option's name and its semicolon or
// block. It is false after a problem.
func (p *parser) arguments(s *Statement) bool {
	switch s.Keyword.form {
	case formEntity:
		return p.entity(s)
	case formNumber:
		return p.number(s)
	case formDecimal:
		return p.expect(s, "a number such as 1.5", decimal, number)
	case formBool:
		return p.truth(s)
	case formString:
		return p.expect(s, "text in quotes", quoted)
	case formInterface, formHomeLink:
		return p.interfaceName(s)
	case formProxy:
		return p.expect(s, "a name in quotes", quoted)
	case formAddress:
		return p.address(s)
	case formAddress4:
		return p.expect(s, "an IPv4 address", address4)
	case formHardware:
		return p.expect(s, "a link-layer address such as 02:00:5e:00:53:01", hardware)
	case formPrefix:
		return p.addressAndLength(s)
	case formHome:
		return p.addressAndLength(s) && p.prefixes(s)
	case formHome4:
		return p.home4(s)
	case formAcl:
		return p.address(s) && p.prefixes(s) && p.verdict(s)
	case formVerdict:
		return p.verdict(s)
	case formRoPolicy:
		if p.tokens.peek().kind == address && !p.address(s) {
			return false
		}
		return p.truth(s)
	case formModule:
		if t := p.tokens.peek(); t.kind == word && t.text == "internal" {
			p.argument(s)
			return true
		}
		return p.expect(s, "internal or a file name in quotes", quoted)
	case formIPsecPolicy:
		return p.ipsecPolicy(s)
	case formReserved:
		p.problems.add(s.At, "%s is %s", s.Keyword.Name, noteReserved)
		return false
	}
	return true // blocks without a name
}

// wants records that something else was expected after an option's name.
func (p *parser) wants(s *Statement, want string) bool {
	t := p.tokens.peek()
	p.problems.add(t.at, "%s wants %s, and found %s", s.Keyword.Name, want, t)
	return false
}

// expect takes one argument of one of these kinds.
func (p *parser) expect(s *Statement, want string, kinds ...kind) bool {
	t := p.tokens.peek()
	for _, k := range kinds {
		if t.kind == k {
			s.name = p.argument(s).text
			return true
		}
	}
	return p.wants(s, want)
}

func (p *parser) entity(s *Statement) bool {
	t := p.tokens.peek()
	role, ok := entities[t.text]
	if t.kind != word || !ok {
		return p.wants(s, "HA, MN or CN")
	}
	s.role = role
	p.argument(s)
	return true
}

func (p *parser) number(s *Statement) bool {
	t := p.tokens.peek()
	if t.kind != number {
		return p.wants(s, "a whole number")
	}
	if s.Keyword.max > 0 && t.num > s.Keyword.max {
		p.problems.add(t.at, "%s wants a number up to %d, and found %s", s.Keyword.Name, s.Keyword.max, t)
	}
	s.number = p.argument(s).num
	return true
}

func (p *parser) truth(s *Statement) bool {
	t := p.tokens.peek()
	v, ok := truths[t.text]
	if t.kind != word || !ok {
		return p.wants(s, "enabled or disabled")
	}
	s.yes = v
	p.argument(s)
	return true
}

// maxIfName is IFNAMSIZ less its zero.
const maxIfName = 15

func (p *parser) interfaceName(s *Statement) bool {
	t := p.tokens.peek()
	if !p.expect(s, "an interface's name in quotes", quoted) {
		return false
	}
	if why := badIfName(s.name); why != "" {
		p.problems.add(t.at, "%s wants an interface's name, and found %s: %s", s.Keyword.Name, t, why)
	}
	return true
}

func (p *parser) address(s *Statement) bool {
	t := p.tokens.peek()
	if t.kind != address {
		return p.wants(s, "an IPv6 address")
	}
	s.addr, s.addrAt = t.addr, t.at
	p.argument(s)
	return true
}

func (p *parser) addressAndLength(s *Statement) bool {
	if t := p.tokens.peek(); t.kind != address {
		return p.wants(s, "an IPv6 address with a length, such as 2001:db8:1::100/64")
	}
	at := p.tokens.peek().at
	prefix, ok := p.prefix(s)
	s.prefix, s.addr, s.addrAt = prefix, prefix.Addr(), at
	return ok
}

// prefix reads address/length.
func (p *parser) prefix(s *Statement) (netip.Prefix, bool) {
	a := p.tokens.peek()
	if a.kind != address {
		return netip.Prefix{}, p.wants(s, "a prefix, such as 2001:db8:a::/64")
	}
	p.argument(s)
	if !p.isMark("/") {
		return netip.Prefix{}, p.wants(s, "a length after the address, such as /64")
	}
	p.argument(s)
	n := p.tokens.peek()
	if n.kind != number || n.num > 128 {
		return netip.Prefix{}, p.wants(s, "a length of 0 to 128")
	}
	p.argument(s)
	return netip.PrefixFrom(a.addr, int(n.num)), true
}

// prefixes reads a list in parentheses, if there is one.
func (p *parser) prefixes(s *Statement) bool {
	if !p.isMark("(") {
		return true
	}
	p.argument(s)
	for {
		prefix, ok := p.prefix(s)
		if !ok {
			return false
		}
		if prefix.IsValid() {
			s.prefixes = append(s.prefixes, prefix)
		}
		switch {
		case p.isMark(","):
			p.argument(s)
		case p.isMark(")"):
			p.argument(s)
			return true
		default:
			return p.wants(s, `"," or ")" in its list of prefixes`)
		}
	}
}

// home4 reads what is only told in a comment: an IPv4 address, with or without
// a length, and prefixes.
func (p *parser) home4(s *Statement) bool {
	one := func() bool {
		if !p.expect(s, "an IPv4 address", address4) {
			return false
		}
		if !p.isMark("/") {
			return true
		}
		p.argument(s)
		if n := p.tokens.peek(); n.kind != number || n.num > 32 {
			return p.wants(s, "a length of 0 to 32")
		}
		p.argument(s)
		return true
	}
	if !one() {
		return false
	}
	if !p.isMark("(") {
		return true
	}
	p.argument(s)
	for {
		switch {
		case !one():
			return false
		case p.isMark(","):
			p.argument(s)
		case p.isMark(")"):
			p.argument(s)
			return true
		default:
			return p.wants(s, `"," or ")" in its list of prefixes`)
		}
	}
}

// firstRefusal is the first status of a Binding Acknowledgement that refuses
// (RFC 6275 §6.1.8).
const firstRefusal = 128

// verdict reads allow, deny or a status.
func (p *parser) verdict(s *Statement) bool {
	t := p.tokens.peek()
	if t.kind != number {
		if v, ok := truths[t.text]; t.kind == word && ok {
			s.yes = v
			p.argument(s)
			return true
		}
		return p.wants(s, "allow or deny")
	}
	if t.num > 255 {
		return p.wants(s, "allow, deny or a status of 0 to 255")
	}
	s.number = p.argument(s).num
	s.yes = s.number < firstRefusal
	return true
}

func (p *parser) ipsecPolicy(s *Statement) bool {
	t := p.tokens.peek()
	if t.kind != word || !ipsecTypes[t.text] {
		return p.wants(s, "HomeRegBinding, Mh, MobPfxDisc, TunnelHomeTesting, TunnelMh, TunnelPayload, ICMP or any")
	}
	s.name = p.argument(s).text
	n := 0
	for ; n < 3 && p.tokens.peek().kind == word && ipsecProtocols[p.tokens.peek().text]; n++ {
		p.argument(s)
	}
	if n == 0 {
		return p.wants(s, "a protocol, such as UseESP, after "+strconv.Quote(s.name))
	}
	for n := 0; n < 2 && p.tokens.peek().kind == number; n++ {
		p.argument(s)
	}
	if t := p.tokens.peek(); t.kind == word {
		if _, ok := truths[t.text]; ok {
			p.argument(s)
		}
	}
	return true
}
