package cn

import (
	"net/netip"
	"time"

	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// Params is what a correspondent node is told. Values that are zero take the
// default named beside them.
type Params struct {
	Policy role.Policy // by home address; the zero value: nobody

	// MaxBindings bounds the Binding Cache; beyond it the binding that was
	// updated the longest ago gives way. 10000.
	MaxBindings int

	// MaxLifetime is the longest lifetime granted, at most
	// MAX_RR_BINDING_LIFETIME (RFC 6275 §12). 420 s.
	MaxLifetime time.Duration

	// HomeAgent says that another machine of this daemon is a home agent: home
	// registrations and unknown messages are its to answer.
	HomeAgent bool

	// HomeRegistered says whether a home agent beside us has a home registration
	// of a home address with an address of ours, whose type must not change
	// (§9.5.1); nil: there is none.
	HomeRegistered func(local, home netip.Addr) bool

	// Registered is told of every binding that has come into force, was renewed or has
	// moved, Ended of every end, and Renewed of the nonces whenever they change; nil:
	// nobody wants to know.
	Registered func(pair role.Pair, careOf netip.Addr, sequence uint16)
	Ended      func(pair role.Pair)
	Renewed    func(rr.Nonces)
}

// Reconfigured is the event of a new configuration. Bindings that are no longer
// permitted end.
type Reconfigured struct {
	role.External
	Params Params
}

const (
	lifetimeUnit         = 4 * time.Second
	maxRRBindingLifetime = 420 * time.Second

	// What others can make us send in a second (§9.3.3), to one network and in
	// all: Binding Errors of status 1; everything else that answers a message that
	// nothing authenticates; refusals of authentic ones, which may be replayed.
	// After a restart many mobile nodes are owed one.
	maxToOne    = 10
	maxErrors   = 100
	maxAnswers  = 100
	maxRefusals = 1000
)

func (p Params) withDefaults() Params {
	if p.MaxBindings <= 0 {
		p.MaxBindings = 10000
	}
	if p.MaxLifetime <= 0 || p.MaxLifetime > maxRRBindingLifetime {
		p.MaxLifetime = maxRRBindingLifetime
	}
	p.MaxLifetime = max(p.MaxLifetime.Truncate(lifetimeUnit), lifetimeUnit)
	return p
}

// grant is the lifetime for a request: never more than was asked for (§9.5.2),
// which is a multiple of the unit already.
func (p Params) grant(asked time.Duration) time.Duration { return min(asked, p.MaxLifetime) }
