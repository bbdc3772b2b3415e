package mn

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

const (
	addA    = "add 2001:db8:a:0:a8:bbff:fecc:ddee/64 on 2"
	addB    = "add 2001:db8:b:0:a8:bbff:fecc:ddee/64 on 2"
	tunnelA = "path tunnelled 2001:db8:a:0:a8:bbff:fecc:ddee to 2001:db8:1::1 on 2"
	tunnelB = "path tunnelled 2001:db8:b:0:a8:bbff:fecc:ddee to 2001:db8:1::1 on 2"
	buA     = "BU lifetime 6m40s from 2001:db8:a:0:a8:bbff:fecc:ddee home 2001:db8:1::100"
	buB     = "BU lifetime 6m40s from 2001:db8:b:0:a8:bbff:fecc:ddee home 2001:db8:1::100"
	removeA = "remove 2001:db8:a:0:a8:bbff:fecc:ddee on 2"
	removeB = "remove 2001:db8:b:0:a8:bbff:fecc:ddee on 2"
)

func TestSolicitationsAtLinkUp(t *testing.T) {
	b := started(t, defaultParams())
	expect(t, "link up", b.step(up(eth)), "solicit 2")
	var at []float64
	for range 8 {
		next := b.m.Deadline()
		b.wait(next.Sub(b.now))
		for _, line := range render(b.effects) {
			if line == "solicit 2" {
				at = append(at, b.now.Sub(t0).Seconds())
			}
		}
	}
	// 1 s is the end of ConfirmTimeout and of a solicitation's interval.
	want := []float64{0.25, 1, 3, 7, 15, 31, 63, 123}
	if diff := cmp.Diff(want, at); diff != "" {
		t.Errorf("solicitations after link-up, in seconds (-want +got):\n%s", diff)
	}
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusAccepted)
	if got := b.wait(200 * time.Second); len(got) != 0 {
		t.Errorf("after an advertisement: %v", got)
	}
}

func TestSolicitationsStopAtLinkDown(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(down(eth))
	expect(t, "link down", b.wait(time.Minute))
}

func TestUnmanagedInterfacesAreIgnored(t *testing.T) {
	b := started(t, defaultParams())
	expect(t, "link up", b.step(role.LinkUp{Ifindex: 9, Name: "docker0", LinkAddr: ethMAC}))
	expect(t, "advertisement", b.step(ra(9, routerA, netA)))
	if v := b.m.Interfaces(b.now); len(v) != 0 {
		t.Errorf("interfaces: %+v", v)
	}
}

// Requirements: 6275-7.5-1, 6275-11.5.3-1
func TestFirstAdvertisementAfterLinkUpDecides(t *testing.T) {
	b := awayAt(t, defaultParams())
	expect(t, "link up, no link down seen", b.step(up(eth)), "solicit 2")
	expect(t, "first advertisement", b.step(ra(eth, routerB, netB)), addB, tunnelB, buB, removeA)
}

func TestSamePrefixAfterLinkUpConfirms(t *testing.T) {
	for _, tt := range []struct {
		name   string
		router netip.Addr
		want   []string
	}{{"same router", routerA, nil}, {"another router: the first hop follows", routerA2, []string{tunnelA}}} {
		t.Run(tt.name, func(t *testing.T) {
			b := awayAt(t, defaultParams())
			b.step(down(eth))
			b.wait(5 * time.Second)
			b.step(up(eth))
			expect(t, "advertisement", b.step(ra(eth, tt.router, netA)), tt.want...)
			if v := b.m.Interfaces(b.now)[0]; v.State != "confirmed" || v.CareOf != coaA || !v.Ready {
				t.Errorf("interface: %+v", v)
			}
			if got := b.path().Router; got != tt.router {
				t.Errorf("first hop %v, want %v", got, tt.router)
			}
			if len(b.bus) != 1 {
				t.Errorf("%d Binding Updates, want the first alone", len(b.bus))
			}
		})
	}
}

func TestConfirmedLinkResumesAtOnce(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.step(down(eth)) // before the acknowledgement
	if got := b.wait(8 * time.Second); len(got) != 0 {
		t.Errorf("while the link is down: %v", got)
	}
	b.step(up(eth))
	if got := b.wait(100 * time.Millisecond); len(got) != 0 {
		t.Errorf("before a router is heard: %v", got)
	}
	expect(t, "advertisement", b.step(ra(eth, routerA, netA)), buA)
}

func TestRFC6275_11_5_1_NewRouterIsNoHandover(t *testing.T) {
	b := awayAt(t, defaultParams())
	expect(t, "another router of the link", b.step(ra(eth, routerA2, netA)))
	expect(t, "for ten minutes", b.wait(10*time.Second))
}

