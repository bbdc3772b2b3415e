package ingress

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

func manyBindings(n int) []role.Binding {
	b := make([]role.Binding, n)
	for i := range b {
		hoa, coa := hoa1.As16(), coa1.As16()
		binary.BigEndian.PutUint32(hoa[8:], uint32(i))
		binary.BigEndian.PutUint32(coa[8:], uint32(i))
		b[i] = role.Binding{HomeAddress: netip.AddrFrom16(hoa), CareOf: netip.AddrFrom16(coa)}
	}
	return b
}

func TestKernelFullMapRefusesSingleBindings(t *testing.T) {
	testkernel.Require(t)
	g, err := New(Config{MaxBindings: 32})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	bindings := manyBindings(70)
	bindings[5].CareOf = netip.MustParseAddr("192.0.2.1")
	errs := g.Set(bindings)
	full := 0
	for i, err := range errs {
		switch {
		case i == 5:
			if err == nil {
				t.Error("an IPv4 care-of address was taken")
			}
		case err != nil && strings.Contains(err.Error(), "limit of 64 addresses, two for each of home_agent.max_bindings"):
			full++
		case err != nil:
			t.Errorf("binding %d: %v", i, err)
		}
	}
	if len(errs) != 70 || full != 5 {
		t.Errorf("%d errors, %d for a full map; want 70 and 5", len(errs), full)
	}
	// What is set can still be moved and cleared.
	moved := bindings[0]
	moved.CareOf = coa2
	if errs := g.Set([]role.Binding{moved}); errs != nil {
		t.Errorf("move a binding in a full map: %v", errs)
	}
	if errs := g.Clear([]netip.Addr{bindings[1].HomeAddress}); errs != nil {
		t.Error(errs)
	}
	if errs := g.Set(bindings[69:]); errs != nil {
		t.Errorf("set a binding where one was cleared: %v", errs)
	}
}

// TestKernelRoomForMaxBindings: as many bindings as are allowed fit in every map, with all that each
// may have, and no other.
func TestKernelRoomForMaxBindings(t *testing.T) {
	testkernel.Require(t)
	const n = 40
	g, err := New(Config{MaxBindings: n})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	bindings := manyBindings(n + 1)
	for i := range bindings {
		b := &bindings[i]
		a := b.HomeAddress.As16()
		copy(a[:8], []byte{0xfe, 0x80, 7: 0})
		b.LinkLocal, b.NoRouteOptimization = netip.AddrFrom16(a), true
		for k := range networksEach {
			b.MobilePrefixes = append(b.MobilePrefixes, netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 5: byte(i), 7: byte(k)}), 64))
		}
	}
	set(t, g, bindings[:n]...)
	if errs := g.Set(bindings[n:]); errs == nil || errs[0] == nil {
		t.Error("there is room for one more")
	}
	if errs := g.Clear([]netip.Addr{bindings[0].HomeAddress}); errs != nil {
		t.Fatal(errs)
	}
	set(t, g, bindings[n:]...)
}

// Two home addresses of one node share a link-local address.
func TestKernelLinkLocalStaysWhileWanted(t *testing.T) {
	testkernel.Require(t)
	g, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	ll := netip.MustParseAddr("fe80::101")
	has := func() bool {
		var v addrKey
		k := addrKey(ll.As16())
		return g.bindings.Lookup(&k, &v) == nil
	}
	both := []role.Binding{{HomeAddress: hoa1, CareOf: coa1, LinkLocal: ll}, {HomeAddress: hoa2, CareOf: coa1, LinkLocal: ll}}
	set(t, g, both...)
	set(t, g, both...) // again
	g.Clear([]netip.Addr{hoa1})
	if !has() {
		t.Error("the link-local address went with the first of two home addresses")
	}
	both[1].LinkLocal = netip.Addr{}
	set(t, g, both[1])
	if has() {
		t.Error("the link-local address stayed when nobody wanted it")
	}
	set(t, g, both[0])
	g.Clear([]netip.Addr{hoa1, hoa1})
	if has() || len(g.set) != 1 || len(g.more) != 0 || len(g.local) != 0 {
		t.Errorf("left over: %v, %v, %v", g.set, g.more, g.local)
	}
}

// TestKernelManyInOneCall: what is written and deleted for many bindings in one system call is what
// single calls write and delete, prefixes of mobile routers as well.
func TestKernelManyInOneCall(t *testing.T) {
	testkernel.Require(t)
	g, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	const n, prefixes = 100, 4
	bindings := manyBindings(n)
	var homes []netip.Addr
	for i := range bindings {
		for k := range prefixes {
			a := [16]byte{0: 0xfd, 4: byte(i >> 8), 5: byte(i), 7: byte(k)}
			bindings[i].MobilePrefixes = append(bindings[i].MobilePrefixes, netip.PrefixFrom(netip.AddrFrom16(a), 64))
		}
		homes = append(homes, bindings[i].HomeAddress)
	}
	want := func(what string, bound int) {
		t.Helper()
		var homes, nets int
		var home, careOf addrKey
		for it := g.bindings.Iterate(); it.Next(&home, &careOf); {
			homes++
		}
		var net netKey
		for it := g.networks.Iterate(); it.Next(&net, &careOf); {
			nets++
		}
		if homes != bound || nets != bound*prefixes {
			t.Errorf("%s: %d home addresses and %d networks, want %d and %d", what, homes, nets, bound, bound*prefixes)
		}
	}
	set(t, g, bindings...)
	want("set", n)
	if errs := g.Clear(homes[:n/2]); errs != nil {
		t.Error(errs)
	}
	want("half of them cleared", n/2)
	if errs := g.Clear(homes[n/4 : 3*n/4]); errs != nil { // the first half of these is not there
		t.Error(errs)
	}
	want("and some more", n/4)
	if errs := g.Clear(homes); errs != nil {
		t.Error(errs)
	}
	want("all", 0)
}

func benchmarkSet(b *testing.B, batch int) {
	testkernel.Require(b)
	g, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	bindings := manyBindings(100_000)
	if errs := g.Set(bindings); errs != nil {
		b.Fatal(errs)
	}
	at := 0
	for b.Loop() {
		if at+batch > len(bindings) {
			at = 0
		}
		if errs := g.Set(bindings[at : at+batch]); errs != nil {
			b.Fatal(errs)
		}
		at += batch
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/binding")
}

// With 100,000 bindings in place.
func BenchmarkKernelGateSetOne(b *testing.B)  { benchmarkSet(b, 1) }
func BenchmarkKernelGateSetMany(b *testing.B) { benchmarkSet(b, 1000) }
