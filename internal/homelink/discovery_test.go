package homelink

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

func withPreference(p uint16, routers bool) func(*icmp6.RouterAdvertisement) {
	return func(ra *icmp6.RouterAdvertisement) {
		ra.Options = append(ra.Options, icmp6.HomeAgentInformation{Preference: p, Router: routers, Lifetime: time.Hour})
	}
}

// Requirements: 6275-6.5-2, 6275-6.5-3, 6275-6.6-1, 6275-6.6-2, 6275-8.4-10, 6275-10.5.1-9
func TestRFC6275_10_5_1_ARequestIsAnsweredFromOurOwnAddress(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	s, r := b.ask(func(ev *role.ICMPIn, q *icmp6.HomeAgentDiscoveryRequest) { q.Flags = 0x7fff })
	if s.Src != self || s.Dst != asker {
		t.Errorf("from %v to %v", s.Src, s.Dst)
	}
	if r.Identifier != 0x1234 || r.Router || r.Flags != 0 || r.Code != 0 || !slices.Equal(r.HomeAgents, []netip.Addr{self}) {
		t.Errorf("%+v", r)
	}
}

// Requirements: 6275-10.5.1-10, 6275-10.5.1-11, 6275-7.4-9
func TestRFC6275_10_5_1_AllHomeAgentsAreListedTheBestFirst(t *testing.T) {
	b := newBed(t, func(p *Params) { p.Links[0].Preference = 5 })
	b.start()
	worst := b.hear(1, nil)
	best := b.hear(2, withPreference(65535, false))
	good := b.hear(3, withPreference(6, false))
	if _, r := b.ask(nil); !slices.Equal(r.HomeAgents, []netip.Addr{best, good, self, worst}) {
		t.Errorf("%v", r.HomeAgents)
	}
}

// Requirements: 6275-10.5.1-12, 6275-10.5.1-13
func TestRFC6275_10_5_1_EqualsAndAddressesOfOneComeInRandomOrder(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	two := b.hear(1, func(ra *icmp6.RouterAdvertisement) {
		ra.Options = append(ra.Options, icmp6.PrefixInformation{Length: 48, RouterAddress: true, Prefix: netip.MustParseAddr("2001:db8:2::a"), Valid: time.Hour})
	})
	second := netip.MustParseAddr("2001:db8:2::a")
	orders := map[string]int{}
	for range 400 {
		b.now = b.now.Add(100 * time.Millisecond)
		_, r := b.ask(nil)
		name := ""
		for _, a := range r.HomeAgents {
			name += map[netip.Addr]string{self: "s", two: "1", second: "2"}[a]
		}
		orders[name]++
	}
	// The addresses of one home agent stay together.
	for _, o := range []string{"s12", "s21", "12s", "21s"} {
		if orders[o] < 50 {
			t.Errorf("order %s came %d times of 400", o, orders[o])
		}
		delete(orders, o)
	}
	if len(orders) > 0 {
		t.Errorf("others: %v", orders)
	}
}

// A home agent that comes back with another link-local address, or one that says an
// address is its own that another has: mobile nodes hear of each address once.
func TestAReplyListsAnAddressOnce(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	global := b.hear(1, nil)
	b.hear(2, func(ra *icmp6.RouterAdvertisement) {
		p := ra.Options[0].(icmp6.PrefixInformation)
		p.Prefix = global
		ra.Options[0] = p
		withPreference(7, false)(ra)
	})
	if _, r := b.ask(nil); !slices.Equal(r.HomeAgents, []netip.Addr{global, self}) {
		t.Errorf("%v", r.HomeAgents)
	}
}

// Requirements: 6275-10.5.1-14
func TestRFC6275_10_5_1_AReplyFitsIntoTheLeastMTU(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	best := b.hear(99, withPreference(9, false))
	for i := range maxAgents - 1 {
		b.hear(byte(i), func(ra *icmp6.RouterAdvertisement) {
			for k := range maxAddresses - 1 {
				a := other.Addr().As16()
				a[14], a[15] = byte(i), byte(k+1)
				ra.Options = append(ra.Options, icmp6.PrefixInformation{Length: 48, RouterAddress: true, Prefix: netip.AddrFrom16(a), Valid: time.Hour})
			}
		})
	}
	s, r := b.ask(nil)
	if len(r.HomeAgents) != 77 || r.HomeAgents[0] != best {
		t.Errorf("%d addresses, the first %v", len(r.HomeAgents), r.HomeAgents[0])
	}
	if n := 40 + len(s.Raw); n > 1280 || n+16 <= 1280 {
		t.Errorf("a packet of %d octets", n)
	}
}

