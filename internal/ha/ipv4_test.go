package ha

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var (
	hoa4  = netip.MustParseAddr("192.0.2.100")
	any4  = netip.IPv4Unspecified()
	pool4 = netip.MustParsePrefix("198.51.100.0/30") // two addresses of use: .1 and .2
)

// dualStack is a home agent with a mobile node that has an IPv4 home address of its
// own and two that get theirs from a pool.
func dualStack() Params {
	p := params()
	auth := p.MobileNodes[0].Auth
	p.MobileNodes = []MobileNode{
		{HomeAddress: hoa, Auth: auth, IPv4HomeAddress: hoa4},
		{HomeAddress: hoa2, Auth: auth},
		{HomeAddress: hoa2.Next(), Auth: auth},
		{HomeAddress: hoa2.Next().Next(), Auth: auth},
	}
	p.IPv4Pool = []netip.Prefix{pool4}
	return p
}

func asking4(addrs ...netip.Addr) func(*update) {
	return func(u *update) {
		for _, a := range addrs {
			u.more = append(u.more, mh.IPv4HomeAddress{PrefixLen: 32, Addr: a})
		}
	}
}

// answers4 are the acknowledgement's IPv4 options.
func answers4(a ack) (list []mh.IPv4AddressAcknowledgement) {
	for _, o := range a.ba.Options {
		if o, ok := o.(mh.IPv4AddressAcknowledgement); ok {
			list = append(list, o)
		}
	}
	return list
}

func (b *bed) wantIPv4(what string, a ack, home, want netip.Addr, answers ...mh.IPv4AddressAcknowledgement) {
	b.t.Helper()
	if a.ba.Status != 0 {
		b.t.Errorf("%s: status %d", what, a.ba.Status)
	}
	if diff := cmp.Diff(answers, answers4(a), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		b.t.Errorf("%s: options (-want +got)\n%s", what, diff)
	}
	if x, _ := b.m.Binding(home); x.IPv4HomeAddress != want {
		b.t.Errorf("%s: %s is bound, want %s", what, x.IPv4HomeAddress, want)
	}
}

func accepted4(a netip.Addr) mh.IPv4AddressAcknowledgement {
	return mh.IPv4AddressAcknowledgement{PrefixLen: 32, Addr: a}
}

func refused4(s mh.IPv4Status, a netip.Addr) mh.IPv4AddressAcknowledgement {
	return mh.IPv4AddressAcknowledgement{Status: s, Addr: a}
}

// RFC 5555 §4.5: the address must be allocated to the mobile node (MUST check); the
// option of the acknowledgement says what became of it (MUST include), and the IPv6
// binding does not depend on that.
func TestRFC5555_4_5_IPv4HomeAddressMustBeTheMobileNodes(t *testing.T) {
	b := newBed(t, dualStack())
	other := netip.MustParseAddr("192.0.2.101")
	b.wantIPv4("none asked for", b.enrol(b.bu(1)), hoa, netip.Addr{})
	b.wantIPv4("its own", b.enrol(b.bu(2, asking4(hoa4))), hoa, hoa4, accepted4(hoa4))
	b.wantIPv4("any", b.enrol(b.bu(3, asking4(any4))), hoa, hoa4, accepted4(hoa4))
	b.wantIPv4("another", b.enrol(b.bu(4, asking4(other))), hoa, netip.Addr{}, refused4(mh.IPv4Incorrect, other))
	b.wantIPv4("one of the pool", b.enrol(b.bu(5, asking4(pool4.Addr().Next()))), hoa, netip.Addr{}, refused4(mh.IPv4Incorrect, pool4.Addr().Next()))
	for _, s := range []string{"224.0.0.1", "127.0.0.1", "255.255.255.255", "169.254.1.1"} {
		a := netip.MustParseAddr(s)
		b.wantIPv4(s, b.enrol(b.bu(b.lastAck().ba.Sequence+1, asking4(a))), hoa, netip.Addr{}, refused4(mh.IPv4Invalid, a))
	}
	b.wantIPv4("another's", b.enrol(b.bu(1, home(hoa2), asking4(hoa4))), hoa2, netip.Addr{}, refused4(mh.IPv4Incorrect, hoa4))
	b.wantIPv4("two, one of them its own", b.enrol(b.bu(20, asking4(other, hoa4))), hoa, hoa4,
		refused4(mh.IPv4Incorrect, other), accepted4(hoa4))
	b.wantIPv4("its own twice", b.enrol(b.bu(21, asking4(hoa4, hoa4))), hoa, hoa4, accepted4(hoa4), refused4(mh.IPv4Unspecified, hoa4))
}

