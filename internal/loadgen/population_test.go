package loadgen

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestAddresses(t *testing.T) {
	p := population(1 << 20)
	seen := make(map[netip.Addr]bool)
	for _, i := range []int{0, 1, 255, 256, 65535, 65536, 1<<20 - 1} {
		home := p.HomeAddress(i)
		if got, ok := p.Index(home); !ok || got != i {
			t.Errorf("%d: %s is of mobile node %d (%v)", i, home, got, ok)
		}
		for moves := range uint32(3) {
			a := p.CareOfAddress(i, moves)
			if !p.CareOf.Contains(a) || seen[a] {
				t.Errorf("%d after %d moves: %s", i, moves, a)
			}
			seen[a] = true
		}
	}
	for _, s := range []string{"2001:db8:1::1", "2001:db8:1::ffff", "2001:db8:1::11:0", "2001:db8:2::1:0", "192.0.2.1"} {
		if i, ok := p.Index(netip.MustParseAddr(s)); ok {
			t.Errorf("%s is of mobile node %d", s, i)
		}
	}
	p.CareOf = netip.MustParsePrefix("2001:db8:f9:1::/64")
	if a := p.CareOfAddress(5, 7); !p.CareOf.Contains(a) || a == p.CareOfAddress(5, 6) {
		t.Errorf("in a single subnet: %s", a)
	}
	p.CareOf = netip.MustParsePrefix("fd00::/16")
	if a, want := p.CareOfAddress(0, 0x12345678), netip.MustParseAddr("fd00:0:1234:5678:34:5678:0:1"); a != want {
		t.Errorf("%s, want %s", a, want)
	}
}

func TestCheck(t *testing.T) {
	if err := authenticated(5).Check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Population){
		"no address of the home agent":     func(p *Population) { p.HomeAgent = netip.Addr{} },
		"first mobile node ff02::1":        func(p *Population) { p.First = netip.MustParseAddr("ff02::1") },
		"home agent 192.0.2.1":             func(p *Population) { p.HomeAgent = netip.MustParseAddr("192.0.2.1") },
		"no prefix":                        func(p *Population) { p.CareOf = netip.Prefix{} },
		"care-of prefix 2001:db8::/72":     func(p *Population) { p.CareOf = netip.MustParsePrefix("2001:db8::/72") },
		"care-of prefix 2001:db8::1/64":    func(p *Population) { p.CareOf = netip.MustParsePrefix("2001:db8::1/64") },
		"0 mobile nodes":                   func(p *Population) { p.Nodes = 0 },
		"6 mobile routers of 5":            func(p *Population) { p.Routers = 6 },
		"lifetime 1s":                      func(p *Population) { p.Lifetime = time.Second },
		"SPI 5":                            func(p *Population) { p.Auth.SPI = 5 },
		`replay protection "no"`:           func(p *Population) { p.Auth.Replay = "no" },
		"would be the home address of":     func(p *Population) { p.First = netip.MustParseAddr("2001:db8:1::") },
		"2001:db8:1:0:ffff:ffff:ffff:ffff": func(p *Population) { p.First = netip.MustParseAddr("2001:db8:1:0:ffff:ffff:ffff:ffff") },
	} {
		p := authenticated(5)
		change(p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
