package homelink

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// others returns the entries of the Home Agents List of the home link.
func (b *bed) others() (list []AgentView) {
	for _, a := range b.m.Agents() {
		if !a.Self {
			list = append(list, a)
		}
	}
	return list
}

// Requirements: 6275-10.1-1, 6275-10.5.1-2, 6275-10.5.1-3, 6275-10.5.1-6, 6275-7.4-2, 6275-7.4-5
func TestRFC6275_10_5_1_AHomeAgentIsListedByItsLinkLocalAddress(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	global := b.hear(1, nil)
	l := b.others()
	if len(l) != 1 || l[0].Router != linkLocal(1) || len(l[0].Addresses) != 1 || l[0].Addresses[0] != global ||
		l[0].Preference != 0 || l[0].Routers || !l[0].Expires.Equal(b.now.Add(100*time.Second)) {
		t.Fatalf("%+v", l)
	}
	if n := only[role.Notice](b); n.Kind != role.NoticeHomeAgent || n.HA != global || n.Ifindex != homeLink {
		t.Errorf("%+v", n)
	}
	b.hear(1, nil)
	b.none() // once
}

// Requirements: 6275-10.5.1-5
func TestRFC6275_10_5_1_TheLatestAdvertisementCounts(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	info := func(i icmp6.HomeAgentInformation) func(*icmp6.RouterAdvertisement) {
		return func(ra *icmp6.RouterAdvertisement) { ra.Options = append(ra.Options, i) }
	}
	b.hear(1, info(icmp6.HomeAgentInformation{Router: true, Preference: 7, Lifetime: 9 * time.Second}))
	b.until(t0.Add(5 * time.Second))
	b.hear(1, info(icmp6.HomeAgentInformation{Preference: 3, Lifetime: 20 * time.Second}))
	if l := b.others(); len(l) != 1 || l[0].Preference != 3 || l[0].Routers || !l[0].Expires.Equal(t0.Add(25*time.Second)) {
		t.Fatalf("%+v", l)
	}
	b.hear(1, nil)
	if l := b.others(); l[0].Preference != 0 || !l[0].Expires.Equal(t0.Add(105*time.Second)) {
		t.Fatalf("%+v", l)
	}
}

// Requirements: 6275-10.5.1-7
func TestRFC6275_10_5_1_AllAddressesWithTheRBitAreKept(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	more := func(list ...icmp6.PrefixInformation) func(*icmp6.RouterAdvertisement) {
		return func(ra *icmp6.RouterAdvertisement) {
			ra.Options = nil
			for _, p := range list {
				ra.Options = append(ra.Options, p)
			}
		}
	}
	r := func(s string) icmp6.PrefixInformation {
		return icmp6.PrefixInformation{Length: 64, RouterAddress: true, Prefix: netip.MustParseAddr(s), Valid: time.Hour}
	}
	plain := icmp6.PrefixInformation{Length: 64, Prefix: netip.MustParseAddr("2001:db8:1::")}
	b.hear(1, more(r("2001:db8:1::a"), plain, r("2001:db8:2::a"), r("fe80::a"), r("ff02::1"), r("::"), r(self.String())))
	b.hear(1, more(r("2001:db8:3::a"), r("2001:db8:1::a")))
	var got []string
	for _, a := range b.others()[0].Addresses {
		got = append(got, a.String())
	}
	if s := strings.Join(got, " "); s != "2001:db8:1::a 2001:db8:2::a 2001:db8:3::a" {
		t.Error(s)
	}
	for i := range 100 {
		a := prefix.Addr().As16()
		a[13], a[15] = 1, byte(i)
		b.hear(1, more(icmp6.PrefixInformation{Length: 64, RouterAddress: true, Prefix: netip.AddrFrom16(a), Valid: time.Hour}))
	}
	if n := len(b.others()[0].Addresses); n != maxAddresses {
		t.Errorf("%d addresses of one neighbour", n)
	}
}

// Requirements: 6275-10.5.1-1, 6275-10.5.1-4
func TestRFC6275_10_5_1_WhoIsNoHomeAgentAnyMoreIsForgotten(t *testing.T) {
	for name, change := range map[string]func(*icmp6.RouterAdvertisement){
		"H clear":               func(ra *icmp6.RouterAdvertisement) { ra.HomeAgent = false },
		"router lifetime 0":     func(ra *icmp6.RouterAdvertisement) { ra.RouterLifetime = 0 },
		"home agent lifetime 0": func(ra *icmp6.RouterAdvertisement) { ra.Options = append(ra.Options, icmp6.HomeAgentInformation{}) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, nil)
			b.start()
			b.hear(1, change)
			b.none() // nor is it listed to begin with
			b.hear(1, nil)
			b.hear(2, nil)
			gone := b.hear(1, change)
			if l := b.others(); len(l) != 1 || l[0].Router != linkLocal(2) {
				t.Fatalf("%+v", l)
			}
			if n := only[role.Notice](b); n.HA != gone {
				t.Errorf("%+v", n)
			}
		})
	}
}