// RFC 5555 §4.5: where no prefix can be allocated, the answer says so (MUST).
func TestRFC5555_4_5_PrefixesAreRefused(t *testing.T) {
	b := newBed(t, dualStack())
	a := b.enrol(b.bu(1, func(u *update) {
		u.more = mh.Options{
			mh.IPv4HomeAddress{PrefixLen: 24, Addr: hoa4},
			mh.IPv4HomeAddress{PrefixLen: 32, WantPrefix: true, Addr: any4},
			mh.IPv4HomeAddress{PrefixLen: 32, Addr: hoa4},
		}
	}))
	b.wantIPv4("prefixes and an address", a, hoa, hoa4,
		refused4(mh.IPv4PrefixUnauthorized, hoa4), refused4(mh.IPv4PrefixUnauthorized, any4), accepted4(hoa4))
}

// RFC 5555 §2.5, §4.5: addresses are assigned, kept for who had them, and refused
// when none is left (MUST, 132).
func TestRFC5555_2_5_AddressesAreAssigned(t *testing.T) {
	first, second := pool4.Addr().Next(), pool4.Addr().Next().Next()
	homes := []netip.Addr{hoa2, hoa2.Next(), hoa2.Next().Next()}
	b := newBed(t, dualStack())
	b.wantIPv4("first", b.enrol(b.bu(1, home(homes[0]), asking4(any4))), homes[0], first, accepted4(first))
	b.wantIPv4("again", b.enrol(b.bu(2, home(homes[0]), asking4(any4))), homes[0], first, accepted4(first))
	b.wantIPv4("by name", b.enrol(b.bu(3, home(homes[0]), asking4(first))), homes[0], first, accepted4(first))
	b.wantIPv4("another of the pool", b.enrol(b.bu(4, home(homes[0]), asking4(second))), homes[0], netip.Addr{}, refused4(mh.IPv4Incorrect, second))
	b.wantIPv4("who has it", b.enrol(b.bu(1, home(homes[1]), asking4(first))), homes[1], netip.Addr{}, refused4(mh.IPv4Incorrect, first))
	b.wantIPv4("second", b.enrol(b.bu(2, home(homes[1]), asking4(second))), homes[1], second, accepted4(second))
	b.wantIPv4("none left", b.enrol(b.bu(1, home(homes[2]), asking4(any4))), homes[2], netip.Addr{}, refused4(mh.IPv4NoneToAssign, any4))
	b.wantIPv4("the subnet's own name", b.enrol(b.bu(2, home(homes[2]), asking4(pool4.Addr()))), homes[2], netip.Addr{}, refused4(mh.IPv4Incorrect, pool4.Addr()))

	// The first goes home. Its address is its own until another needs it.
	if a := b.enrol(b.bu(5, home(homes[0]), deregister, asking4(first))); len(answers4(a)) != 0 {
		t.Errorf("a de-registration is answered with %v", answers4(a))
	}
	b.wantIPv4("back", b.enrol(b.bu(6, home(homes[0]), asking4(any4))), homes[0], first, accepted4(first))
	b.enrol(b.bu(7, home(homes[0]), deregister))
	b.wantIPv4("one is free now", b.enrol(b.bu(3, home(homes[2]), asking4(any4))), homes[2], first, accepted4(first))
	b.wantIPv4("too late", b.enrol(b.bu(8, home(homes[0]), asking4(any4))), homes[0], netip.Addr{}, refused4(mh.IPv4NoneToAssign, any4))
}

// RFC 5555 §4.5: the home agent is a proxy for the IPv4 home address (MUST); the link
// hears of it once.
func TestRFC5555_4_5_TheLinkHearsOfIt(t *testing.T) {
	b := newBed(t, dualStack())
	b.enrol(b.bu(1))
	b.now = b.now.Add(time.Second)
	b.step(b.bu(2, asking4(hoa4)))
	expect(t, "bound", b.done(nil), "ba 0 seq 2 lifetime 6m40s", "advertise "+hoa4.String()+" router=false")
	b.now = b.now.Add(time.Second)
	expect(t, "refreshed", b.step(b.bu(3, asking4(hoa4))), "ba 0 seq 3 lifetime 6m40s")
}

