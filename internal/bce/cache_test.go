package bce

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"mip6d/internal/role"
)

var t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func binding(host byte, expires time.Duration) role.Binding {
	return role.Binding{
		HomeAddress: netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 15: host}),
		Expires:     t0.Add(expires),
	}
}

// Requirements: 6275-9.1-2, 6275-9.5.1-3
func TestRFC6275_9_5_1_SequenceNumbersCompareModulo65536(t *testing.T) {
	for _, c := range []struct {
		a, b uint16
		want bool
	}{
		{1, 0, true}, {0, 1, false}, {5, 5, false},
		{0, 65535, true}, {65535, 0, false}, {10, 65530, true},
		{32767, 0, true}, // the last of the window
		{32768, 0, false},
		{32769, 0, false},
		{0, 32769, true},
	} {
		if got := Later(c.a, c.b); got != c.want {
			t.Errorf("Later(%d, %d) = %v", c.a, c.b, got)
		}
	}
}

// Requirements: 6275-6.1.7-8
func TestBindingsExpireInOrder(t *testing.T) {
	var c Cache
	order := rand.New(rand.NewPCG(1, 1)).Perm(100)
	for _, i := range order {
		c.Set(binding(byte(i), time.Duration(i)*time.Second))
	}
	if c.Len() != 100 || !c.Next().Equal(t0) {
		t.Fatalf("%d bindings, the next expires at %v", c.Len(), c.Next())
	}
	now := t0.Add(49 * time.Second)
	for i := range 50 {
		b, ok := c.PopExpired(now)
		if !ok || b.HomeAddress != binding(byte(i), 0).HomeAddress {
			t.Fatalf("expired %d: %v %v", i, b.HomeAddress, ok)
		}
		if _, there := c.Get(b.HomeAddress); there {
			t.Errorf("%v expired but is there", b.HomeAddress)
		}
	}
	if b, ok := c.PopExpired(now); ok {
		t.Errorf("%v expired early", b.HomeAddress)
	}
}

func TestSetReplacesAndMovesExpiry(t *testing.T) {
	var c Cache
	c.Set(binding(1, time.Second))
	c.Set(binding(2, 2*time.Second))
	c.Set(binding(1, 3*time.Second))
	if c.Len() != 2 || !c.Next().Equal(t0.Add(2*time.Second)) {
		t.Errorf("%d bindings, the next expires at %v", c.Len(), c.Next())
	}
	c.Delete(binding(2, 0).HomeAddress)
	c.Delete(binding(2, 0).HomeAddress) // there is none
	if c.Len() != 1 || !c.Next().Equal(t0.Add(3*time.Second)) {
		t.Errorf("%d bindings, the next expires at %v", c.Len(), c.Next())
	}
	c.Delete(binding(1, 0).HomeAddress)
	if !c.Next().IsZero() || c.Len() != 0 {
		t.Error("an empty cache has something to expire")
	}
	for range c.All() {
		t.Error("an empty cache yields a binding")
	}
}

func TestRFC3963_6_1_1_AnAddressIsBehindItsMobileRouter(t *testing.T) {
	var c Cache
	router := func(host byte, prefixes ...string) role.Binding {
		b := binding(host, time.Duration(host)*time.Second)
		for _, p := range prefixes {
			b.MobilePrefixes = append(b.MobilePrefixes, netip.MustParsePrefix(p))
		}
		return b
	}
	want := func(what, addr string, host byte) {
		t.Helper()
		b, ok := c.Behind(netip.MustParseAddr(addr))
		if ok != (host != 0) || ok && b.HomeAddress != binding(host, 0).HomeAddress {
			t.Errorf("%s: %s is behind %v, %v; want host %d", what, addr, b.HomeAddress, ok, host)
		}
	}
	want("empty", "2001:db8:a::1", 0)
	c.Set(router(1, "2001:db8:a::/48"))
	c.Set(router(2, "2001:db8:b::/64", "2001:db8:a:5::/64"))
	want("both", "2001:db8:a::1", 1)
	want("longest", "2001:db8:a:5::1", 2)
	want("outside", "2001:db8:b:1::1", 0)
	c.Set(router(2, "2001:db8:b::/64"))
	want("given up", "2001:db8:a:5::1", 1)
	c.PopExpired(t0.Add(time.Second))
	want("expired", "2001:db8:a::1", 0)
	c.Delete(router(2).HomeAddress)
	want("deleted", "2001:db8:b::1", 0)
}

// TestABindingComesBackAsItWas: with each of its fields, of which a new one is not forgotten here.
func TestABindingComesBackAsItWas(t *testing.T) {
	full := role.Binding{
		HomeAddress: netip.MustParseAddr("2001:db8:1::1"), CareOf: netip.MustParseAddr("2001:db8:f1::1"), HomeAgent: netip.MustParseAddr("2001:db8:1::2"),
		Ifindex: 1 << 30, LinkLocal: netip.MustParseAddr("fe80::1"), Router: true, MobileRouter: true, KeyMgmt: true, NoRouteOptimization: true,
		Sequence: 65535, Lifetime: 262140 * time.Second, Expires: time.Now().Add(time.Hour), Created: time.Now(), Moves: 1 << 31, ReplayStamp: 1<<64 - 1,
		MobilePrefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:a::/48")}, IPv4HomeAddress: netip.MustParseAddr("10.0.0.1"),
	}
	all := reflect.ValueOf(full)
	for i := range all.NumField() {
		if all.Field(i).IsZero() {
			t.Errorf("%s is not tried", all.Type().Field(i).Name)
		}
		one := reflect.New(all.Type()).Elem()
		one.FieldByName("HomeAddress").Set(all.FieldByName("HomeAddress"))
		one.Field(i).Set(all.Field(i))
		want := one.Interface().(role.Binding)
		for _, want := range []role.Binding{full, want} {
			var c Cache
			c.Set(want)
			if got, ok := c.Get(full.HomeAddress); !ok || !c.Has(full.HomeAddress) || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
	}
	if size := unsafe.Sizeof(entry{}); size > 128 {
		t.Errorf("an entry takes %d octets, and the allocator gives it more than 128", size)
	}
}
