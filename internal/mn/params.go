package mn

import (
	"net/netip"
	"time"

	"mip6d/internal/role"
)

// Params is what a mobile node is told. Durations that are zero take the
// default named beside them.
type Params struct {
	Homes        []Home
	Interfaces   []Interface
	Optimization Optimization

	// Protocol constants, RFC 6275 §12 and §13.
	InitialBindackTimeout         time.Duration // INITIAL_BINDACK_TIMEOUT, 1 s
	InitialBindackTimeoutFirstReg time.Duration // InitialBindackTimeoutFirstReg, 1.5 s
	MaxBindackTimeout             time.Duration // MAX_BINDACK_TIMEOUT, 32 s
	MaxUpdateRate                 int           // MAX_UPDATE_RATE, 3 in a second
	InitialDHAADTimeout           time.Duration // INITIAL_DHAAD_TIMEOUT, 3 s
	DHAADRetries                  int           // DHAAD_RETRIES, 4

	// Router Solicitations at link-up follow each other after these times;
	// then the last one doubles up to SolicitMax, until a router answers.
	// Closer than RFC 4861's 4 s (§10 there), since the first ones are often
	// lost on a link that is just coming up; nodes that came up together are
	// spread by their links.
	SolicitIntervals []time.Duration // 250 ms, 750 ms, 2 s, 4 s
	SolicitMax       time.Duration   // 60 s

	// ConfirmTimeout is how long a link that came up again, or one where a
	// new care-of address is being made, keeps the binding although another
	// interface could take it over at once. 1 s.
	ConfirmTimeout time.Duration

	// MissedAdvertisements is how many Advertisement Intervals (RFC 6275
	// §7.3) without an advertisement make us ask the router. 3.
	MissedAdvertisements int

	// RouterProbeTimeout is how long a router that advertises no interval may
	// take to answer a Router Solicitation: MIN_DELAY_BETWEEN_RAS and
	// MAX_RA_DELAY_TIME (RFC 4861 §6.2.6) rounded up. 4 s.
	RouterProbeTimeout time.Duration

	// UnreachableTimeout is the same when neighbour unreachability detection
	// has already given up on the router. 1 s.
	UnreachableTimeout time.Duration

	// AddressTimeout is how long a care-of address may take from AddCareOf to
	// AddressReady before it is asked for again. 5 s.
	AddressTimeout time.Duration

	// LinkLocalDelay is how long a link is without a working link-local address before
	// it gets one of ours in place of one that failed: others may do so. 1 s.
	LinkLocalDelay time.Duration

	// LinkLinger is how long a care-of address outlives its link. 10 s.
	LinkLinger time.Duration

	// RefusedRetry is how long a home agent that refused for a reason that
	// needs a person is left alone, unless we move. 10 min.
	RefusedRetry time.Duration

	// ReleaseOnStop de-registers (once, without waiting) and takes back
	// addresses and tunnels at Stop. Without it they stay in force for the
	// next run.
	ReleaseOnStop bool

	// LoadSharing spreads destinations over equivalent routers of a link (RFC 4311).
	LoadSharing bool

	// PreferCareOf has home addresses that are away used only where they are asked for.
	PreferCareOf bool

	// Silent leaves answers to malformed and unknown messages (RFC 6275 §9.2)
	// to a correspondent node's machine beside this one.
	Silent bool
}

// Home is one home address.
type Home struct {
	HomeAddress netip.Prefix // with the home subnet prefix's length

	HomeAgent netip.Addr // where to register; invalid: it is discovered (RFC 6275 §11.4.1)

	Auth     *Auth         // nil: signalling is protected by other means, or not
	Lifetime time.Duration // asked for, rounded down to the wire's 4 s; default 420 s

	// SA is the IPsec security association that the home agent's messages must
	// have come in through (RFC 6275 §5.1); 0: none.
	SA uint32

	// KeyMgmt sets the K flag: dynamic keys of IPsec, and their management follows us
	// to another care-of address (§11.7.1).
	KeyMgmt bool

	// LinkLocal sets the L flag: our link-local address has the home
	// address's interface identifier (§11.7.1). Never for an RFC 4941 address.
	LinkLocal bool

	// Fixed has no other home address formed when the home link is renumbered
	// (§11.4.3).
	Fixed bool

	// Stateful has the home address given by DHCPv6: HomeAddress is the home subnet's
	// prefix, and no other address is formed from this one.
	Stateful bool

	// Network makes us a mobile router (RFC 3963); nil: a mobile host.
	Network *Network

	IPv4 *IPv4 // nil: none is wanted
}

