package homelink

import (
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

var (
	t0 = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

	prefix  = netip.MustParsePrefix("2001:db8:1::/64")
	other   = netip.MustParsePrefix("2001:db8:2::/48")
	self    = netip.MustParseAddr("2001:db8:1::1")
	asker   = netip.MustParseAddr("2001:db8:9::5")
	anycast = icmp6.HomeAgentsAnycast(prefix)
	mac     = []byte{2, 0, 0, 0, 0, 1}
)

const homeLink = 7

// homeLinkDefault is a link as a configuration without wishes gives it.
func homeLinkDefault() Link {
	return Link{
		Ifindex: homeLink, LinkAddr: mac, Address: self,
		Prefixes: []Prefix{
			{Prefix: prefix, Valid: role.Infinite, Preferred: role.Infinite},
			{Prefix: other, Valid: time.Hour, Preferred: time.Minute},
		},
		Advertise: &Advertise{
			MinInterval: 198 * time.Second, MaxInterval: 600 * time.Second,
			RouterLifetime: 30 * time.Minute, AnswerDelay: 500 * time.Millisecond, MinDelay: 3 * time.Second,
		},
	}
}

// bed runs a machine on a clock of the test's.
type bed struct {
	*testing.T
	m     *Machine
	now   time.Time
	out   []role.Effect
	bound map[netip.Addr]role.Binding // the binding cache

	heard func(role.SendICMP, time.Time) // of what is sent while time passes; may be nil
}

func newBed(t *testing.T, change func(*Params)) *bed {
	t.Helper()
	b := &bed{T: t, now: t0, bound: map[netip.Addr]role.Binding{}}
	p := Params{Links: []Link{homeLinkDefault()}}
	if change != nil {
		change(&p)
	}
	b.m = New(b.withCache(p), seeded(1))
	return b
}

func seeded(n byte) io.Reader { return rand.NewChaCha8([32]byte{n}) }

func (b *bed) withCache(p Params) Params {
	p.Binding = func(home netip.Addr) (role.Binding, bool) {
		x, ok := b.bound[home]
		return x, ok && x.Expires.After(b.now)
	}
	p.Bindings = func() iter.Seq[role.Binding] { return maps.Values(b.bound) }
	return p
}

func (b *bed) step(ev role.Event) {
	b.Helper()
	b.out = b.m.Step(b.now, ev)
	if d := b.m.Deadline(); !d.IsZero() && !d.After(b.now) {
		b.Fatalf("after %T the machine still has work at %v", ev, d)
	}
}

// until lets time pass up to a moment and returns what was advertised meanwhile,
// each with its time.
func (b *bed) until(end time.Time) (sent []sent) {
	b.Helper()
	for d := b.m.Deadline(); !d.IsZero() && !d.After(end); d = b.m.Deadline() {
		b.now = d
		b.step(role.Tick{})
		for _, e := range b.out {
			if s, ok := e.(role.SendICMP); ok && b.heard != nil {
				b.heard(s, b.now)
			}
			if _, ok := e.(role.AdvertiseRouter); ok {
				sent = append(sent, b.advertised(e))
			}
		}
	}
	b.now, b.out = end, nil
	return sent
}

type sent struct {
	at      time.Time
	ifindex int
	ra      *icmp6.RouterAdvertisement
}

func (b *bed) advertised(e role.Effect) sent {
	b.Helper()
	a := e.(role.AdvertiseRouter)
	m, err := icmp6.Parse(a.Raw)
	if err != nil {
		b.Fatal(err)
	}
	return sent{b.now, a.Ifindex, m.(*icmp6.RouterAdvertisement)}
}

// only returns the one effect of a kind in the last step.
func only[E role.Effect](b *bed) E {
	b.Helper()
	var found []E
	for _, e := range b.out {
		if e, ok := e.(E); ok {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		b.Fatalf("%d effects of the kind, not one: %#v", len(found), b.out)
	}
	return found[0]
}

func (b *bed) none() {
	b.Helper()
	for _, e := range b.out {
		if _, ok := e.(role.Count); !ok {
			b.Fatalf("unexpected %#v", e)
		}
	}
}

// start starts the machine and returns its first advertisement.
func (b *bed) start() *icmp6.RouterAdvertisement {
	b.Helper()
	b.step(role.Start{})
	return b.advertised(only[role.AdvertiseRouter](b)).ra
}

// hear has the machine see an advertisement of another home agent.
func (b *bed) hear(n byte, change func(*icmp6.RouterAdvertisement)) netip.Addr {
	b.Helper()
	global := agentAddress(n)
	ra := &icmp6.RouterAdvertisement{HomeAgent: true, RouterLifetime: 100 * time.Second}
	ra.Options = icmp6.Options{
		icmp6.PrefixInformation{Length: 64, OnLink: true, RouterAddress: true, Prefix: global, Valid: role.Infinite, Preferred: role.Infinite},
	}
	if change != nil {
		change(ra)
	}
	b.step(role.RouterSeen{Ifindex: homeLink, Router: linkLocal(n), RA: ra})
	return global
}

func agentAddress(n byte) netip.Addr {
	a := prefix.Addr().As16()
	a[14], a[15] = 0xa0, n
	return netip.AddrFrom16(a)
}

func linkLocal(n byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 14: 0xa0, 15: n})
}

// ask sends a request and returns the reply's effect and content.
func (b *bed) ask(change func(*role.ICMPIn, *icmp6.HomeAgentDiscoveryRequest)) (role.SendICMP, *icmp6.HomeAgentDiscoveryReply) {
	b.Helper()
	b.request(change)
	s := only[role.SendICMP](b)
	m, err := icmp6.Parse(s.Raw)
	if err != nil {
		b.Fatal(err)
	}
	return s, m.(*icmp6.HomeAgentDiscoveryReply)
}

func (b *bed) request(change func(*role.ICMPIn, *icmp6.HomeAgentDiscoveryRequest)) {
	b.Helper()
	ev := role.ICMPIn{Src: asker, Dst: anycast}
	q := &icmp6.HomeAgentDiscoveryRequest{Identifier: 0x1234}
	if change != nil {
		change(&ev, q)
	}
	if ev.Raw == nil {
		raw, err := icmp6.Marshal(q)
		if err != nil {
			b.Fatal(err)
		}
		ev.Raw = raw
	}
	b.step(ev)
}
