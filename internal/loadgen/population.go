package loadgen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"mip6d/internal/mh"
)

// Population says who the mobile nodes are. Their home addresses follow one
// another.
type Population struct {
	HomeAgent netip.Addr
	First     netip.Addr   // home address of mobile node 0
	Nodes     int          // at least 1
	CareOf    netip.Prefix // all care-of addresses are in it; /64 or shorter
	Lifetime  time.Duration
	Auth      *Auth // nil: unauthenticated

	// Routers is how many of the last ones are mobile routers, which register in
	// implicit mode (RFC 3963 §5.2).
	Routers int
}

// Auth protects messages as RFC 4285 says. The key is that of all mobile nodes,
// which is the one thing that no deployment should copy.
type Auth struct {
	SPI    uint32
	Key    []byte
	Replay Replay
	MNID   bool // with a Mobile Node Identifier made of the home address
}

// Replay is the protection against replays.
type Replay string

// Kinds of replay protection.
const (
	ReplayTimestamp Replay = "timestamp" // RFC 4285 §6
	ReplaySequence  Replay = "sequence"  // the sequence number alone
)

// Check finds what cannot work.
func (p *Population) Check() error {
	var errs []error
	for _, a := range []struct {
		what string
		addr netip.Addr
	}{{"home agent", p.HomeAgent}, {"first mobile node", p.First}} {
		switch {
		case !a.addr.IsValid():
			errs = append(errs, fmt.Errorf("no address of the %s given", a.what))
		case !a.addr.Is6() || a.addr.Is4In6() || a.addr.IsUnspecified() || a.addr.IsMulticast():
			errs = append(errs, fmt.Errorf("%s %s is no IPv6 unicast address", a.what, a.addr))
		}
	}
	if !p.CareOf.IsValid() {
		errs = append(errs, errors.New("no prefix of care-of addresses given"))
	} else if !p.CareOf.Addr().Is6() || p.CareOf.Bits() > 64 || p.CareOf != p.CareOf.Masked() {
		errs = append(errs, fmt.Errorf("care-of prefix %s: want an IPv6 prefix of at most 64 bits, without bits behind it", p.CareOf))
	}
	if p.Nodes < 1 || p.Nodes > 1<<24 {
		errs = append(errs, fmt.Errorf("%d mobile nodes: want 1 to %d", p.Nodes, 1<<24))
	}
	if p.Routers < 0 || p.Routers > p.Nodes {
		errs = append(errs, fmt.Errorf("%d mobile routers of %d mobile nodes", p.Routers, p.Nodes))
	}
	if p.Lifetime < mh.LifetimeUnit || p.Lifetime > mh.MaxLifetime {
		errs = append(errs, fmt.Errorf("lifetime %v: want %v to %v", p.Lifetime, mh.LifetimeUnit, mh.MaxLifetime))
	}
	if a := p.Auth; a != nil {
		if a.SPI < 256 {
			errs = append(errs, fmt.Errorf("SPI %d: want 256 or more", a.SPI))
		}
		if a.Replay != ReplayTimestamp && a.Replay != ReplaySequence {
			errs = append(errs, fmt.Errorf("replay protection %q: want %s or %s", a.Replay, ReplayTimestamp, ReplaySequence))
		}
	}
	if len(errs) == 0 {
		if last := p.HomeAddress(p.Nodes - 1); last.Less(p.First) {
			errs = append(errs, fmt.Errorf("home addresses from %s on: there are not %d", p.First, p.Nodes))
		}
		if i, ok := p.Index(p.HomeAgent); ok {
			errs = append(errs, fmt.Errorf("the home agent's address %s would be the home address of mobile node %d", p.HomeAgent, i))
		}
	}
	return errors.Join(errs...)
}

// HomeAddress is that of mobile node i.
func (p *Population) HomeAddress(i int) netip.Addr {
	a := p.First.As16()
	low := binary.BigEndian.Uint64(a[8:])
	binary.BigEndian.PutUint64(a[8:], low+uint64(i))
	return netip.AddrFrom16(a)
}

// Index finds the mobile node of a home address.
func (p *Population) Index(home netip.Addr) (i int, ok bool) {
	if !home.Is6() {
		return 0, false
	}
	a, first := home.As16(), p.First.As16()
	if [8]byte(a[:8]) != [8]byte(first[:8]) {
		return 0, false
	}
	d := binary.BigEndian.Uint64(a[8:]) - binary.BigEndian.Uint64(first[8:])
	return int(d), d < uint64(p.Nodes)
}

// CareOfAddress is mobile node i's after so many moves: of another subnet each
// time, as far as the prefix has subnets, and never one that another mobile node
// has had.
func (p *Population) CareOfAddress(i int, moves uint32) netip.Addr {
	a := p.CareOf.Addr().As16()
	subnet := uint64(moves)
	if bits := p.CareOf.Bits(); bits > 32 {
		subnet &= 1<<(64-bits) - 1
	}
	binary.BigEndian.PutUint64(a[:], binary.BigEndian.Uint64(a[:])|subnet)
	// The universal/local bit stays clear: these are no EUI-64s.
	binary.BigEndian.PutUint64(a[8:], uint64(moves&0xffffff)<<32|uint64(i+1))
	return netip.AddrFrom16(a)
}

// router says whether mobile node i is a mobile router.
func (p *Population) router(i int) bool { return i >= p.Nodes-p.Routers }