// What is protected by IPsec must not go in clear because it is IPv4: none is assigned,
// and one that was ends with the reload that asks for protection.
func TestNoIPv4BesideProtectedPayload(t *testing.T) {
	b := newBed(t, dualStack())
	first := pool4.Addr().Next()
	b.wantIPv4("unprotected", b.enrol(b.bu(1, home(hoa2), asking4(any4))), hoa2, first, accepted4(first))
	p := dualStack()
	p.MobileNodes[1].NoIPv4 = true
	expect(t, "reload", b.step(Reconfigured{Params: p}), "set "+hoa2.String()+" at "+coaA.String())
	b.done(nil)
	if x, ok := b.m.Binding(hoa2); !ok || x.IPv4HomeAddress.IsValid() {
		t.Errorf("%+v", x)
	}
	for n, a := range []netip.Addr{any4, first} {
		b.wantIPv4("protected", b.enrol(b.bu(uint16(2+n), home(hoa2), asking4(a))), hoa2, netip.Addr{}, refused4(mh.IPv4Prohibited, a))
	}
}

// RFC 5555 §4.4.2.1: a Binding Update without the option ends the IPv4 home address
// and leaves the binding; the kernel is told before it is acknowledged.
func TestRFC5555_4_4_2_1_WithoutTheOptionItEnds(t *testing.T) {
	b := newBed(t, dualStack())
	b.enrol(b.bu(1, asking4(hoa4)))
	b.now = b.now.Add(time.Second)
	n := len(b.acks)
	expect(t, "without", b.step(b.bu(2)), "set "+hoa.String()+" at "+coaA.String())
	if len(b.acks) != n {
		t.Fatal("acknowledged before the kernel has it")
	}
	b.done(nil)
	b.wantIPv4("without", b.lastAck(), hoa, netip.Addr{})
}

// A reload that takes an IPv4 home address away leaves the binding in force.
func TestReloadOfIPv4HomeAddresses(t *testing.T) {
	b := newBed(t, dualStack())
	b.enrol(b.bu(1, asking4(hoa4)))
	b.enrol(b.bu(1, home(hoa2), asking4(any4)))
	b.enrol(b.bu(1, home(hoa2.Next()), asking4(any4)))
	p := dualStack()
	kept, lost := pool4.Addr().Next(), pool4.Addr().Next().Next()
	p.MobileNodes[0].IPv4HomeAddress = lost // which is another's, for now
	expect(t, "reload", b.step(Reconfigured{Params: p}),
		"set "+hoa.String()+" at "+coaA.String(), "set "+hoa2.Next().String()+" at "+coaA.String())
	b.done(nil)
	b.done(nil)
	for home, want := range map[netip.Addr]netip.Addr{hoa: {}, hoa2: kept, hoa2.Next(): {}} {
		if x, ok := b.m.Binding(home); !ok || x.IPv4HomeAddress != want {
			t.Errorf("%s has %s, want %s", home, x.IPv4HomeAddress, want)
		}
	}
	b.wantIPv4("its new one", b.enrol(b.bu(2, asking4(any4))), hoa, lost, accepted4(lost))
	b.wantIPv4("it was another's", b.enrol(b.bu(2, home(hoa2.Next()), asking4(lost))), hoa2.Next(), netip.Addr{}, refused4(mh.IPv4Incorrect, lost))
}

// A reload while the detection runs, and one while the kernel works.
func TestReloadOverIPv4HomeAddressesInTheMaking(t *testing.T) {
	without := dualStack()
	without.MobileNodes[0].IPv4HomeAddress, without.IPv4Pool = netip.Addr{}, nil
	t.Run("detecting", func(t *testing.T) {
		b := newBed(t, dualStack())
		b.step(b.bu(1, asking4(hoa4)))
		b.step(Reconfigured{Params: without})
		b.dad(false)
		b.done(nil)
		b.wantIPv4("reload meanwhile", b.lastAck(), hoa, netip.Addr{})
	})
	t.Run("setting", func(t *testing.T) {
		b := newBed(t, dualStack())
		b.step(b.bu(1, asking4(hoa4)))
		b.dad(false)
		b.step(Reconfigured{Params: without})
		expect(t, "the kernel is set right", b.done(nil), "clear "+hoa.String(), "ba 129 seq 1 lifetime 0s")
	})
}

// An earlier run's binding keeps its IPv4 home address, and nobody else gets it.
func TestRestoredIPv4HomeAddress(t *testing.T) {
	b := newBed(t, dualStack())
	first := pool4.Addr().Next()
	restore := func(home, a netip.Addr) role.Binding {
		return role.Binding{HomeAddress: home, CareOf: coaA, HomeAgent: local, IPv4HomeAddress: a, Sequence: 7, Expires: t0.Add(time.Hour)}
	}
	b.step(restored(
		restore(hoa2, first), restore(hoa2.Next(), first), restore(hoa, first), restore(hoa2.Next().Next(), hoa4),
	))
	for home, want := range map[netip.Addr]netip.Addr{hoa2: first, hoa2.Next(): {}, hoa: {}, hoa2.Next().Next(): {}} {
		if x, ok := b.m.Binding(home); !ok || x.IPv4HomeAddress != want {
			t.Errorf("%s has %s, want %s", home, x.IPv4HomeAddress, want)
		}
	}
	for len(b.asked) > 0 {
		b.done(nil)
	}
	b.wantIPv4("the next", b.enrol(b.bu(8, home(hoa2.Next()), asking4(any4))), hoa2.Next(), first.Next(), accepted4(first.Next()))
}

