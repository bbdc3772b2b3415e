package ha

import (
	"net/netip"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// Params is what a home agent is told. Values that are zero take the default
// named beside them.
type Params struct {
	Links       []Link
	MobileNodes []MobileNode

	// AllowUnauthenticated takes Binding Updates from mobile nodes without Auth,
	// and from any home address on a home link that MobileNodes does not name.
	AllowUnauthenticated bool

	// Policies say who may bind, and for how long; of those whose prefix holds a
	// home address the longest decides. DenyByDefault is for all others.
	Policies      []Policy
	DenyByDefault bool

	// IPv4Pool is where IPv4 home addresses come from for mobile nodes without one
	// of their own (RFC 5555 §2.5). Prefixes must not overlap.
	IPv4Pool []netip.Prefix

	// OwnIPv4 are the home agent's own IPv4 addresses, which are in the pool where that
	// is its link's subnet, and not to be assigned.
	OwnIPv4 []netip.Addr

	MaxLifetime   time.Duration // longest lifetime granted; 3600 s
	MaxBindings   int           // 130 beyond; 1,000,000
	RefreshAdvice time.Duration // Binding Refresh Advice; 0: none

	// Stored says that bindings survive a restart. Mobile nodes are then not asked
	// to refresh them before their end (§10.3.1: MUST).
	Stored bool

	// TimestampWindow is how far a mobile node's clock may be off, either way
	// (RFC 4285 §5.1, §6). 7 s.
	TimestampWindow time.Duration

	// Correspondent says whether a correspondent node on this machine has a
	// binding of a home address with an address of ours, whose type must not
	// change (§9.5.1); nil: there is none.
	Correspondent func(local, home netip.Addr) bool

	// Registered hears of every home registration that comes into force, again or
	// after a restart, too, or is renewed, within the Step; nil: nobody wants to know.
	Registered func(now time.Time, b role.Binding)

	// Ended hears of every home registration that has ended, however, within the
	// Step; nil: nobody wants to know. It may hear of one twice.
	Ended func(home netip.Addr)

	// MaxAnswers bounds what is answered in a second to all together whose
	// messages have not been authenticated: refusals and Binding Errors. 100.
	MaxAnswers int
}

// Link is one home link.
type Link struct {
	Ifindex  int // 0: virtual, with nobody on it: no detection, nothing to defend
	Address  netip.Addr
	Prefixes []Prefix
}

// Prefix is a home subnet prefix with its remaining lifetimes; role.Infinite, or
// zero, for without end.
type Prefix struct {
	Prefix     netip.Prefix
	Valid      time.Duration
	Preferred  time.Duration
	Deprecated bool // the preferred lifetime is over
}

// MobileNode is one home address that is served.
type MobileNode struct {
	HomeAddress netip.Addr
	Auth        *Auth         // nil only with SA or AllowUnauthenticated
	MaxLifetime time.Duration // 0: Params.MaxLifetime

	// SA is the IPsec security association that its signalling must have come in
	// through (RFC 6275 §5.1); 0: none.
	SA uint32

	Router bool // R flag in advertisements for it, and it may register as a mobile router

	// KeyMgmt grants the K flag: the management of its dynamic keys follows it to
	// another care-of address (§10.3.1).
	KeyMgmt bool

	// NoIPv4 refuses IPv4 home addresses of the pool as well: what goes to the mobile
	// node is protected by IPsec, and IPv4 would go in clear.
	NoIPv4 bool

	// Prefixes is its part of the prefix table (RFC 3963 §6.1.2): what it may
	// claim a part of, and what it gets when it claims nothing. Those of
	// different mobile nodes must not overlap.
	Prefixes []netip.Prefix

	// IPv4HomeAddress is bound beside HomeAddress when the mobile node asks for one
	// (RFC 5555 §4.5), or invalid.
	IPv4HomeAddress netip.Addr
}

// Policy is for the home addresses in a prefix.
type Policy struct {
	Prefix      netip.Prefix
	Deny        bool          // no binding at all: status 129
	DenyRouters bool          // no mobile router: status 140
	DenyDirect  bool          // no route optimisation: return routability is stopped in the tunnel
	MaxLifetime time.Duration // the longest granted; 0: what is granted to others
}

// Auth is a shared-key mobility security association (RFC 4285 §5.1).
type Auth struct {
	SPI    uint32
	Key    []byte
	Replay Replay
	MNID   string // if not empty, what the MN-NAI must be
}

// Replay is the replay protection of a security association.
type Replay uint8

const (
	ReplayTimestamp Replay = iota // RFC 4285 §6
	ReplaySequence                // the sequence number, also after a binding's end
	ReplayNone                    // the sequence number while there is a binding
)

const (
	lifetimeUnit = 4 * time.Second

	// maxDeleteTimeout is MAX_DELETE_BCE_TIMEOUT (RFC 6275 §12): for so long
	// the sequence number of a deleted binding is remembered, where nothing
	// else protects against replay.
	maxDeleteTimeout = 10 * time.Second

	// mendDelay is the time until a kernel that refused to be set right is
	// asked again.
	mendDelay = time.Second

	// maxRefusals bounds in a second what one mobile node is refused whose
	// messages are authentic: they may be replayed. It sends at most
	// MAX_UPDATE_RATE, which is 3 (RFC 6275 §12).
	maxRefusals = 5
)

func (p Params) withDefaults() Params {
	if p.MaxLifetime <= 0 {
		p.MaxLifetime = time.Hour
	}
	p.MaxLifetime = max(p.MaxLifetime, lifetimeUnit)
	if p.MaxBindings <= 0 {
		p.MaxBindings = 1_000_000
	}
	if p.TimestampWindow <= 0 {
		p.TimestampWindow = 7 * time.Second
	}
	if p.MaxAnswers <= 0 {
		p.MaxAnswers = 100
	}
	return p
}

// link returns the home link that a home address is on, with its prefix.
func (p *Params) link(home netip.Addr) (*Link, Prefix, bool) {
	for i := range p.Links {
		for _, x := range p.Links[i].Prefixes {
			if x.Prefix.Contains(home) {
				return &p.Links[i], x, true
			}
		}
	}
	return nil, Prefix{}, false
}

// isOurs says whether an address is one of the home agent's.
func (p *Params) isOurs(a netip.Addr) bool {
	for i := range p.Links {
		if p.Links[i].Address == a {
			return true
		}
	}
	return false
}

// grant is the lifetime to give (§10.3.1): no longer than asked, than
// configured, and than the home prefix is valid. Zero says that the prefix is
// as good as gone.
func (p *Params) grant(asked time.Duration, mn *MobileNode, policy Policy, prefix Prefix) time.Duration {
	most := p.MaxLifetime
	if mn != nil && mn.MaxLifetime > 0 {
		most = max(mn.MaxLifetime, lifetimeUnit)
	}
	granted := min(asked, most)
	if policy.MaxLifetime > 0 {
		granted = min(granted, max(policy.MaxLifetime, lifetimeUnit))
	}
	if limited(prefix.Valid) {
		granted = min(granted, prefix.Valid)
	}
	return granted.Truncate(lifetimeUnit)
}

// status of an acceptance (§10.3.1): 1 where the prefix is deprecated, or will
// be during the lifetime, or ends with it. Compared in units of four seconds, of
// which a lifetime has no fraction.
func (x Prefix) status(lifetime time.Duration) mh.Status {
	switch {
	case x.Deprecated,
		limited(x.Preferred) && x.Preferred < lifetime,
		limited(x.Valid) && x.Valid.Truncate(lifetimeUnit) <= lifetime:
		return mh.StatusPrefixDiscoveryNecessary
	}
	return mh.StatusAccepted
}

func limited(lifetime time.Duration) bool { return lifetime > 0 && lifetime != role.Infinite }
