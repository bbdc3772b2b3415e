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

// Requirements: 6275-6.1.7-1, 6275-6.1.7-2, 6275-6.1.7-11, 6275-6.2.6-1, 6275-8.5-10, 6275-11.5.4-3, 6275-11.7.1-2
// Requirements: 6275-11.7.1-3, 6275-11.7.1-4, 6275-11.7.1-5, 6275-11.7.1-6, 6275-11.7.1-7, 6275-11.7.1-8
// Requirements: 6275-11.7.1-16
func TestRFC6275_11_7_1_BindingUpdateFields(t *testing.T) {
	for _, tt := range []struct {
		name      string
		linkLocal bool
	}{{"L as configured", true}, {"L clear", false}} {
		t.Run(tt.name, func(t *testing.T) {
			p := defaultParams()
			p.Homes[0].LinkLocal = tt.linkLocal
			got := awayAt(t, p).lastBU()
			want := &mh.BindingUpdate{Sequence: got.bu.Sequence, Ack: true, Home: true, LinkLocal: tt.linkLocal,
				Lifetime: 400 * time.Second}
			bu := *got.bu
			bu.Header = mh.Header{}
			if diff := cmp.Diff(want, &bu); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			alt, ok := mh.Find[mh.AlternateCareOfAddress](got.bu.Options)
			if !ok || alt.CareOf != coaA {
				t.Errorf("Alternate Care-of Address %v, %v (MUST be in all home registrations)", alt, ok)
			}
			if got.send.Src != coaA || got.send.HomeAddress != hoa.Addr() || got.send.Dst != ha ||
				got.send.RoutingHome.IsValid() || got.send.Ifindex != eth {
				t.Errorf("sent as %+v", got.send)
			}
			if _, ok := mh.Find[mh.NonceIndices](got.bu.Options); ok {
				t.Error("Nonce Indices in a home registration (§6.2.6)")
			}
		})
	}
}

// Requirements: 6275-11.7.1-13, 6275-11.7.1-14b, 6275-11.8-2, 6275-11.8-4, 6275-11.8-7
func TestRFC6275_11_8_FirstRegistrationTimer(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.wait(200 * time.Second)
	expectTimes(t, b, 0, []float64{0, 1.5, 4.5, 10.5, 22.5, 46.5, 78.5, 110.5, 142.5, 174.5})
	expectGrowing(t, b)
	if got, want := b.counts[role.CountRetransmission], len(b.bus)-1; got != want {
		t.Errorf("%d retransmissions counted, want %d", got, want)
	}
}

// Requirements: 6275-11.8-3, 6275-11.8-4, 6275-11.8-7
func TestRFC6275_11_8_LaterRegistrationTimer(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.wait(5 * time.Second)
	b.move(ra(eth, routerB, netB))
	b.wait(100 * time.Second)
	expectTimes(t, b, 1, []float64{0, 1, 3, 7, 15, 31, 63, 95})
	expectGrowing(t, b)
}

// Requirements: 6275-13-2
func TestRFC6275_11_8_TimersAreConfigurable(t *testing.T) {
	p := defaultParams()
	p.InitialBindackTimeoutFirstReg = 2 * time.Second
	p.MaxBindackTimeout = 5 * time.Second
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.wait(20 * time.Second)
	expectTimes(t, b, 0, []float64{0, 2, 6, 11, 16})
}

// Requirements: 6275-11.7.1-20
func TestRFC6275_11_7_1_NewBindingAfterExpiryCountsAsCreation(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.step(down(eth))
	b.wait(500 * time.Second) // the binding ends meanwhile
	if b.m.Bindings(b.now)[0].Registered {
		t.Fatal("still registered")
	}
	b.step(up(eth))
	b.step(ra(eth, routerB, netB))
	b.wait(5 * time.Second)
	expectTimes(t, b, 1, []float64{0, 1.5, 4.5})
}