// Requirements: 3963-7.2-1, 3963-7.2-2
func TestRFC3963_7_2_AskedForMobileRoutersHomeAgents(t *testing.T) {
	routers := func(_ *role.ICMPIn, q *icmp6.HomeAgentDiscoveryRequest) { q.Router = true }
	t.Run("some", func(t *testing.T) {
		b := newBed(t, nil)
		b.start()
		b.hear(1, withPreference(9, false))
		able := b.hear(2, withPreference(0, true))
		if _, r := b.ask(routers); !r.Router || !slices.Equal(r.HomeAgents, []netip.Addr{able}) {
			t.Errorf("R %v: %v", r.Router, r.HomeAgents)
		}
		if _, r := b.ask(nil); r.Router || len(r.HomeAgents) != 3 {
			t.Errorf("asked without R: R %v, %v", r.Router, r.HomeAgents)
		}
	})
	t.Run("ourselves", func(t *testing.T) {
		b := newBed(t, func(p *Params) { p.Routers = true })
		b.start()
		b.hear(1, nil)
		if _, r := b.ask(routers); !r.Router || !slices.Equal(r.HomeAgents, []netip.Addr{self}) {
			t.Errorf("R %v: %v", r.Router, r.HomeAgents)
		}
	})
	t.Run("none", func(t *testing.T) {
		b := newBed(t, nil)
		b.start()
		b.hear(1, nil)
		if _, r := b.ask(routers); r.Router || len(r.HomeAgents) != 2 {
			t.Errorf("R %v: %v", r.Router, r.HomeAgents)
		}
	})
}

func TestRequestsThatAreNotAnswered(t *testing.T) {
	type change = func(*role.ICMPIn, *icmp6.HomeAgentDiscoveryRequest)
	for name, c := range map[string]change{
		"not to the anycast address": func(ev *role.ICMPIn, _ *icmp6.HomeAgentDiscoveryRequest) { ev.Dst = self },
		"to another subnet's": func(ev *role.ICMPIn, _ *icmp6.HomeAgentDiscoveryRequest) {
			ev.Dst = icmp6.HomeAgentsAnycast(netip.MustParsePrefix("2001:db8:9::/64"))
		},
		"from nobody":                  func(ev *role.ICMPIn, _ *icmp6.HomeAgentDiscoveryRequest) { ev.Src = netip.IPv6Unspecified() },
		"from a group":                 func(ev *role.ICMPIn, _ *icmp6.HomeAgentDiscoveryRequest) { ev.Src = netip.MustParseAddr("ff02::1") },
		"from a link-local address":    func(ev *role.ICMPIn, _ *icmp6.HomeAgentDiscoveryRequest) { ev.Src = linkLocal(1) },
		"with a Home Address option":   func(ev *role.ICMPIn, _ *icmp6.HomeAgentDiscoveryRequest) { ev.HomeAddress = asker },
		"with a type 2 routing header": func(ev *role.ICMPIn, _ *icmp6.HomeAgentDiscoveryRequest) { ev.RoutingHome = self },
		"code 1":                       func(_ *role.ICMPIn, q *icmp6.HomeAgentDiscoveryRequest) { q.Code = 1 },
		"too short":                    func(ev *role.ICMPIn, _ *icmp6.HomeAgentDiscoveryRequest) { ev.Raw = []byte{144, 0, 0, 0, 1} },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, nil)
			b.start()
			b.request(c)
			b.none()
			if n := only[role.Count](b); n.Counter != CountBadDiscovery {
				t.Errorf("counted as %s", n.Counter)
			}
			b.ask(nil) // the next one is answered
		})
	}
}

// Anybody can ask in anybody's name, so the answers are bounded.
func TestDiscoveryIsRateLimited(t *testing.T) {
	b := newBed(t, func(p *Params) { p.MaxReplies = 10 })
	b.start()
	answered := 0
	for range 1000 {
		b.now = b.now.Add(10 * time.Millisecond)
		b.request(nil)
		if slices.ContainsFunc(b.out, func(e role.Effect) bool { _, ok := e.(role.SendICMP); return ok }) {
			answered++
		} else if c := only[role.Count](b); c.Counter != role.CountRateLimited {
			t.Fatalf("counted as %s", c.Counter)
		}
	}
	if answered < 90 || answered > 110 {
		t.Errorf("%d answers in 10 s, at 10/s", answered)
	}
}

func TestOtherMessagesAreNotOurs(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	for _, raw := range [][]byte{nil, {145, 0}, {147, 0, 0, 0}, {1}} {
		b.step(role.ICMPIn{Src: asker, Dst: anycast, Raw: raw})
		if len(b.out) != 0 {
			t.Errorf("%x: %#v", raw, b.out)
		}
	}
}