// An address that was a mobile node's by configuration, and is one of the pool after a
// reload, stays its own: nobody else gets it.
func TestReloadGivesAConfiguredAddressToThePool(t *testing.T) {
	b := newBed(t, dualStack())
	first := pool4.Addr().Next()
	p := dualStack()
	p.MobileNodes[0].IPv4HomeAddress, p.MobileNodes[1].IPv4HomeAddress = first, hoa4
	b.step(Reconfigured{Params: p})
	b.wantIPv4("configured", b.enrol(b.bu(1, asking4(first))), hoa, first, accepted4(first))
	p.MobileNodes[0].IPv4HomeAddress = netip.Addr{}
	b.step(Reconfigured{Params: p})
	third := hoa2.Next()
	b.wantIPv4("by name", b.enrol(b.bu(1, home(third), asking4(first))), third, netip.Addr{}, refused4(mh.IPv4Incorrect, first))
	b.wantIPv4("any", b.enrol(b.bu(2, home(third), asking4(any4))), third, first.Next(), accepted4(first.Next()))
	b.wantIPv4("a refresh", b.enrol(b.bu(2, asking4(first))), hoa, first, accepted4(first))
}

// A pool that goes and comes back while the kernel works does not give an address to
// two.
func TestReloadTakesThePoolAwayAndBack(t *testing.T) {
	without := dualStack()
	without.IPv4Pool = nil
	first := pool4.Addr().Next()
	b := newBed(t, dualStack())
	b.step(b.bu(1, home(hoa2), asking4(first)))
	b.probed(hoa2) // the kernel is asked
	b.step(Reconfigured{Params: without})
	b.step(Reconfigured{Params: dualStack()})
	b.step(b.bu(1, home(hoa2.Next()), asking4(first)))
	b.probed(hoa2.Next())
	for len(b.asked) > 0 {
		b.done(nil)
	}
	b.onlyOne(first)
}

// What waits for the kernel when a reload gives its IPv4 home address to another does
// not take it from that one afterwards.
func TestReloadOverAWaitingRequest(t *testing.T) {
	b := newBed(t, dualStack())
	b.step(b.bu(1, asking4(hoa4)))
	b.dad(false)
	b.now = b.now.Add(time.Second)
	b.step(b.bu(2, asking4(hoa4), from(coaB)))
	p := dualStack()
	p.MobileNodes[0].IPv4HomeAddress, p.MobileNodes[1].IPv4HomeAddress = netip.Addr{}, hoa4
	b.step(Reconfigured{Params: p})
	b.step(b.bu(1, home(hoa2), asking4(hoa4)))
	b.probed(hoa2)
	before := len(b.sets)
	for range 3 {
		for len(b.asked) > 0 {
			b.done(nil)
		}
		b.probed(hoa)
	}
	for _, x := range b.sets[before:] {
		if x.HomeAddress == hoa && x.IPv4HomeAddress.IsValid() {
			t.Errorf("the kernel is to give %s to %s again", x.IPv4HomeAddress, hoa)
		}
	}
	if x, _ := b.m.Binding(hoa); x.CareOf != coaB {
		t.Errorf("the waiting request has made %+v", x)
	}
	b.onlyOne(hoa4)
}

// probed says that an address is free.
func (b *bed) probed(a netip.Addr) { b.step(role.DADDone{Ifindex: link, Addr: a}) }

// onlyOne insists that one binding has an IPv4 home address.
func (b *bed) onlyOne(a netip.Addr) {
	b.t.Helper()
	var who []netip.Addr
	for _, x := range b.m.Bindings() {
		if x.IPv4HomeAddress == a {
			who = append(who, x.HomeAddress)
		}
	}
	if len(who) != 1 {
		b.t.Errorf("%s is bound to %v", a, who)
	}
}