// Requirements: 6275-11.8-5
func TestRFC6275_11_8_OwnBackoffForEachCareOfAddress(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.wait(30 * time.Second)
	n := len(b.bus)
	b.move(ra(eth, routerB, netB))
	b.wait(5 * time.Second)
	expectTimes(t, b, n, []float64{0, 1.5, 4.5})
}

// Requirements: 6275-11.7.2-11, 6275-11.7.2-13, 6275-11.8-7
func TestRFC6275_11_8_SequenceGrowsAcrossMoves(t *testing.T) {
	b := started(t, defaultParams())
	b.m.bul.Seed(b.m.homes[0].key(), 65534)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.wait(2 * time.Second)
	b.move(ra(eth, routerB, netB))
	b.wait(2 * time.Second)
	b.move(homeRA(eth))
	b.ack(mh.StatusAccepted)
	b.move(ra(eth, routerA, netA))
	expectGrowing(t, b)
	if len(b.bus) < 6 {
		t.Errorf("%d Binding Updates", len(b.bus))
	}
}

// Requirements: 6275-11.5.3-3
func TestRFC6275_11_5_3_AtMostThreeUpdatesASecond(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	nets := []role.RouterSeen{ra(eth, routerA, netA), ra(eth, routerB, netB)}
	for i := range 100 {
		b.step(up(eth))
		b.step(nets[i%2])
		b.wait(50 * time.Millisecond)
	}
	b.wait(2 * time.Second)
	for i := 3; i < len(b.bus); i++ {
		if gap := b.bus[i].at.Sub(b.bus[i-3].at); gap <= time.Second {
			t.Errorf("four Binding Updates within %v at %v", gap, b.bus[i].at.Sub(t0))
		}
	}
	if len(b.bus) < 12 {
		t.Errorf("%d Binding Updates in 5 s of flapping: too shy", len(b.bus))
	}
	if got, want := b.lastBU().coa, b.m.homes[0].careOf.addr; got != want {
		t.Errorf("ended with %v, the primary is %v", got, want)
	}
}

func TestRateLimitHoldsTheTunnelBackToo(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	for _, ev := range []role.Event{ra(eth, routerA, netA), up(eth), ra(eth, routerB, netB), up(eth),
		ra(eth, routerA, netA), up(eth)} {
		b.step(ev)
	}
	if len(b.bus) != 3 {
		t.Fatalf("%d Binding Updates, want 3", len(b.bus))
	}
	expect(t, "the fourth within a second", b.step(ra(eth, routerB, netB)), addB)
	expect(t, "a second later", b.wait(1001*time.Millisecond), tunnelB, buB, removeA)
	if got := b.lastBU().coa; got != coaB {
		t.Errorf("registered %v, want %v", got, coaB)
	}
	if p := b.path(); p.CareOf != coaB {
		t.Errorf("path %s", renderPath(p))
	}
}

func TestRateLimitNeverLeavesHomeUntunnelled(t *testing.T) {
	b := homeAt(t, defaultParams())
	b.step(up(wan))
	b.step(ra(wan, routerB, netB))
	r := b.m.rate(ha)
	for range 3 {
		r.Note(b.now)
	}
	expect(t, "link down when no Binding Update may leave", b.step(down(eth)), "path blocked")
	b.wait(1100 * time.Millisecond)
	if p := b.path(); p.Mode != role.PathTunnelled || p.CareOf != wanB {
		t.Errorf("path %s", renderPath(p))
	}
}

