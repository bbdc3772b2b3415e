package proxynd

import (
	"net/netip"

	"mip6d/internal/icmp6"
)

// responder is the pure half: which addresses are defended on one link, and
// what is said about them. What it says is good until it says the next.
type responder struct {
	link   linkAddr   // our link-layer address
	source netip.Addr // the home agent's address on the link
	addrs  addrSet
	nets   networks
	frame  []byte // room for what is said
}

// addrSet holds addresses and whether their node is a router. There are as many as bindings:
// without pointers the garbage collector passes over them.
type addrSet map[[16]byte]bool

func (s addrSet) has(a netip.Addr) bool {
	_, there := s[a.As16()]
	return there
}

func newResponder(link linkAddr, source netip.Addr) *responder {
	return &responder{link: link, source: source, addrs: make(addrSet)}
}

// respond answers a valid message, or returns nil (RFC 6275 §10.4.1, RFC 4861
// §7.2.4).
//
// The Override flag is clear in a solicited answer: RFC 4861 §7.2.8 demands it
// of every proxy, so that the node's own advertisement wins once it is back on
// the link. An answer to a probe from the unspecified address is no solicited
// one (its S flag must be clear) and has it set, as the advertisements of RFC
// 6275 §10.4.1 do.
func (r *responder) respond(m message) (answer []byte) {
	if !m.solicit || m.from == r.link {
		return nil
	}
	router, ok := r.addrs[m.target.As16()]
	if !ok && !r.nets.hold(m.target) {
		return nil
	}
	if m.src.IsUnspecified() {
		return r.advertisement(m.target, router)
	}
	// The frame's sender is as good as the option, which a unicast
	// solicitation need not carry (§4.3), and saves us a neighbour cache.
	to := m.from
	if m.sourceLink != (linkAddr{}) && !m.sourceLink.multicast() {
		to = m.sourceLink
	}
	return r.build(to, r.source, m.src, typeNA, routerFlag(router)|flagSolicited,
		m.target, optTargetLinkAddr, r.link)
}

// advertisement is an unsolicited Neighbor Advertisement to all nodes: S clear,
// O set (RFC 6275 §10.4.1).
func (r *responder) advertisement(target netip.Addr, router bool) []byte {
	return r.unsolicited(allNodesLink, allNodes, target, router)
}

// unsolicited is the same to anybody.
func (r *responder) unsolicited(to linkAddr, dst, target netip.Addr, router bool) []byte {
	return r.build(to, r.source, dst, typeNA, routerFlag(router)|flagOverride, target, optTargetLinkAddr, r.link)
}

// probe is a Neighbor Solicitation for duplicate address detection (RFC 4862
// §5.4.2): from the unspecified address, without an option.
func (r *responder) probe(target netip.Addr) []byte {
	group := icmp6.SolicitedNode(target)
	return r.build(multicastLinkAddr(group), netip.IPv6Unspecified(), group, typeNS, 0,
		target, 0, linkAddr{})
}

func (r *responder) build(to linkAddr, src, dst netip.Addr, typ, flags byte, target netip.Addr, opt byte, addr linkAddr) []byte {
	r.frame = buildIn(r.frame, r.link, to, src, dst, typ, flags, target, opt, addr)
	return r.frame
}

// contests says whether a message means that another node has an address that
// we probe for, or probes for it too (RFC 4862 §5.4.3, §5.4.4).
func (r *responder) contests(m message) bool {
	if m.from == r.link {
		return false // our own, looped back by the link
	}
	return !m.solicit || m.src.IsUnspecified()
}

func routerFlag(router bool) byte {
	if router {
		return flagRouter
	}
	return 0
}
