package rtnl

// Marks tell what is ours in the kernel. Zero values mean the defaults, which
// collide with nothing in Debian's rt_protos and rt_tables.
type Marks struct {
	RouteProtocol uint8  // of all our routes, rules and addresses
	RulePriority  uint32 // the first of four in a row
	Table         uint32 // the first of our tables, see tables below
	TunnelName    string // a home agent's shared tunnel device
	PathPrefix    string // a mobile node's tunnel devices: the prefix and a number
}

// Defaults of Marks.
const (
	DefaultRouteProtocol = 75
	DefaultRulePriority  = 627 // before those of VPNs and VRFs, from 1000 on
	DefaultTable         = 6275
	DefaultTunnelName    = "mip6t"
	DefaultPathPrefix    = "mip6n"
)

func (m Marks) withDefaults() Marks {
	if m.RouteProtocol == 0 {
		m.RouteProtocol = DefaultRouteProtocol
	}
	if m.RulePriority == 0 {
		m.RulePriority = DefaultRulePriority
	}
	if m.Table == 0 {
		m.Table = DefaultTable
	}
	if m.TunnelName == "" {
		m.TunnelName = DefaultTunnelName
	}
	if m.PathPrefix == "" {
		m.PathPrefix = DefaultPathPrefix
	}
	return m
}

// The tables of a mobile node, from Marks.Table on.
const (
	tableBlocked = iota // unreachable, for everything
	tableHome           // the home agent alone, on the home link (RFC 6275 §11.5.5)
	tableTunnel         // the first tunnel's and the way out of its care-of address; then two for each further home agent
)

const tablesPerTunnel = 2

// The rules, from Marks.RulePriority on: to a mobile network of ours; of a home
// address, or a mobile network, the one that says where its packets go, and under
// it the one that stops what is left; of a care-of address its way out.
const (
	ruleInside = iota
	rulePath
	ruleBlocked
	ruleCareOf
)
