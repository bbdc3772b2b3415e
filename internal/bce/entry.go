package bce

import (
	"net/netip"
	"time"
	"unique"

	"mip6d/internal/heap"
	"mip6d/internal/role"
)

// entry is a binding as the cache keeps it, in half of what a role.Binding takes: there is one
// for each mobile node, and what it has without pointers the garbage collector need not follow.
type entry struct {
	heap.Place
	ifindex      int32
	home, careOf key
	agent        unique.Handle[netip.Addr] // few, of very many bindings
	more         *more                     // nil: nothing of it is there
	expires      time.Time                 // with the monotonic clock
	created      time.Time
	lifetime     time.Duration
	stamp        uint64
	moves        uint32
	sequence     uint16
	flags        flags
}

// more is what few bindings have.
type more struct {
	linkLocal, ipv4 netip.Addr
	prefixes        []netip.Prefix
}

// flags are a binding's yes and no.
type flags uint8

const (
	flagRouter flags = 1 << iota
	flagMobileRouter
	flagKeyMgmt
	flagNoRouteOptimization
)

func (f flags) where(yes bool) flags {
	if yes {
		return f
	}
	return 0
}

// Before implements heap.Item.
func (e *entry) Before(other *entry) bool { return e.expires.Before(other.expires) }

func (e *entry) prefixes() []netip.Prefix {
	if e.more == nil {
		return nil
	}
	return e.more.prefixes
}

// set takes a binding over, all but its place in the heap.
func (e *entry) set(b role.Binding) {
	*e = entry{
		Place: e.Place, ifindex: int32(b.Ifindex), home: keyOf(b.HomeAddress), careOf: keyOf(b.CareOf), agent: unique.Make(b.HomeAgent),
		expires: b.Expires, created: b.Created, lifetime: b.Lifetime, stamp: b.ReplayStamp, moves: uint32(b.Moves), sequence: b.Sequence,
	}
	e.flags = flagRouter.where(b.Router) | flagMobileRouter.where(b.MobileRouter) | flagKeyMgmt.where(b.KeyMgmt) |
		flagNoRouteOptimization.where(b.NoRouteOptimization)
	if b.LinkLocal.IsValid() || b.IPv4HomeAddress.IsValid() || len(b.MobilePrefixes) > 0 {
		e.more = &more{b.LinkLocal, b.IPv4HomeAddress, b.MobilePrefixes}
	}
}

// binding is what was set.
func (e *entry) binding() role.Binding {
	b := role.Binding{
		HomeAddress: e.home.addr(), CareOf: e.careOf.addr(), HomeAgent: e.agent.Value(), Ifindex: int(e.ifindex),
		Router: e.flags&flagRouter != 0, MobileRouter: e.flags&flagMobileRouter != 0, KeyMgmt: e.flags&flagKeyMgmt != 0,
		NoRouteOptimization: e.flags&flagNoRouteOptimization != 0,
		Sequence:            e.sequence, Lifetime: e.lifetime, Expires: e.expires, Created: e.created, Moves: uint64(e.moves), ReplayStamp: e.stamp,
	}
	if e.more != nil {
		b.LinkLocal, b.IPv4HomeAddress, b.MobilePrefixes = e.more.linkLocal, e.more.ipv4, e.more.prefixes
	}
	return b
}

// key is an IPv6 address without a zone, which a netip.Addr takes eight octets more and a pointer
// for. All zero is no address: the unspecified one is nobody's.
type key [16]byte

func keyOf(a netip.Addr) key {
	if !a.IsValid() {
		return key{}
	}
	return a.As16()
}

func (k key) addr() netip.Addr {
	if k == (key{}) {
		return netip.Addr{}
	}
	return netip.AddrFrom16(k)
}
