package config

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"
)

// Config is a configuration without errors: what is required is there,
// addresses are of the right kind, defaults are filled in.
type Config struct {
	File string // where it was read

	HomeAgent         *HomeAgent         // nil: not this role
	MobileNode        *MobileNode        // nil: not this role
	CorrespondentNode *CorrespondentNode // nil: not this role

	RunDir   string
	StateDir string // of what survives a reboot
	Control  Control
	Kernel   Kernel
	Log      Log
	Metrics  Metrics
}

// HomeAgent is the role of RFC 6275 §10.
type HomeAgent struct {
	Links       []HomeLink
	MobileNodes []MobileNodeEntry

	// AllowUnauthenticated lets mobile nodes without Auth register, and any
	// home address on a home link that MobileNodes does not name.
	AllowUnauthenticated bool

	// Policies are by home address; of those whose prefix holds one the longest
	// decides. DenyByDefault is for all others.
	Policies      []BindPolicy
	DenyByDefault bool

	// PrefixAdvertisements is nil where there are none.
	PrefixAdvertisements *PrefixAdvertisements

	// Multicast is nil where mobile nodes that are away get none.
	Multicast *Multicast

	// IPv4Pool is where IPv4 home addresses come from for mobile nodes that have none
	// of their own (RFC 5555 §2.5).
	IPv4Pool []netip.Prefix

	MaxLifetime     time.Duration // longest binding lifetime granted
	MaxBindings     int           // more are refused with status 130
	TimestampWindow time.Duration // how far a mobile node's clock may be off (RFC 4285 §5.1)
}

// ServesIPv4 says whether any mobile node can have an IPv4 home address.
func (h *HomeAgent) ServesIPv4() bool {
	return len(h.IPv4Pool) > 0 || slices.ContainsFunc(h.MobileNodes, func(m MobileNodeEntry) bool { return m.IPv4HomeAddress.IsValid() })
}

// HomeLink is a link on which a home agent serves.
type HomeLink struct {
	Interface string     // empty: virtual, with nobody on it
	Address   netip.Addr // the home agent's own, in one of Prefixes
	Prefixes  []HomePrefix

	// Advertise is how Router Advertisements are sent; nil: not by us.
	Advertise *Advertise

	// Preference among the home agents of the link, and for how long we are one
	// after each advertisement; zero: as long as a default router (RFC 6275 §7.4).
	Preference        int
	HomeAgentLifetime time.Duration

	// NeighbourRate is how many probes and advertisements for home addresses are sent in
	// a second at most.
	NeighbourRate int
}

// HomePrefix is a subnet prefix of a home link, with the lifetimes that it is
// advertised with, or Forever. No binding is granted for longer than Valid;
// Preferred is zero where addresses of it are no longer to be used.
type HomePrefix struct {
	netip.Prefix
	Valid, Preferred time.Duration
}

// Forever is a lifetime without end.
const Forever = time.Duration(1<<63 - 1)

// PrefixAdvertisements is how mobile nodes away from home are told of the home
// link's prefixes (RFC 6275 §10.6, §13).
type PrefixAdvertisements struct {
	MinInterval, MaxInterval time.Duration
	Unsolicited              bool // not only to those who ask
}

// Multicast is what mobile nodes that are away get of their home link's multicast, and
// may send to it (RFC 6275 §10.4.2, §10.4.3).
type Multicast struct {
	Scopes           []Scope       // beside the global one
	MaxGroups        int           // that are listened to, over all home links
	MaxGroupsPerNode int           // of one home address
	QueryInterval    time.Duration // between queries to one mobile node
}

// Scope is one of multicast addresses between link-local and global (RFC 7346).
type Scope string

const (
	ScopeAdminLocal        Scope = "admin_local"
	ScopeSiteLocal         Scope = "site_local"
	ScopeOrganizationLocal Scope = "organization_local"
)