func TestRFC6275_11_5_1_NewPrefixIsNoHandoverWhileTheOldRouterAnswers(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.wait(10 * time.Second)
	expect(t, "another router with another prefix", b.step(ra(eth, routerB, netB)), "solicit 2")
	b.wait(400 * time.Millisecond)
	expect(t, "the old router answers", b.step(ra(eth, routerA, netA)))
	for range 20 { // both go on
		b.wait(3 * time.Second)
		b.step(ra(eth, routerA, netA))
		b.step(ra(eth, routerB, netB))
	}
	if len(b.bus) != 1 {
		t.Errorf("%d Binding Updates, want the first alone", len(b.bus))
	}
	if v := b.m.Interfaces(b.now)[0]; len(v.Routers) != 2 {
		t.Errorf("%d routers known, want both", len(v.Routers))
	}
}

func TestRFC6275_11_5_1_NewPrefixIsAHandoverWhenTheOldRouterIsSilent(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.wait(10 * time.Second)
	b.step(ra(eth, routerB, netB))
	got := b.wait(4 * time.Second)
	expect(t, "at the end of the doubt", slices.DeleteFunc(got, func(s string) bool { return s == "solicit 2" }),
		addB, tunnelB, buB, removeA)
}

func TestRFC6275_11_5_1_LinkLocalAddressesProveNothing(t *testing.T) {
	b := awayAt(t, defaultParams())
	expect(t, "the same router address with another prefix", b.step(ra(eth, routerA, netB)), addB, tunnelB, buB)
	expect(t, "registered", b.ack(mh.StatusAccepted), removeA)
	// And back, without a word from the driver: the prefix is known now, but
	// the one in use is not heard any more.
	for range 3 {
		b.wait(3 * time.Second)
		b.step(ra(eth, routerA, netA))
	}
	b.wait(3 * time.Second)
	if got := b.lastBU().coa; got != coaA {
		t.Errorf("registered %v, want %v", got, coaA)
	}
}

// Requirements: 6275-7.3-3
func TestRFC6275_11_5_1_AdvertisementInterval(t *testing.T) {
	const interval = 100 * time.Millisecond
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(edit(ra(eth, routerA, netA), withInterval(interval)))
	b.ack(mh.StatusAccepted)
	for range 10 { // in time
		expect(t, "regular advertisements", b.wait(90*time.Millisecond))
		b.step(edit(ra(eth, routerA, netA), withInterval(interval)))
	}
	expect(t, "one lost", b.wait(190*time.Millisecond))
	b.step(edit(ra(eth, routerA, netA), withInterval(interval)))
	expect(t, "three missed", b.wait(301*time.Millisecond), "solicit 2")
	b.wait(100 * time.Millisecond)
	expect(t, "another router speaks", b.step(ra(eth, routerB, netB)))
	expect(t, "the old one does not", b.wait(250*time.Millisecond), "solicit 2", addB, tunnelB, buB, removeA)
}

func TestMissedAdvertisementsEndInSilence(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(edit(ra(eth, routerA, netA), withInterval(100*time.Millisecond)))
	b.ack(mh.StatusAccepted)
	b.wait(2 * time.Second)
	v := b.m.Interfaces(b.now)[0]
	if v.State != "silent" {
		t.Errorf("state %q, want silent", v.State)
	}
	if p := b.path(); p.Mode != role.PathTunnelled || p.CareOf != coaA {
		t.Errorf("path %s, want the old one for want of a better", renderPath(p))
	}
	// The first word after the silence decides.
	expect(t, "another link", b.step(ra(eth, routerB, netB)), addB, tunnelB, buB, removeA)
}

func TestSilenceEndsWithTheSameRouter(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(edit(ra(eth, routerA, netA), withInterval(100*time.Millisecond)))
	b.ack(mh.StatusAccepted)
	b.wait(2 * time.Second)
	expect(t, "the router is back", b.step(edit(ra(eth, routerA, netA), withInterval(100*time.Millisecond))))
	if v := b.m.Interfaces(b.now)[0]; v.State != "confirmed" {
		t.Errorf("state %q, want confirmed", v.State)
	}
	if len(b.bus) != 1 {
		t.Errorf("%d Binding Updates, want the first alone", len(b.bus))
	}
}

