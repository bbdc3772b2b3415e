package xfrmmig

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// End is one of the two ends of the protection of a home address.
type End uint8

// Ends.
const (
	AtHomeAgent End = iota
	AtMobileNode
)

// Purpose is what a pair of security associations protects.
type Purpose uint8

// Purposes, RFC 3776 §5.2.
const (
	ForSignalling Purpose = iota // Binding Updates and their answers, mobile prefix discovery: transport mode
	ForTests                     // Mobility Header messages through the home agent: tunnel mode
	ForPayload                   // everything through the home agent: tunnel mode
	purposes
)

// Purposes are all of them, in the order in which policies of theirs go before
// each other.
var Purposes = [...]Purpose{ForSignalling, ForTests, ForPayload}

var purposeNames = [...]string{"signalling", "return_routability", "payload"}

func (p Purpose) String() string { return purposeNames[p] }

// Pair are the two security associations of a purpose; without an SPI there is
// none.
type Pair struct {
	ToHomeAgent, ToMobileNode Key
}

// Key is what one direction has of its own.
type Key struct {
	SPI       uint32
	Algorithm Algorithm
}

// Protection is how IPsec protects one home address at its home agent.
type Protection struct {
	HomeAddress, HomeAgent netip.Addr
	Pairs                  [purposes]Pair // static keys
	Managed                *Managed       // nil: keys are static
}

// Has says whether something is protected.
func (p Protection) Has(u Purpose) bool {
	if p.Managed != nil {
		return p.Managed.Purposes[u]
	}
	return p.Pairs[u].ToHomeAgent.SPI != 0
}

// reqidBase begins the numbers that mark what is ours: its upper half is always
// the same, the lower is that of the home address and the purpose.
const (
	reqidBase = 0x6275_0000
	reqidMask = 0xffff_0000

	// MaxProtected is how many home addresses can be protected.
	MaxProtected = 1 << 14
)

// Number is that of a protected home address on this machine. It makes the
// numbers by which policies, security associations and packets of one home
// address are told from those of others: a mobile node must not be able to use
// its own for another's (RFC 3776 §4.2).
type Number uint32

// Reqid ties policies to security associations, and is the mark of packets that
// came in through them.
func (n Number) Reqid(u Purpose) uint32 { return reqidBase + uint32(n)<<2 + uint32(u) }

func isESPReqid(r uint32) bool { return r&reqidMask == reqidBase }

// numberOf takes a reqid of ours apart.
func numberOf(reqid uint32) (Number, Purpose) {
	return Number(reqid &^ reqidMask >> 2), Purpose(reqid & 3)
}

// Priorities of IPsec's policies: RFC 3776 §5.2.4 has those of signalling before
// those of return routability before those of payload.
const (
	protectSignalling = 1000
	exemptDirect      = 1010
	protectTests      = 1020
	protectPayload    = 1030
)

const (
	typeBindingAcknowledgement = 6
	typePrefixSolicitation     = 146
	typePrefixAdvertisement    = 147
)

// associations are those of a purpose. In tunnel mode they begin and end at the
// care-of address, otherwise at the home address.
func (p Protection) associations(n Number, u Purpose, end End, careOf netip.Addr) []SA {
	pair := p.Pairs[u]
	mobile, mode := p.HomeAddress, Transport
	if u != ForSignalling {
		mobile, mode = careOf, Tunnel
	}
	up := SA{Src: mobile, Dst: p.HomeAgent, SPI: pair.ToHomeAgent.SPI, Mode: mode, Reqid: n.Reqid(u), Algorithm: pair.ToHomeAgent.Algorithm}
	down := SA{Src: p.HomeAgent, Dst: mobile, SPI: pair.ToMobileNode.SPI, Mode: mode, Reqid: n.Reqid(u), Algorithm: pair.ToMobileNode.Algorithm}
	switch {
	case end == AtMobileNode:
		down.Mark = down.Reqid
	case u == ForSignalling: // what is forwarded keeps the mark that others may give it
		up.Mark = up.Reqid
	}
	return []SA{up, down}
}