// Requirements: 6275-10.1-2
func TestRFC6275_10_1_AnAddressGoesWithItsPrefix(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	short := netip.MustParseAddr("2001:db8:2::a")
	with := func(valid time.Duration) func(*icmp6.RouterAdvertisement) {
		return func(ra *icmp6.RouterAdvertisement) {
			ra.RouterLifetime = time.Hour
			ra.Options = append(ra.Options, icmp6.PrefixInformation{Length: 48, RouterAddress: true, Prefix: short, Valid: valid})
		}
	}
	b.hear(1, with(10*time.Second))
	b.until(t0.Add(10 * time.Second))
	if l := b.others(); len(l) != 1 || len(l[0].Addresses) != 1 || l[0].Addresses[0] == short {
		t.Fatalf("%+v", l)
	}
	b.hear(1, with(10*time.Second))
	b.hear(1, with(0))
	if l := b.others(); len(l[0].Addresses) != 1 {
		t.Fatalf("with a lifetime of 0: %v", l[0].Addresses)
	}
	b.hear(2, func(ra *icmp6.RouterAdvertisement) { // nothing but that
		with(10 * time.Second)(ra)
		ra.Options = ra.Options[1:]
	})
	for d := b.m.Deadline(); len(b.others()[1].Addresses) > 0; d = b.m.Deadline() {
		b.now = d
		b.step(role.Tick{})
	}
	if n := only[role.Notice](b); n.HA != short {
		t.Errorf("%+v", n)
	}
}

// Requirements: 6275-10.1-3, 6275-10.5.1-8
func TestRFC6275_10_5_1_AnEntryEndsWithItsLifetime(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	gone := b.hear(1, nil)
	b.until(t0.Add(100*time.Second - 1))
	if len(b.others()) != 1 {
		t.Fatal("gone too early")
	}
	for d := b.m.Deadline(); !d.After(t0.Add(100 * time.Second)); d = b.m.Deadline() {
		b.now = d
		b.step(role.Tick{})
	}
	if len(b.others()) != 0 {
		t.Fatal("still there")
	}
	if n := only[role.Notice](b); n.HA != gone {
		t.Errorf("%+v", n)
	}
}

// Requirements: 6275-8.4-8
func TestRFC6275_8_4_EachLinkHasAListOfItsOwn(t *testing.T) {
	second := netip.MustParsePrefix("2001:db8:7::/64")
	b := newBed(t, func(p *Params) {
		l := homeLinkDefault()
		l.Ifindex, l.Address = homeLink+1, netip.MustParseAddr("2001:db8:7::1")
		l.Prefixes = []Prefix{{Prefix: second, Valid: time.Hour, Preferred: time.Hour}}
		p.Links = append(p.Links, l)
	})
	b.step(role.Start{})
	here := b.hear(1, nil)
	b.step(role.RouterSeen{Ifindex: 99, Router: linkLocal(2), RA: &icmp6.RouterAdvertisement{HomeAgent: true, RouterLifetime: time.Hour}})
	if l := b.others(); len(l) != 1 || l[0].Ifindex != homeLink {
		t.Fatalf("%+v", l)
	}
	if _, r := b.ask(nil); len(r.HomeAgents) != 2 {
		t.Errorf("of the first link: %v", r.HomeAgents)
	}
	s, r := b.ask(func(ev *role.ICMPIn, _ *icmp6.HomeAgentDiscoveryRequest) { ev.Dst = icmp6.HomeAgentsAnycast(second) })
	if len(r.HomeAgents) != 1 || r.HomeAgents[0] == here || s.Src != r.HomeAgents[0] {
		t.Errorf("of the second link: %v from %v", r.HomeAgents, s.Src)
	}
}

// What neighbours can have us keep is bounded.
func TestNeighboursFillTheListOnlyToItsBound(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	for i := range 2 * maxAgents {
		b.hear(byte(i), nil)
	}
	if n := len(b.others()); n != maxAgents {
		t.Errorf("%d entries", n)
	}
	if c := only[role.Count](b); c.Counter != CountAgentsFull {
		t.Errorf("counted as %s", c.Counter)
	}
	b.hear(3, func(ra *icmp6.RouterAdvertisement) { ra.RouterLifetime = time.Hour }) // a known one goes on
	for _, a := range b.others() {
		if a.Router == linkLocal(3) && !a.Expires.Equal(b.now.Add(time.Hour)) {
			t.Error("a full list doesn't renew what it has")
		}
	}
}

// A neighbour that comes and goes with every packet does not fill the log.
func TestNeighboursDoNotFillTheLog(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	told := 0
	for i := range 1000 { // in ten seconds
		b.now = b.now.Add(10 * time.Millisecond)
		b.hear(1, func(ra *icmp6.RouterAdvertisement) {
			ra.HomeAgent = i%4 != 3
			if i%2 == 1 {
				ra.Options = append(ra.Options, icmp6.PrefixInformation{Length: 48, Prefix: other.Addr(), Valid: 2 * time.Hour})
			}
		})
		for _, e := range b.out {
			if _, ok := e.(role.Notice); ok {
				told++
			}
		}
	}
	if told < 10 || told > 11*maxNotices {
		t.Errorf("%d notices", told)
	}
}