func TestRFC6275_11_5_1_NeighbourUnreachability(t *testing.T) {
	t.Run("no other router", func(t *testing.T) {
		b := awayAt(t, defaultParams())
		b.wait(time.Second)
		expect(t, "unreachable", b.step(role.RouterUnreachable{Ifindex: eth, Router: routerA}), "solicit 2")
		b.wait(2 * time.Second)
		if v := b.m.Interfaces(b.now)[0]; v.State != "silent" || v.CareOf != coaA {
			t.Errorf("interface: %+v", v)
		}
	})
	t.Run("another router with the same prefix", func(t *testing.T) {
		b := awayAt(t, defaultParams())
		b.step(ra(eth, routerA2, netA))
		b.wait(time.Second)
		b.step(role.RouterUnreachable{Ifindex: eth, Router: routerA})
		b.step(ra(eth, routerA2, netA))
		b.wait(2 * time.Second)
		v := b.m.Interfaces(b.now)[0]
		if v.State != "confirmed" || len(v.Routers) != 1 || v.Routers[0].Address != routerA2 {
			t.Errorf("interface: %+v", v)
		}
		if got := b.path().Router; got != routerA2 {
			t.Errorf("first hop %v, want %v", got, routerA2)
		}
		if len(b.bus) != 1 {
			t.Errorf("%d Binding Updates, want the first alone", len(b.bus))
		}
	})
	t.Run("another router with another prefix", func(t *testing.T) {
		b := awayAt(t, defaultParams())
		b.wait(time.Second)
		b.step(role.RouterUnreachable{Ifindex: eth, Router: routerA})
		b.step(ra(eth, routerB, netB))
		b.wait(2 * time.Second)
		if got := b.lastBU().coa; got != coaB {
			t.Errorf("registered %v, want %v", got, coaB)
		}
	})
	t.Run("a router we do not use", func(t *testing.T) {
		b := awayAt(t, defaultParams())
		expect(t, "unreachable", b.step(role.RouterUnreachable{Ifindex: eth, Router: routerB}))
		expect(t, "unknown interface", b.step(role.RouterUnreachable{Ifindex: 77, Router: routerA}))
	})
}

func TestSeveralRoutersDoNotMakeUsWander(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusAccepted)
	for i := range 100 {
		b.wait(400 * time.Millisecond)
		switch i % 3 {
		case 0:
			b.step(ra(eth, routerA, netA))
		case 1:
			b.step(ra(eth, routerB, netB))
		case 2:
			b.step(ra(eth, routerA2, netA, netC))
		}
	}
	if len(b.bus) != 1 {
		t.Errorf("%d Binding Updates, want the first alone", len(b.bus))
	}
}

func TestRouterThatSplitsItsPrefixesDoesNotMakeUsWander(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	for range 50 {
		b.step(ra(eth, routerA, netA))
		b.wait(200 * time.Millisecond)
		b.step(ra(eth, routerA, netB))
		b.wait(200 * time.Millisecond)
		if b.bus[len(b.bus)-1].bu.Sequence != 0 {
			b.ack(mh.StatusAccepted)
		}
	}
	var to []netip.Addr
	for _, s := range b.bus {
		to = append(to, s.coa)
	}
	if diff := cmp.Diff([]netip.Addr{coaA, coaB}, to, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("care-of addresses registered (-want +got):\n%s", diff)
	}
}

func TestRouterFloodIsBounded(t *testing.T) {
	b := awayAt(t, defaultParams())
	for i := range 2000 {
		r := netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: 1, 14: byte(i >> 8), 15: byte(i)})
		var nets []netip.Prefix
		for j := range 40 {
			nets = append(nets, netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 4: byte(i >> 8), 5: byte(i), 7: byte(j)}), 64))
		}
		b.step(ra(eth, r, nets...))
	}
	v := b.m.Interfaces(b.now)[0]
	if len(v.Routers) > maxRouters {
		t.Errorf("%d routers remembered", len(v.Routers))
	}
	for _, r := range v.Routers {
		if len(r.Prefixes) > maxPrefixes {
			t.Errorf("%d prefixes of a router remembered", len(r.Prefixes))
		}
	}
	if v.Routers[0].Address != routerA {
		t.Error("the router in use was forgotten")
	}
	// Our own router answers the one solicitation that the flood is worth.
	b.wait(100 * time.Millisecond)
	b.step(ra(eth, routerA, netA))
	b.wait(10 * time.Second)
	if len(b.bus) != 1 {
		t.Errorf("%d Binding Updates, want the first alone", len(b.bus))
	}
	rs := 0
	for _, line := range render(b.effects) {
		if line == "solicit 2" {
			rs++
		}
	}
	if rs > 5 {
		t.Errorf("%d solicitations", rs)
	}
}