// Network is what is behind a mobile router.
type Network struct {
	Prefixes []netip.Prefix
	Implicit bool // the home agent knows them: Binding Updates don't name them (RFC 3963 §5.2)
}

// Auth is a shared-key mobility security association (RFC 4285 §5.1).
type Auth struct {
	SPI    uint32
	Key    []byte
	Replay Replay
	MNID   string // MN-NAI (RFC 4283 §3.1); default: made of the home address
}

// Replay is the replay protection of a security association.
type Replay uint8

const (
	ReplayTimestamp Replay = iota // RFC 4285 §6
	ReplaySequence                // the Binding Update's sequence number alone
)

// Interface is one that the mobile node may use to reach the world.
type Interface struct {
	Name       string
	Preference int          // lower is better
	DAD        role.DADMode // of care-of addresses; DADNone: of the home address at home, too
	Unmarked   bool         // see role.HomePath
}

const (
	maxAddresses   = 1024
	maxNewPeers    = 20   // a second, by their traffic
	maxDropped     = 4096 // correspondents whose sequence numbers are remembered
	maxErrorRate   = 10   // Binding Errors a second (RFC 6275 §9.3.3: limited)
	dadTries       = 3    // addresses tried on one link before we wait
	maxResyncs     = 3    // corrections of sequence or clock in a row before backing off
	lifetimeUnit   = 4 * time.Second
	maxLifetime    = 0xffff * lifetimeUnit
	minUpdateDelay = time.Second // between Binding Updates that unauthenticated hints ask for
)

// withDefaults fills in what is zero.
func (p Params) withDefaults() Params {
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&p.InitialBindackTimeout, time.Second},
		{&p.InitialBindackTimeoutFirstReg, 1500 * time.Millisecond},
		{&p.MaxBindackTimeout, 32 * time.Second},
		{&p.InitialDHAADTimeout, 3 * time.Second},
		{&p.SolicitMax, time.Minute},
		{&p.ConfirmTimeout, time.Second},
		{&p.RouterProbeTimeout, 4 * time.Second},
		{&p.UnreachableTimeout, time.Second},
		{&p.AddressTimeout, 5 * time.Second},
		{&p.LinkLocalDelay, time.Second},
		{&p.LinkLinger, 10 * time.Second},
		{&p.RefusedRetry, 10 * time.Minute},
		{&p.Optimization.IdleTimeout, 2 * time.Minute},
		{&p.Optimization.RetryAfter, 5 * time.Minute},
	} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	if p.MaxUpdateRate <= 0 {
		p.MaxUpdateRate = 3
	}
	if p.DHAADRetries <= 0 {
		p.DHAADRetries = 4
	}
	if p.Optimization.MaxPeers <= 0 {
		p.Optimization.MaxPeers = 256
	}
	if p.MissedAdvertisements <= 0 {
		p.MissedAdvertisements = 3
	}
	if len(p.SolicitIntervals) == 0 {
		p.SolicitIntervals = []time.Duration{
			250 * time.Millisecond, 750 * time.Millisecond, 2 * time.Second, 4 * time.Second,
		}
	}
	return p
}

// lifetime is what to ask for, in the wire's units, at least one of them.
func (h *Home) lifetime() time.Duration {
	l := h.Lifetime
	if l <= 0 {
		l = 420 * time.Second
	}
	return max(min(l, maxLifetime).Truncate(lifetimeUnit), lifetimeUnit)
}