// policies are those of a purpose at one end.
//
// Those of the Mobility Header have no type in their selectors, as RFC 3776 §5.2
// has them: the kernel reads the type of a message that follows the IPv6 header
// at once from behind its end (docs/kernel.md), so that one with a type would let
// an unprotected de-registration in.
func (p Protection) policies(n Number, u Purpose, end End, careOf netip.Addr) []Policy {
	home, agent := host(p.HomeAddress), host(p.HomeAgent)
	sas := p.associations(n, u, end, careOf)
	up, down := template(sas[0]), template(sas[1])
	in, out := up, down
	mine, theirs := agent, home // selectors of transport mode
	if end == AtMobileNode {
		in, out, mine, theirs = down, up, home, agent
	}
	policy := func(d Dir, s Selector, priority uint32, t ...Template) Policy {
		return Policy{Selector: s, Dir: d, Priority: priority, Templates: t, Main: true}
	}
	if u == ForSignalling {
		typIn, typOut := uint8(typePrefixSolicitation), uint8(typePrefixAdvertisement)
		if end == AtMobileNode {
			typIn, typOut = typOut, typIn
		}
		return []Policy{
			policy(In, Selector{Src: theirs, Dst: mine, Proto: unix.IPPROTO_MH}, protectSignalling, in),
			policy(Out, Selector{Src: mine, Dst: theirs, Proto: unix.IPPROTO_MH}, protectSignalling, out),
			policy(In, Selector{Src: theirs, Dst: mine, Proto: unix.IPPROTO_ICMPV6, MHType: typIn, HasType: true}, protectSignalling, in),
			policy(Out, Selector{Src: mine, Dst: theirs, Proto: unix.IPPROTO_ICMPV6, MHType: typOut, HasType: true}, protectSignalling, out),
			policy(In, Selector{Src: theirs, Dst: mine, Proto: unix.IPPROTO_ESP}, protectSignalling, headerBefore(end)),
		}
	}
	proto, priority := uint8(unix.IPPROTO_MH), uint32(protectTests)
	if u == ForPayload {
		proto, priority = 0, protectPayload
	}
	fromHome, toHome := Selector{Src: home, Proto: proto}, Selector{Dst: home, Proto: proto}
	if end == AtHomeAgent {
		return []Policy{
			policy(In, fromHome, priority, in),
			policy(Forward, fromHome, priority, in),
			policy(Out, toHome, priority, out),
		}
	}
	list := []Policy{policy(In, toHome, priority, in), policy(Out, fromHome, priority, out)}
	if u == ForTests {
		// Of a correspondent node, which sends it directly.
		list = append(list, acknowledgementsOf(home))
	}
	return list
}

// acknowledgementsOf lets a correspondent node's Binding Acknowledgements in,
// which come with a type 2 routing header, so that the kernel sees their type.
// It has no template to carry our mark; selector and priority must do.
func acknowledgementsOf(home netip.Prefix) Policy {
	return Policy{
		Selector: Selector{Dst: home, Proto: unix.IPPROTO_MH, MHType: typeBindingAcknowledgement, HasType: true},
		Dir:      In, Priority: exemptDirect, Main: true,
	}
}

// isAcknowledgements says whether a policy is one of those, of whatever home
// address.
func isAcknowledgements(p Policy) bool {
	return p.Selector.Dst.IsValid() && p.Selector.Dst.IsSingleIP() && p.Selector == acknowledgementsOf(p.Selector.Dst).Selector &&
		p.Dir == In && p.Priority == exemptDirect && p.Main && p.IfID == 0
}

// headerBefore is the template of the extension header that comes before ESP in
// transport mode. Where xfrm interfaces are known, which their module's being loaded
// is enough for, the kernel asks the policies about a packet of ESP that came with
// such a header before it opens it (docs/kernel.md). What is inside is asked for
// again then, of the other policies.
func headerBefore(end End) Template {
	t := Template{Proto: ProtoHomeAddress, Src: netip.IPv6Unspecified(), Dst: netip.IPv6Unspecified(), Reqid: Reqid, Optional: true}
	if end == AtMobileNode {
		t.Proto = ProtoRouting
	}
	return t
}

// isHeaderBefore says whether a policy is the one with that template.
func isHeaderBefore(p Policy) bool {
	return p.Main && p.Dir == In && p.Priority == protectSignalling && p.Selector.Proto == unix.IPPROTO_ESP && len(p.Templates) == 1 &&
		(p.Templates[0] == headerBefore(AtHomeAgent) || p.Templates[0] == headerBefore(AtMobileNode))
}

func template(s SA) Template {
	return Template{Proto: unix.IPPROTO_ESP, Src: s.Src, Dst: s.Dst, Reqid: s.Reqid, Mode: s.Mode}
}

func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// migrations move the tunnels of a purpose from one care-of address to another:
// one for each policy with a template.
func (p Protection) migrations(n Number, u Purpose, end End, from, to netip.Addr) []Migration {
	var list []Migration
	for _, policy := range p.policies(n, u, end, from) {
		if len(policy.Templates) == 0 {
			continue
		}
		t := policy.Templates[0]
		m := Migration{
			Selector: policy.Selector, Dir: policy.Dir, Reqid: t.Reqid, Mode: Tunnel,
			Old: Endpoints{t.Src, t.Dst}, New: Endpoints{t.Src, t.Dst},
		}
		if t.Dst == p.HomeAgent {
			m.New.Src = to
		} else {
			m.New.Dst = to
		}
		list = append(list, m)
	}
	return list
}