// Advertise is how Router Advertisements are sent on a home link (RFC 4861
// §6.2.1, RFC 6275 §7.5).
type Advertise struct {
	MinInterval, MaxInterval time.Duration
	RouterLifetime           time.Duration
	AnswerDelay              time.Duration // to solicitations, at random up to this
	Unsolicited              bool          // not only to solicitations
	IntervalOption           bool          // the Advertisement Interval option, RFC 6275 §7.3
	MinDelay                 time.Duration // MinDelayBetweenRas, of RFC 6275 §13
}

// BindPolicy is for the home addresses in a prefix.
type BindPolicy struct {
	Prefix        netip.Prefix
	Bind          Permission
	MobileRouters Permission
	MaxLifetime   time.Duration // zero: what others are granted

	// RouteOptimization denied: return routability is stopped in the tunnel.
	RouteOptimization Permission
}

// Permission is allow or deny.
type Permission string

const (
	Allow Permission = "allow"
	Deny  Permission = "deny"
)

// AgentOf is the home agent's address on the link of a home address; invalid: it
// is on none.
func (h *HomeAgent) AgentOf(home netip.Addr) netip.Addr {
	for _, l := range h.Links {
		for _, p := range l.Prefixes {
			if p.Contains(home) {
				return l.Address
			}
		}
	}
	return netip.Addr{}
}

// MobileNodeEntry is one home address that a home agent serves.
type MobileNodeEntry struct {
	HomeAddress netip.Addr
	Auth        *Auth         // nil only with IPsec or AllowUnauthenticated
	IPsec       *IPsec        // nil: not protected by it
	MaxLifetime time.Duration // the home agent's, unless given here
	Router      bool          // a router: R flag of proxied Neighbor Advertisements, may register as a mobile router

	// Prefixes is what a mobile router may have behind it (RFC 3963 §6.1.2).
	Prefixes []netip.Prefix

	IPv4HomeAddress netip.Addr // bound as well when asked for (RFC 5555), or invalid
}

// MobileNode is the role of RFC 6275 §11.
type MobileNode struct {
	Homes      []Home
	Interfaces []Interface

	// AllowUnauthenticated lets homes do without Auth.
	AllowUnauthenticated bool

	// ReleaseOnStop ends bindings and takes back addresses at a clean stop.
	ReleaseOnStop bool

	// RouteOptimization is by the addresses of correspondents.
	RouteOptimization RouteOptimization

	AddressPolicy AddressPolicy

	// LoadSharing spreads destinations over equivalent routers of a link (RFC 4311).
	LoadSharing bool
}

// AddressPolicy is how source addresses are chosen for those who leave it to the
// kernel (RFC 6724).
type AddressPolicy struct {
	Prefer AddressChoice
	Labels []AddressLabel
}

// AddressChoice is which addresses new connections prefer (RFC 6724 §5 rule 4).
type AddressChoice string

const (
	PreferHome   AddressChoice = "home"
	PreferCareOf AddressChoice = "care_of"
)

// AddressLabel is a row of the kernel's policy table (RFC 6724 §2.1).
type AddressLabel struct {
	Prefix netip.Prefix
	Label  uint32
}

// Home is one home address of a mobile node.
type Home struct {
	HomeAddress netip.Prefix // the address with its home subnet's prefix length; the subnet if Formed
	Formed      *Formed      // nil: the address is given
	HomeAgent   netip.Addr   // invalid: it is discovered
	Auth        *Auth        // nil only with IPsec or AllowUnauthenticated
	IPsec       *IPsec       // nil: not protected by it
	Lifetime    time.Duration
	LinkLocal   bool         // the L flag, RFC 6275 §6.1.7
	Groups      []netip.Addr // multicast groups of the home link that are listened to, wherever we are
	Renumber    bool         // take a home address of another prefix when this one's is given up

	MobileNetwork *MobileNetwork // nil: we are no mobile router
	IPv4          *IPv4Home      // nil: none
}

// Formed is how a home address is made of its subnet's prefix.
type Formed struct {
	InterfaceID InterfaceID
	Interface   string // whose link-layer address it is; not Stateful
}

// Stateful says whether DHCPv6 gives the home address.
func (h Home) Stateful() bool { return h.Formed != nil && h.Formed.InterfaceID == Stateful }

// InterfaceID is a kind of interface identifiers.
type InterfaceID string

