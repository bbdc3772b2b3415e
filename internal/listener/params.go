package listener

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/mld"
	"mip6d/internal/role"
)

// Params is what the machine is told. Zero values mean the defaults.
type Params struct {
	// Scopes are tunnelled beside the global one. Link-local and less never are (RFC 6275
	// §10.4.2).
	Scopes []mld.Scope

	MaxGroups        int // that are listened to at all, over all links; 1024
	MaxGroupsPerNode int // of one home address; 32

	// QueryInterval is between general queries to one mobile node (RFC 3810 §9.2), 8 s or
	// more; 125 s.
	QueryInterval time.Duration

	// Binding returns the home registration of a home address.
	Binding func(home netip.Addr) (role.Binding, bool)
}

const (
	robustness    = 2                // RFC 3810 §9.1
	queryResponse = 10 * time.Second // §9.3: Query Response Interval

	// The first queries of a binding are so many, a quarter of the interval apart (§9.6,
	// §9.7), but at most startupMost. A mobile node is the only one to answer, so that it
	// need not take its time.
	startupQueries  = robustness
	startupResponse = time.Second
	startupMost     = 10 * time.Second

	// maxSources bounds what is kept of one membership; a node that wants more sources gets
	// the packets of all, and its kernel selects.
	maxSources = 16
)

func (p Params) withDefaults() Params {
	if p.MaxGroups <= 0 {
		p.MaxGroups = 1024
	}
	if p.MaxGroupsPerNode <= 0 {
		p.MaxGroupsPerNode = 32
	}
	if p.QueryInterval <= 0 {
		p.QueryInterval = 125 * time.Second
	}
	return p
}

// carries says whether packets to a group are tunnelled.
func (p *Params) carries(group netip.Addr) bool {
	s := mld.ScopeOf(group)
	return s == mld.ScopeGlobal || s > mld.ScopeLinkLocal && slices.Contains(p.Scopes, s)
}

// membershipTime is for how long a report holds: the Multicast Address Listening
// Interval (RFC 3810 §9.4).
func (p *Params) membershipTime() time.Duration { return robustness*p.QueryInterval + queryResponse }