// Requirements: 6275-11.7.1-10, 6275-11.7.1-11
func TestRFC6275_11_7_1_LifetimeWithinTheCareOfAddresss(t *testing.T) {
	for _, tt := range []struct {
		name        string
		home, valid time.Duration
		want        time.Duration
	}{
		{"as configured", 400 * time.Second, time.Hour, 400 * time.Second},
		{"rounded down to 4 s", 403 * time.Second, time.Hour, 400 * time.Second},
		{"the prefix ends sooner", 400 * time.Second, 103 * time.Second, 100 * time.Second},
		{"never zero", 400 * time.Second, 3 * time.Second, 4 * time.Second},
		{"default", 0, time.Hour, 420 * time.Second},
		{"most", 1000 * time.Hour, 2000 * time.Hour, 65535 * 4 * time.Second},
		{"without end", 400 * time.Second, icmp6.Infinite, 400 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := defaultParams()
			p.Homes[0].Lifetime = tt.home
			b := started(t, p)
			b.step(up(eth))
			ev := ra(eth, routerA)
			ev.RA.Options = icmp6.Options{pio(netA, tt.valid, tt.valid)}
			b.step(ev)
			if got := b.lastBU().bu.Lifetime; got != tt.want {
				t.Errorf("lifetime %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRFC6275_11_7_1_LifetimeFollowsTheRouterDown(t *testing.T) {
	b := started(t, defaultParams())
	advertise := func(valid time.Duration) {
		ev := ra(eth, routerA)
		ev.RA.Options = icmp6.Options{pio(netA, valid, valid)}
		b.step(ev)
	}
	b.step(up(eth))
	advertise(200 * time.Second)
	advertise(120 * time.Second) // too small a change to tell the kernel
	b.wait(20 * time.Second)
	if got := b.lastBU().bu.Lifetime; got > 108*time.Second {
		t.Errorf("lifetime %v, but the prefix has less left", got)
	}
}

// Requirements: 6275-11.7.1-19
func TestRFC6275_11_7_1_OtherHomeAddressesGetTheirOwnUpdate(t *testing.T) {
	p := defaultParams()
	second := netip.MustParsePrefix("2001:db8:2::100/64")
	otherHA := netip.MustParseAddr("2001:db8:2::1")
	p.Homes = append(p.Homes, Home{HomeAddress: second, HomeAgent: otherHA})
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	var got []netip.Addr
	for _, s := range b.bus {
		got = append(got, s.send.HomeAddress, s.send.Dst)
	}
	want := []netip.Addr{hoa.Addr(), ha, second.Addr(), otherHA}
	if !slices.Equal(got, want) {
		t.Errorf("Binding Updates for %v, want %v", got, want)
	}
}

// One home address at home, the other away, on the same link.
func TestHomeLinkOfOneIsForeignToTheOther(t *testing.T) {
	p := defaultParams()
	second := netip.MustParsePrefix("2001:db8:a::100/64")
	otherHA := netip.MustParseAddr("2001:db8:a::1")
	p.Homes = append(p.Homes, Home{HomeAddress: second, HomeAgent: otherHA})
	b := started(t, p)
	b.step(up(eth))
	b.step(homeRA(eth))
	views := b.m.Bindings(b.now)
	if views[0].State != "home" || views[1].State != "away" || !homeNet.Contains(views[1].CareOf) {
		t.Errorf("%+v", views)
	}
}

// Requirements: 6275-6.2.4-2, 6275-11.7.3-14, 6275-11.7.3-17
func TestRefreshBeforeTheLifetimeEnds(t *testing.T) {
	for _, tt := range []struct {
		name    string
		granted time.Duration
		opt     mh.Option
		want    time.Duration
	}{
		{"four fifths", 400 * time.Second, nil, 320 * time.Second},
		{"granted less", 100 * time.Second, nil, 80 * time.Second},
		{"shortest", 4 * time.Second, nil, 3200 * time.Millisecond},
		{"RFC6275_6_2_4 advice", 400 * time.Second, mh.BindingRefreshAdvice{Interval: 100 * time.Second}, 90 * time.Second},
		{"advice too late", 400 * time.Second, mh.BindingRefreshAdvice{Interval: 396 * time.Second}, 320 * time.Second},
		{"advice of nothing", 400 * time.Second, mh.BindingRefreshAdvice{}, 320 * time.Second},
		{"advice beyond the lifetime", 100 * time.Second, mh.BindingRefreshAdvice{Interval: 400 * time.Second}, 80 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := started(t, defaultParams())
			b.step(up(eth))
			b.step(ra(eth, routerA, netA))
			if tt.opt != nil {
				b.ack(mh.StatusAccepted, lifetimeOf(tt.granted), withOption(tt.opt))
			} else {
				b.ack(mh.StatusAccepted, lifetimeOf(tt.granted))
			}
			b.wait(tt.want - time.Millisecond)
			if len(b.bus) != 1 {
				t.Fatalf("refreshed too soon, after %v", b.lastBU().at.Sub(t0))
			}
			expect(t, "refresh", b.wait(2*time.Millisecond), buA)
			if b.counts[role.CountRetransmission] != 0 {
				t.Error("a refresh is counted as a retransmission")
			}
		})
	}
}

func TestLongLifetimesAreRefreshedTwoMinutesBefore(t *testing.T) {
	p := defaultParams()
	p.Homes[0].Lifetime = 10 * time.Hour
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusAccepted)
	for range 23 { // the router goes on
		b.wait(25 * time.Minute)
		b.step(ra(eth, routerA, netA))
	}
	b.wait(time.Hour)
	if got, want := b.bus[1].at.Sub(t0), 10*time.Hour-2*time.Minute; got != want {
		t.Errorf("refreshed after %v, want %v", got, want)
	}
}

func TestRefreshIsRetransmittedAndExpires(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.wait(400 * time.Second)
	expectTimes(t, b, 1, []float64{0, 1, 3, 7, 15, 31, 63})
	if v := b.m.Bindings(b.now)[0]; v.Registered {
		t.Error("still registered although nothing was acknowledged")
	}
	if p := b.path(); p.Mode != role.PathTunnelled {
		t.Errorf("path %s: a Binding Update is on its way", renderPath(p))
	}
	expect(t, "an answer at last", b.ack(mh.StatusAccepted))
	if v := b.m.Bindings(b.now)[0]; !v.Registered {
		t.Error("not registered")
	}
}

func TestShortAndUnansweredBindingIsReportedAndKeptTrying(t *testing.T) {
	p := defaultParams()
	p.Homes[0].Lifetime = 4 * time.Second
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.wait(30 * time.Second)
	expectTimes(t, b, 0, []float64{0, 1.5, 4.5, 10.5, 22.5})
	told := 0
	for _, n := range b.notices {
		if n.Kind == role.NoticeUnregistered {
			told++
		}
	}
	if told == 0 {
		t.Error("nobody was told that the binding ended")
	}
}

func TestAddressThatWentAndCameBackNeedsNoUpdate(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.wait(10 * time.Second)
	expect(t, "someone deletes the care-of address", b.step(role.AddressGone{Ifindex: eth, Addr: coaA}),
		"path blocked", addA, tunnelA)
	if len(b.bus) != 1 {
		t.Errorf("%d Binding Updates, want the first alone", len(b.bus))
	}
	b.wait(309 * time.Second)
	if len(b.bus) != 1 {
		t.Error("refreshed too soon")
	}
	expect(t, "refresh", b.wait(time.Second), buA)
}

// expectTimes compares when Binding Updates left, from the n-th on and counted
// from that one, in seconds.
func expectTimes(t *testing.T, b *bed, n int, want []float64) {
	t.Helper()
	var got []float64
	for _, s := range b.bus[n:] {
		got = append(got, s.at.Sub(b.bus[n].at).Seconds())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Binding Updates at (-want +got):\n%s", diff)
	}
}

// expectGrowing checks that every sequence number is the one after the last.
func expectGrowing(t *testing.T, b *bed) {
	t.Helper()
	for i := 1; i < len(b.bus); i++ {
		if got, want := b.bus[i].bu.Sequence, b.bus[i-1].bu.Sequence+1; got != want {
			t.Errorf("sequence %d after %d", got, b.bus[i-1].bu.Sequence)
		}
	}
}