// The kinds. A stateful one is the address's that a DHCPv6 client of the host is given.
const (
	EUI64    InterfaceID = "eui64" // made of a link-layer address (RFC 4291 appendix A)
	Stateful InterfaceID = "stateful"
)

// MobileNetwork is what is behind a mobile router (RFC 3963).
type MobileNetwork struct {
	Prefixes []netip.Prefix
	Mode     NetworkMode
}

// NetworkMode is how a home agent learns of the prefixes (RFC 3963 §5.2).
type NetworkMode string

const (
	NetworkExplicit NetworkMode = "explicit" // each Binding Update names them
	NetworkImplicit NetworkMode = "implicit" // its configuration has them
)

// Interface is one that a mobile node may use.
type Interface struct {
	Name       string
	Preference int // lower is better

	DAD             DAD  // of care-of addresses
	KeepTempAddrs   bool // leave use_tempaddr alone
	HomeAddressFlag bool // at home the home address is marked as such
}

// DAD says what duplicate address detection care-of addresses get.
type DAD string

const (
	DADOptimistic DAD = "optimistic" // used while it runs (RFC 4429)
	DADOn         DAD = "on"         // used after it
	DADOff        DAD = "off"
)

// CorrespondentNode is the role of RFC 6275 §9.
type CorrespondentNode struct {
	// RouteOptimization is by the mobile nodes' home addresses.
	RouteOptimization RouteOptimization
	MaxBindings       int           // beyond it the one updated the longest ago gives way
	MaxLifetime       time.Duration // longest binding lifetime granted
}

// RouteOptimization says with whom packets may go directly. The longest prefix
// that holds an address decides.
type RouteOptimization struct {
	Default     bool // for addresses in no prefix
	Allow, Deny []netip.Prefix

	// The following are a mobile node's.
	IdleTimeout time.Duration // a peer without traffic for so long is given up
	RetryAfter  time.Duration // a peer that can't or won't is left alone for so long
	MaxPeers    int
}

// Auth is a shared-key mobility security association (RFC 4285 §5.1).
type Auth struct {
	SPI       uint32
	KeyFile   string
	KeyFormat KeyFormat
	Key       Key // nil with WithoutKeys
	Replay    Replay
	MNID      string // network access identifier (RFC 4283 §3.1); may be empty
}

// Replay is the replay protection of a security association.
type Replay string

const (
	ReplayTimestamp Replay = "timestamp" // RFC 4285 §6
	ReplaySequence  Replay = "sequence"  // the sequence number, also after a binding's end
	ReplayNone      Replay = "none"      // the sequence number while there is a binding
)

// Metrics is where Prometheus scrapes.
type Metrics struct {
	Listen string // an address with its port, or a Unix socket's path; empty: nowhere
}

// Control is the socket for mip6ctl.
type Control struct {
	Socket string
	Group  string

	// GroupGiven says that the file names the group, so that it must exist.
	GroupGiven bool

	Journal int // how many events of each sort are kept
}

// Kernel holds the marks by which what is ours in the kernel is found again.
type Kernel struct {
	RouteProtocol int
	RulePriority  int    // the first of RulePriorities in a row
	Table         uint32 // the first of Tables in a row
	TunnelName    string // a home agent's tunnel device
	TunnelPrefix  string // a mobile node's tunnel devices: this and a number
}

// RulePriorities is how many rule priorities from Kernel.RulePriority on are
// ours.
const RulePriorities = 4

// Tables is how many routing tables from Kernel.Table on are ours: two for a
// mobile node, and two for each home agent it may have. Where that is discovered
// there may be another while it changes.
func (c *Config) Tables() int {
	n := 2
	if c.MobileNode != nil {
		n += 2 * len(c.MobileNode.Homes)
		for _, h := range c.MobileNode.Homes {
			if !h.HomeAgent.IsValid() {
				n += 2
			}
		}
	}
	return n
}

// Log says what is logged, and how.
type Log struct {
	Level  slog.Level
	Format LogFormat
}

// LogFormat is text or json.
type LogFormat string

const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)
