package mld

import (
	"net/netip"
	"time"
)

// Type is the Type field of an MLD message.
type Type uint8

// ICMPv6 types.
const (
	TypeQuery    Type = 130 // RFC 2710 §3.1, RFC 3810 §5.1
	TypeReport   Type = 131 // of version 1: RFC 2710 §3.1
	TypeDone     Type = 132 // of version 1
	TypeReportV2 Type = 143 // RFC 3810 §5.2
)

// RecordType says what a Record tells (RFC 3810 §5.2.12).
type RecordType uint8

// Record types.
const (
	ModeIsInclude       RecordType = 1
	ModeIsExclude       RecordType = 2
	ChangeToIncludeMode RecordType = 3
	ChangeToExcludeMode RecordType = 4
	AllowNewSources     RecordType = 5
	BlockOldSources     RecordType = 6
)

// Record is what a listener says of one group.
type Record struct {
	Type    RecordType // one that is not named above is to be ignored (§5.2.12)
	Group   netip.Addr
	Sources []netip.Addr
}

// Report is what a listener says: a Version 2 Multicast Listener Report, or a
// message of version 1 in the words of version 2 (RFC 3810 §8.3.2).
type Report struct {
	Version int // 1 or 2
	Records []Record
}

// Query is a Multicast Listener Query of version 2, which a listener that speaks
// only version 1 takes for one of that (RFC 3810 §8).
type Query struct {
	Group       netip.Addr    // invalid: a General Query
	MaxResponse time.Duration // within which listeners answer, at random; to a millisecond, at most 8387584 ms
	Robustness  uint8         // QRV, 0 to 7; 0: not told
	Interval    time.Duration // between general queries (QQIC), to a second, at most 31744 s
}

// Scope is the scop field of a multicast address (RFC 4291 §2.7).
type Scope uint8

// Scopes (RFC 4291 §2.7, RFC 7346).
const (
	ScopeInterfaceLocal    Scope = 0x1
	ScopeLinkLocal         Scope = 0x2
	ScopeRealmLocal        Scope = 0x3
	ScopeAdminLocal        Scope = 0x4
	ScopeSiteLocal         Scope = 0x5
	ScopeOrganizationLocal Scope = 0x8
	ScopeGlobal            Scope = 0xe
)

// ScopeOf returns the scope of a multicast address, 0 (which is reserved) for any
// other address.
func ScopeOf(group netip.Addr) Scope {
	if !group.Is6() || group.Is4In6() || !group.IsMulticast() {
		return 0
	}
	return Scope(group.As16()[1] & 0x0f)
}