func TestAdvertisementWithoutPrefixSaysNothing(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.step(up(eth))
	expect(t, "no prefix", b.step(ra(eth, routerB)))
	if v := b.m.Interfaces(b.now)[0]; v.State != "soliciting" {
		t.Errorf("state %q, want soliciting still", v.State)
	}
}

func TestAdvertisementsReadAsRFC4862Has(t *testing.T) {
	linkLocal := netip.MustParsePrefix("fe80::/64")
	for _, tt := range []struct {
		name string
		opt  icmp6.PrefixInformation
		want bool
	}{
		{"usual", pio(netA, time.Hour, time.Hour), true},
		{"without end", pio(netA, icmp6.Infinite, icmp6.Infinite), true},
		{"link-local", pio(linkLocal, time.Hour, time.Hour), false},
		{"preferred longer than valid", pio(netA, time.Hour, 2*time.Hour), false},
		{"preferred without end, valid not", pio(netA, time.Hour, icmp6.Infinite), false},
		{"length 0", icmp6.PrefixInformation{OnLink: true, Autonomous: true, Valid: time.Hour, Prefix: netA.Addr()}, false},
		{"multicast", pio(netip.MustParsePrefix("ff02::/64"), time.Hour, time.Hour), false},
		{"no address", icmp6.PrefixInformation{Length: 64, OnLink: true, Valid: time.Hour}, false},
		{"neither L nor A", icmp6.PrefixInformation{Length: 64, Valid: time.Hour, Prefix: netA.Addr()}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ad := readAdvertisement(&icmp6.RouterAdvertisement{Header: icmp6.Header{Options: icmp6.Options{tt.opt}}})
			if got := len(ad.prefixes) == 1; got != tt.want {
				t.Errorf("prefixes %+v", ad.prefixes)
			}
		})
	}
	ad := readAdvertisement(homeRA(eth).RA)
	want := advertisement{linkAddr: haMAC, homeAgent: true, lifetime: 1800 * time.Second,
		prefixes: []advertised{{net: homeNet, global: ha, onLink: true, auto: true,
			valid: 24 * time.Hour, preferred: 12 * time.Hour}}}
	if diff := cmp.Diff(want, ad, cmp.AllowUnexported(advertisement{}, advertised{}),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("home agent's advertisement (-want +got):\n%s", diff)
	}
	if ad := readAdvertisement(edit(ra(eth, routerA, netA), withInterval(time.Millisecond)).RA); ad.interval != minInterval {
		t.Errorf("interval %v, want no less than %v", ad.interval, minInterval)
	}
}

func TestRFC6275_11_5_3_RenumberingWithoutLinkEvent(t *testing.T) {
	b := awayAt(t, defaultParams())
	// The old prefix is withdrawn as the new one comes.
	expect(t, "withdrawn", b.step(edit(ra(eth, routerA, netB), func(ra *icmp6.RouterAdvertisement) {
		ra.Options = append(ra.Options, pio(netA, 0, 0))
	})), addB, tunnelB, buB, removeA)
}

func TestPrefixWithdrawnAndNothingElse(t *testing.T) {
	b := awayAt(t, defaultParams())
	expect(t, "withdrawn", b.step(edit(ra(eth, routerA), func(ra *icmp6.RouterAdvertisement) {
		ra.Options = append(ra.Options, pio(netA, 0, 0))
	})))
	got := b.wait(11 * time.Second)
	expect(t, "after LinkLinger", got, removeA, "path blocked")
}

// Requirements: 6275-11.5.3-2
func TestRFC6275_11_5_3_DeprecatedCareOfIsReplaced(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.step(ra(eth, routerA, netA, netB))
	expect(t, "deprecated", b.step(edit(ra(eth, routerA, netB), func(ra *icmp6.RouterAdvertisement) {
		ra.Options = append(ra.Options, pio(netA, time.Hour, 0))
	})), addB, tunnelB, buB)
	expect(t, "registered: the old one is retained until then (§11.5.4)", b.ack(mh.StatusAccepted), removeA)
}

func TestDeprecatedCareOfIsKeptForWantOfABetter(t *testing.T) {
	b := awayAt(t, defaultParams())
	got := b.step(edit(ra(eth, routerA), func(ra *icmp6.RouterAdvertisement) {
		ra.Options = append(ra.Options, pio(netA, time.Hour, 0))
	}))
	expect(t, "deprecated: the kernel is told", got, addA)
	if len(b.bus) != 1 {
		t.Errorf("%d Binding Updates, want the first alone", len(b.bus))
	}
}

