package ha

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
)

// The longest prefix that holds a home address decides; a reload ends what is no
// longer allowed, with a word, and leaves the rest alone.
func TestPoliciesByPrefix(t *testing.T) {
	all, one := netip.MustParsePrefix("2001:db8:1::/64"), netip.PrefixFrom(hoa, 128)
	for _, c := range []struct {
		what     string
		policies []Policy
		deny     bool
		router   bool
		status   mh.Status
		lifetime time.Duration
	}{
		{what: "none", status: 0, lifetime: 400 * time.Second},
		{what: "denied by default", deny: true, status: mh.StatusAdministrativelyProhibited},
		{what: "allowed all the same", deny: true, policies: []Policy{{Prefix: one}}, lifetime: 400 * time.Second},
		{what: "denied", policies: []Policy{{Prefix: all, Deny: true}}, status: mh.StatusAdministrativelyProhibited},
		{what: "the longer allows", policies: []Policy{{Prefix: one}, {Prefix: all, Deny: true}}, lifetime: 400 * time.Second},
		{what: "the longer denies", policies: []Policy{{Prefix: all}, {Prefix: one, Deny: true}}, status: mh.StatusAdministrativelyProhibited},
		{what: "for a short time", policies: []Policy{{Prefix: all, MaxLifetime: 90 * time.Second}}, lifetime: 88 * time.Second},
		{what: "another's", policies: []Policy{{Prefix: netip.PrefixFrom(hoa2, 128), Deny: true}}, lifetime: 400 * time.Second},
		{what: "no routers", router: true, policies: []Policy{{Prefix: all, DenyRouters: true}}, status: mh.StatusRouterNotPermitted},
		{what: "hosts", policies: []Policy{{Prefix: all, DenyRouters: true}}, lifetime: 400 * time.Second},
	} {
		p := fleet()
		p.Policies, p.DenyByDefault = c.policies, c.deny
		var change []func(*update)
		if c.router {
			change = append(change, asRouter())
		}
		b := newBed(t, p)
		if a := b.enrol(b.bu(1, change...)); a.ba.Status != c.status || a.ba.Lifetime != c.lifetime {
			t.Errorf("%s: status %d, lifetime %v; want %d, %v", c.what, a.ba.Status, a.ba.Lifetime, c.status, c.lifetime)
		}
		// The same by a reload of a home agent that had no policy.
		b = newBed(t, fleet())
		b.enrol(b.bu(1, change...))
		effects := b.step(Reconfigured{Params: p})
		if bound := len(b.m.Bindings()) == 1; bound != (c.status == 0) || bound != (len(effects) == 0) {
			t.Errorf("%s, by a reload: bound %v, %v", c.what, bound, effects)
		}
	}
}

// TestAnyNumberOfPolicies: the table says what a search through all of them says, of two for a prefix the first,
// and costs the same for many.
func TestAnyNumberOfPolicies(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	address := func() netip.Addr {
		return netip.AddrFrom16([16]byte{0x20, 0x01, 7: byte(r.IntN(3)), 8: byte(r.IntN(3)), 15: byte(r.IntN(3))})
	}
	search := func(p Params, home netip.Addr) Policy {
		best := Policy{Deny: p.DenyByDefault}
		for _, x := range p.Policies {
			if x.Prefix.Contains(home) && (!best.Prefix.IsValid() || x.Prefix.Bits() > best.Prefix.Bits()) {
				best = x
			}
		}
		return best
	}
	for range 300 {
		p := Params{DenyByDefault: r.IntN(2) == 0}
		for i := range r.IntN(40) {
			p.Policies = append(p.Policies, Policy{
				Prefix: netip.PrefixFrom(address(), 48+r.IntN(81)), Deny: r.IntN(2) == 0, MaxLifetime: time.Duration(i+1) * time.Second,
			})
		}
		m := New(p)
		for range 100 {
			if home := address(); m.policy(home) != search(p, home) {
				t.Fatalf("%s: %+v, want %+v of %+v", home, m.policy(home), search(p, home), p.Policies)
			}
		}
	}
}

// BenchmarkPolicy finds the policy of a home address among few and many.
func BenchmarkPolicy(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var p Params
			for i := range n {
				p.Policies = append(p.Policies, Policy{Prefix: netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 4: byte(i >> 8), 5: byte(i)}), 64)})
			}
			m := New(p)
			for b.Loop() {
				m.policy(hoa)
			}
		})
	}
}