// RFC 5555 §3.1.1: the P flag must be ignored for binding refreshes.
func TestRFC5555_3_1_1_PFlagOfARefreshIsIgnored(t *testing.T) {
	b := newBed(t, dualStack())
	p := func(u *update) { u.more = mh.Options{mh.IPv4HomeAddress{PrefixLen: 32, WantPrefix: true, Addr: hoa4}} }
	b.wantIPv4("new", b.enrol(b.bu(1, p)), hoa, netip.Addr{}, refused4(mh.IPv4PrefixUnauthorized, hoa4))
	b.wantIPv4("without", b.enrol(b.bu(2, asking4(hoa4))), hoa, hoa4, accepted4(hoa4))
	b.wantIPv4("a refresh", b.enrol(b.bu(3, p)), hoa, hoa4, accepted4(hoa4))
}

// A pool that is the home link's subnet has the home agent's own address in it: that is
// nobody's to get.
func TestOwnIPv4AddressesAreNotAssigned(t *testing.T) {
	p := dualStack()
	first := pool4.Addr().Next()
	p.OwnIPv4 = []netip.Addr{first}
	b := newBed(t, p)
	b.wantIPv4("any", b.enrol(b.bu(1, home(hoa2), asking4(any4))), hoa2, first.Next(), accepted4(first.Next()))
	b.wantIPv4("by name", b.enrol(b.bu(1, home(hoa2.Next()), asking4(first))), hoa2.Next(), netip.Addr{}, refused4(mh.IPv4Incorrect, first))
	b.wantIPv4("none left", b.enrol(b.bu(2, home(hoa2.Next()), asking4(any4))), hoa2.Next(), netip.Addr{}, refused4(mh.IPv4NoneToAssign, any4))
}

// What is being made when a reload gives its address to the pool keeps it, and an
// address of the pool is others' once its holder has one of its own.
func TestReloadLendsAndTakesBack(t *testing.T) {
	first := pool4.Addr().Next()
	p := dualStack()
	p.MobileNodes[0].IPv4HomeAddress = first
	b := newBed(t, p)
	b.step(b.bu(1, asking4(first)))
	b.dad(false) // the kernel is asked
	given := dualStack()
	given.MobileNodes[0].IPv4HomeAddress = netip.Addr{}
	b.step(Reconfigured{Params: given})
	b.step(b.bu(1, home(hoa2), asking4(first)))
	b.probed(hoa2)
	for len(b.asked) > 0 {
		b.done(nil)
	}
	b.onlyOne(first)
	if x, _ := b.m.Binding(hoa); x.IPv4HomeAddress != first {
		t.Errorf("who had it first has %s", x.IPv4HomeAddress)
	}
	b.step(Reconfigured{Params: dualStack()}) // it has one of its own again
	b.done(nil)
	b.now = b.now.Add(time.Second)
	b.wantIPv4("taken back", b.enrol(b.bu(2, home(hoa2), asking4(first))), hoa2, first, accepted4(first))
}

// TestAnExhaustedPoolTakesFromWhoIsUnboundTheLongest, and from nobody who is bound.
func TestAnExhaustedPoolTakesFromWhoIsUnboundTheLongest(t *testing.T) {
	p := dualStack()
	auth := p.MobileNodes[0].Auth
	p.IPv4Pool = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/29")} // six of use
	var homes []netip.Addr
	for a := hoa2; len(homes) < 9; a = a.Next() {
		homes = append(homes, a)
	}
	p.MobileNodes = nil
	for _, a := range homes {
		p.MobileNodes = append(p.MobileNodes, MobileNode{HomeAddress: a, Auth: auth})
	}
	b := newBed(t, p)
	address := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, 100, byte(n + 1)}) }
	for i := range 6 {
		b.wantIPv4("of the pool", b.enrol(b.bu(1, home(homes[i]), asking4(any4))), homes[i], address(i), accepted4(address(i)))
	}
	for _, i := range []int{4, 2, 3} {
		b.enrol(b.bu(2, home(homes[i]), deregister))
		b.tick(time.Second)
	}
	b.wantIPv4("back before another wants it", b.enrol(b.bu(3, home(homes[4]), asking4(any4))), homes[4], address(4), accepted4(address(4)))
	b.wantIPv4("the longest", b.enrol(b.bu(1, home(homes[6]), asking4(any4))), homes[6], address(2), accepted4(address(2)))
	b.wantIPv4("the next", b.enrol(b.bu(1, home(homes[7]), asking4(any4))), homes[7], address(3), accepted4(address(3)))
	b.wantIPv4("none", b.enrol(b.bu(1, home(homes[8]), asking4(any4))), homes[8], netip.Addr{}, refused4(mh.IPv4NoneToAssign, any4))
	b.enrol(b.bu(4, home(homes[4]), deregister))
	b.wantIPv4("again", b.enrol(b.bu(2, home(homes[8]), asking4(any4))), homes[8], address(4), accepted4(address(4)))
}