// Requirements: 6275-11.5.4-1
func TestRFC6275_11_5_4_CareOfHasAPrefixOfADefaultRouter(t *testing.T) {
	notDefault := func(ra *icmp6.RouterAdvertisement) { ra.RouterLifetime = 0 }
	b := started(t, defaultParams())
	b.step(up(eth))
	expect(t, "not a default router", b.step(edit(ra(eth, routerA, netA), notDefault)))
	expect(t, "a default router", b.step(ra(eth, routerB, netB)), addB, tunnelB, buB)
	b.ack(mh.StatusAccepted)
	b.step(ra(eth, routerA, netA))
	expect(t, "the router in use resigns", b.step(edit(ra(eth, routerB, netB), notDefault)), addA, tunnelA, buA)
}

func TestDefaultRouterLifetimeEnds(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(edit(ra(eth, routerB, netB), func(ra *icmp6.RouterAdvertisement) { ra.RouterLifetime = 30 * time.Second }))
	b.ack(mh.StatusAccepted)
	b.wait(20 * time.Second)
	b.step(ra(eth, routerB), ra(eth, routerA, netA)) // a stranger; the old one is still there
	b.step(edit(ra(eth, routerB, netB), func(ra *icmp6.RouterAdvertisement) { ra.RouterLifetime = 30 * time.Second }))
	b.wait(10 * time.Second)
	if got := b.lastBU().coa; got != coaB {
		t.Fatalf("registered %v too soon", got)
	}
	b.wait(25 * time.Second)
	if got := b.lastBU().coa; got != coaA {
		t.Errorf("registered %v, want %v", got, coaA)
	}
}

func TestDeviceComesBackWithAnotherIndex(t *testing.T) {
	b := awayAt(t, defaultParams())
	ev := up(eth)
	ev.Ifindex = 12
	expect(t, "the same name", b.step(ev), "path blocked", "solicit 12")
	expect(t, "advertisement", b.step(ra(12, routerA, netA)),
		"add 2001:db8:a:0:a8:bbff:fecc:ddee/64 on 12",
		"path tunnelled 2001:db8:a:0:a8:bbff:fecc:ddee to 2001:db8:1::1 on 12")
	if v := b.m.Interfaces(b.now); len(v) != 1 || v[0].Ifindex != 12 {
		t.Errorf("interfaces: %+v", v)
	}
}

// An advertisement of the link before, read after the new one came up, says nothing
// about that.
func TestAdvertisementFromBeforeTheLinkWasLost(t *testing.T) {
	b := awayAt(t, defaultParams())
	before := b.now
	b.wait(10 * time.Millisecond)
	b.step(down(eth))
	b.wait(20 * time.Millisecond)
	b.step(up(eth))
	late := ra(eth, routerA, netA)
	late.At = before
	b.step(late)
	if v := b.m.Interfaces(b.now)[0]; v.State == "confirmed" {
		t.Errorf("confirmed by it: %+v", v)
	}
	b.step(ra(eth, routerB, netB))
	if b.lastBU().coa != coaB {
		t.Errorf("registered at %v, and not at the new link's", b.lastBU().coa)
	}
	// A stranger's is news, whenever it came.
	b.ack(mh.StatusAccepted)
	b.step(down(eth), up(eth))
	early := ra(eth, routerA, netA)
	early.At = before
	b.step(early)
	if b.lastBU().coa != coaA {
		t.Errorf("registered at %v: a new router's word was lost", b.lastBU().coa)
	}
}

// One that was in the kernel's backlog when the link was lost is stamped a moment afterwards. A
// new prefix is news at any time, and so is the old one a moment later: it is the same link.
func TestAdvertisementInTheBacklogWhenTheLinkWasLost(t *testing.T) {
	for _, c := range []struct {
		name  string
		nets  []netip.Prefix
		after time.Duration
		heard bool
	}{
		{"from the backlog", []netip.Prefix{netA}, backlog - time.Millisecond, false},
		{"of the same link", []netip.Prefix{netA}, backlog, true},
		{"with a new prefix", []netip.Prefix{netB}, time.Millisecond, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := awayAt(t, defaultParams())
			b.step(down(eth))
			lost := b.now
			b.wait(20 * time.Millisecond)
			b.step(up(eth))
			b.wait(100 * time.Millisecond)
			ad := ra(eth, routerA, c.nets...)
			ad.At = lost.Add(c.after)
			b.step(ad)
			if v := b.m.Interfaces(b.now)[0]; (v.State == "confirmed") != c.heard {
				t.Errorf("the interface is %s", v.State)
			}
		})
	}
}
