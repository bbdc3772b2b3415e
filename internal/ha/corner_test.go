package ha

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// several makes parameters for n home addresses, from 2001:db8:1::1:0 on.
func several(n int) (Params, []netip.Addr) {
	p := params()
	p.MobileNodes = nil
	homes := make([]netip.Addr, n)
	for i := range homes {
		a := hoa.As16()
		a[13], a[14], a[15] = 1, 0, byte(i)
		homes[i] = netip.AddrFrom16(a)
		p.MobileNodes = append(p.MobileNodes, MobileNode{HomeAddress: homes[i], Auth: &Auth{SPI: 256, Key: key}})
	}
	return p, homes
}

func of(home netip.Addr) func(*update) { return func(u *update) { u.home = home } }

func withL(u *update) { u.bu.LinkLocal = true }

func TestReconfiguredEndsSeveralBindings(t *testing.T) {
	p, homes := several(5)
	b := newBed(t, p)
	for _, h := range homes {
		b.step(b.bu(1, of(h)))
		b.step(role.DADDone{Ifindex: link, Addr: h})
		b.done(nil)
	}
	p.MobileNodes = nil
	if got := b.step(Reconfigured{Params: p}); len(got) != len(homes) || len(b.m.Bindings()) != 0 {
		t.Errorf("%v, %d bindings left", got, len(b.m.Bindings()))
	}
}

func TestReconfiguredDuringDetection(t *testing.T) {
	p := params()
	b := newBed(t, p)
	b.step(b.bu(1))
	p.MobileNodes = nil
	b.step(Reconfigured{Params: p})
	expect(t, "no longer served", b.dad(false), "ba 129 seq 1 lifetime 0s")
}

// TestSharedLinkLocalAddressIsProbedOnce: two home addresses of different
// prefixes on a link may have the same interface identifier.
func TestSharedLinkLocalAddressIsProbedOnce(t *testing.T) {
	second := netip.MustParseAddr("2001:db8:2::100")
	p := params()
	p.Links[0].Prefixes = append(p.Links[0].Prefixes, Prefix{Prefix: netip.MustParsePrefix("2001:db8:2::/64")})
	p.MobileNodes = append(p.MobileNodes, MobileNode{HomeAddress: second, Auth: &Auth{SPI: 256, Key: key}})
	b := newBed(t, p)
	expect(t, "the first", b.step(b.bu(1, withL)), dad1, "dad fe80::100")
	expect(t, "the second", b.step(b.bu(1, withL, of(second))), "dad 2001:db8:2::100")
	b.dad(false)
	b.step(role.DADDone{Ifindex: link, Addr: second})
	expect(t, "the shared one serves both", b.step(role.DADDone{Ifindex: link, Addr: hoaLL}),
		setA, "set 2001:db8:2::100 at 2001:db8:f1::100")
}

func TestLinkLocalAddressAddedLaterIsAdvertised(t *testing.T) {
	b := bound(t, params())
	b.step(b.bu(2, withL))
	b.step(role.DADDone{Ifindex: link, Addr: hoaLL})
	expect(t, "only what is new", b.done(nil), "ba 0 seq 2 lifetime 6m40s", "advertise fe80::100 router=false")
}

// TestHalfClearedBindingIsSetAgain: a refresh must not rely on what the kernel
// may have let go of.
func TestHalfClearedBindingIsSetAgain(t *testing.T) {
	b := bound(t, params())
	b.tick(400 * time.Second)
	b.done(errors.New("no buffer space available"))
	expect(t, "a refresh", b.step(b.bu(2)), setA)
	expect(t, "in force", b.done(nil), "ba 0 seq 2 lifetime 6m40s")
}

func TestRFC6275_9_5_1_NonceIndicesInAHomeRegistrationAreDropped(t *testing.T) {
	b := newBed(t, params())
	nonces := func(u *update) { u.more = mh.Options{mh.NonceIndices{Home: 1, CareOf: 2}} }
	silent(t, b, "nonce indices", b.bu(1, nonces), role.CountMalformed)
}

func TestNothingIsSentToAGroup(t *testing.T) {
	b := bound(t, params())
	group := netip.MustParseAddr("ff02::1")
	silent(t, b, "wrong key", b.bu(2, from(group), withKey("another key, eh?")), role.CountBadCareOf)
	silent(t, b, "de-registration", b.bu(2, from(group), deregister), role.CountBadCareOf)
}

func TestHomeAgentsOwnAddressIsNobodysHome(t *testing.T) {
	p := params()
	p.AllowUnauthenticated = true
	b := newBed(t, p)
	plain := func(u *update) { u.spi, u.stamp, u.home = 0, time.Time{}, local }
	silent(t, b, "our own address", b.bu(1, plain), role.CountBadHomeAddress)
}
