package rtnl

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// Numbers of the kernel's UAPI that x/sys does not have.
const (
	lwtunnelEncapIP6 = 4 // LWTUNNEL_ENCAP_IP6
	lwtunnelDst      = 2 // LWTUNNEL_IP6_DST
	lwtunnelSrc      = 3 // LWTUNNEL_IP6_SRC
	lwtunnelHopLimit = 4 // LWTUNNEL_IP6_HOPLIMIT
	iptunLink        = 1 // IFLA_IPTUN_LINK
	iptunLocal       = 2 // IFLA_IPTUN_LOCAL
	iptunRemote      = 3 // IFLA_IPTUN_REMOTE
	iptunTTL         = 4 // IFLA_IPTUN_TTL
	iptunFlags       = 8 // IFLA_IPTUN_FLAGS
	iptunProto       = 9 // IFLA_IPTUN_PROTO
	iptunCollectMeta = 19
	ifaProto         = 11  // IFA_PROTO
	ip6tnlNoEncapLim = 0x1 // IP6_TNL_F_IGN_ENCAP_LIMIT
	tunnelHopLimit   = 64
	tunnelMTU        = 1460 // 1500 less the outer header; without an encapsulation limit option
)

// family is that of an address.
func family(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// route is what we need of a route, of either family.
type route struct {
	dst      netip.Prefix
	table    uint32
	protocol uint8
	kind     uint8      // RTN_UNICAST or RTN_UNREACHABLE
	oif      int        // 0: none
	via      netip.Addr // or invalid
	more     hops       // beside via, on the same interface
	metric   uint32     // 0: the kernel's default
	source   netip.Addr // of packets that have none yet, or invalid
	encapDst netip.Addr // or invalid: not encapsulated
	encapSrc netip.Addr
}

// set is `ip -6 route replace`.
func (r route) set() request {
	return request{unix.RTM_NEWROUTE, unix.NLM_F_CREATE | unix.NLM_F_REPLACE, r.body()}
}

// del is `ip -6 route del`; with several next hops, all of them.
func (r route) del() request {
	if !r.more.empty() {
		r.via, r.more = netip.Addr{}, hops{}
	}
	return request{unix.RTM_DELROUTE, 0, r.body()}
}

func (r route) body() []byte {
	table := uint8(unix.RT_TABLE_UNSPEC)
	if r.table < 256 {
		table = uint8(r.table)
	}
	scope := uint8(unix.RT_SCOPE_UNIVERSE)
	if r.dst.Addr().Is4() && r.kind == unix.RTN_UNICAST && !r.via.IsValid() {
		scope = unix.RT_SCOPE_LINK // IPv6 knows none
	}
	b := append(make([]byte, 0, 112), // a tunnel's route
		family(r.dst.Addr()), uint8(r.dst.Bits()), 0, 0, table, r.protocol, scope, r.kind, 0, 0, 0, 0)
	if r.dst != everything4 {
		b = attrAddr(b, unix.RTA_DST, r.dst.Addr())
	}
	if r.encapDst.IsValid() {
		b = nest(b, unix.RTA_ENCAP|unix.NLA_F_NESTED, func(b []byte) []byte {
			b = attrAddr(b, lwtunnelDst, r.encapDst)
			b = attrAddr(b, lwtunnelSrc, r.encapSrc)
			// Zero would copy the inner packet's.
			return attrU8(b, lwtunnelHopLimit, tunnelHopLimit)
		})
		b = attrU16(b, unix.RTA_ENCAP_TYPE, lwtunnelEncapIP6)
	}
	if r.more.empty() && r.via.IsValid() {
		b = attrAddr(b, unix.RTA_GATEWAY, r.via)
	}
	if r.source.IsValid() {
		b = attrAddr(b, unix.RTA_PREFSRC, r.source)
	}
	if r.metric != 0 {
		b = attrU32(b, unix.RTA_PRIORITY, r.metric)
	}
	if r.table >= 256 {
		b = attrU32(b, unix.RTA_TABLE, r.table)
	}
	switch {
	case !r.more.empty():
		b = attr(b, unix.RTA_MULTIPATH, r.nexthops())
	case r.oif != 0:
		b = attrU32(b, unix.RTA_OIF, uint32(r.oif))
	}
	return b
}

// nexthops is a struct rtnexthop for each router, with its RTA_GATEWAY.
func (r route) nexthops() (b []byte) {
	for _, via := range append([]netip.Addr{r.via}, r.more.list()...) {
		b = native.AppendUint16(b, unix.SizeofRtNexthop+unix.SizeofRtAttr+16)
		b = append(b, 0, 0) // flags, and a weight of one
		b = native.AppendUint32(b, uint32(r.oif))
		b = attrAddr(b, unix.RTA_GATEWAY, via)
	}
	return b
}

// rule is `from SRC lookup TABLE`. The kernel's source address selection takes
// it into account: a packet without a source address yet is matched if the
// address that would be chosen is ours (FIB_RULE_FIND_SADDR). Without that a
// socket that was not bound would get the home address and leave untunnelled.
//
// With a destination instead it is `to DST lookup TABLE`, for all packets; with
// local, for those that this node sends. IPv4 knows packets without a source address
// by 0.0.0.0.
type rule struct {
	src, dst netip.Prefix // either may be invalid: any, if not both
	local    bool
	bound    bool // with src: only for packets that have their source already
	onLink   bool // default routes of the table don't count
	table    uint32
	priority uint32
	protocol uint8
}

func (r rule) set() request {
	return request{unix.RTM_NEWRULE, unix.NLM_F_CREATE | unix.NLM_F_EXCL, r.body()}
}

func (r rule) del() request { return request{unix.RTM_DELRULE, 0, r.body()} }

func (r rule) body() []byte {
	table := uint8(unix.RT_TABLE_UNSPEC)
	if r.table < 256 {
		table = uint8(r.table)
	}
	of := unix.AF_INET6
	if r.src.Addr().Is4() || r.dst.Addr().Is4() {
		of = unix.AF_INET
	}
	b := []byte{uint8(of), uint8(max(r.dst.Bits(), 0)), uint8(max(r.src.Bits(), 0)), 0, table, 0, 0, unix.FR_ACT_TO_TBL}
	flags := uint32(0)
	if r.src.Addr().Is6() && !r.bound {
		flags = unix.FIB_RULE_FIND_SADDR
	}
	b = native.AppendUint32(b, flags)
	if r.dst.IsValid() {
		b = attrAddr(b, unix.FRA_DST, r.dst.Addr())
	}
	if r.src.IsValid() {
		b = attrAddr(b, unix.FRA_SRC, r.src.Addr())
	}
	if r.local {
		b = attrString(b, unix.FRA_IIFNAME, "lo")
	}
	if r.table >= 256 {
		b = attrU32(b, unix.FRA_TABLE, r.table)
	}
	if r.onLink {
		b = attrU32(b, unix.FRA_SUPPRESS_PREFIXLEN, 0)
	}
	b = attrU32(b, unix.FRA_PRIORITY, r.priority)
	return attrU8(b, unix.FRA_PROTOCOL, r.protocol)
}

// address is one interface address.
type address struct {
	prefix    netip.Prefix
	ifindex   int
	protocol  uint8  // our mark; kernels before 5.18 ignore it
	flags     uint32 // IFA_F_*
	valid     uint32 // seconds; all ones: for ever
	preferred uint32
}

func (a address) set() request {
	return request{unix.RTM_NEWADDR, unix.NLM_F_CREATE | unix.NLM_F_REPLACE, a.body()}
}

// add is set for an address that is to be left as it is where it is there.
func (a address) add() request {
	return request{unix.RTM_NEWADDR, unix.NLM_F_CREATE | unix.NLM_F_EXCL, a.body()}
}

func (a address) del() request { return request{unix.RTM_DELADDR, 0, a.body()} }

func (a address) body() []byte {
	scope := uint8(unix.RT_SCOPE_UNIVERSE)
	if a.prefix.Addr().Is4() {
		scope = unix.RT_SCOPE_LINK // see address4
	}
	b := []byte{family(a.prefix.Addr()), uint8(a.prefix.Bits()), 0, scope}
	b = native.AppendUint32(b, uint32(a.ifindex))
	b = attrAddr(b, unix.IFA_LOCAL, a.prefix.Addr())
	b = attrU32(b, unix.IFA_FLAGS, a.flags)
	b = attrAddr(b, unix.IFA_ADDRESS, a.prefix.Addr())
	if a.protocol != 0 {
		b = attrU8(b, ifaProto, a.protocol)
	}
	if a.valid == forever && a.preferred == forever {
		return b // as it is without
	}
	info := native.AppendUint32(nil, a.preferred)
	info = native.AppendUint32(info, a.valid)
	return attr(b, unix.IFA_CACHEINFO, append(info, make([]byte, 8)...))
}

// neighbour makes a neighbour cache entry that counts as reachable.
func neighbour(ifindex int, addr netip.Addr, linkAddr []byte) request {
	b := []byte{unix.AF_INET6, 0, 0, 0}
	b = native.AppendUint32(b, uint32(ifindex))
	b = native.AppendUint16(b, unix.NUD_REACHABLE)
	b = append(b, 0, 0)
	b = attrAddr(b, unix.NDA_DST, addr)
	b = attr(b, unix.NDA_LLADDR, linkAddr)
	return request{unix.RTM_NEWNEIGH, unix.NLM_F_CREATE | unix.NLM_F_REPLACE, b}
}

// forgetNeighbour is `ip -6 neigh del`.
func forgetNeighbour(ifindex int, addr netip.Addr) request {
	b := []byte{unix.AF_INET6, 0, 0, 0}
	b = native.AppendUint32(b, uint32(ifindex))
	b = append(b, 0, 0, 0, 0)
	return request{unix.RTM_DELNEIGH, 0, attrAddr(b, unix.NDA_DST, addr.WithZone(""))}
}

// tunnel is an ip6tnl device.
type tunnel struct {
	name          string
	external      bool // takes its end points from routes; else local and remote
	local, remote netip.Addr
}

// create makes the device and sets it up.
func (t tunnel) create() request {
	return request{unix.RTM_NEWLINK, unix.NLM_F_CREATE | unix.NLM_F_EXCL, t.body(0)}
}

// change sets the end points of an existing device and sets it up.
func (t tunnel) change(ifindex int) request { return request{unix.RTM_NEWLINK, 0, t.body(ifindex)} }

func (t tunnel) body(ifindex int) []byte {
	b := linkHeader(ifindex, unix.IFF_UP, unix.IFF_UP)
	if ifindex == 0 {
		b = attrU32(b, unix.IFLA_MTU, tunnelMTU)
		b = attrString(b, unix.IFLA_IFNAME, t.name)
	}
	return nest(b, unix.IFLA_LINKINFO, func(b []byte) []byte {
		b = attr(b, unix.IFLA_INFO_KIND, []byte("ip6tnl"))
		return nest(b, unix.IFLA_INFO_DATA, func(b []byte) []byte {
			b = attrU8(b, iptunProto, 0) // IPv6 and IPv4 inside
			if t.external {
				return attr(b, iptunCollectMeta, nil)
			}
			b = attrAddr(b, iptunLocal, t.local)
			b = attrAddr(b, iptunRemote, t.remote)
			b = attrU8(b, iptunTTL, tunnelHopLimit)
			return attrU32(b, iptunFlags, ip6tnlNoEncapLim)
		})
	})
}

func linkHeader(ifindex int, flags, change uint32) []byte {
	b := []byte{unix.AF_UNSPEC, 0, 0, 0}
	b = native.AppendUint32(b, uint32(ifindex))
	b = native.AppendUint32(b, flags)
	return native.AppendUint32(b, change)
}

func setAlias(ifindex int, alias string) request {
	return request{unix.RTM_SETLINK, 0, attr(linkHeader(ifindex, 0, 0), unix.IFLA_IFALIAS, []byte(alias))}
}

// delLink is `ip link del`.
func delLink(ifindex int) request { return request{unix.RTM_DELLINK, 0, linkHeader(ifindex, 0, 0)} }
