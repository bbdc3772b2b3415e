package homelink

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// Requirements: 6275-7.2-1, 6275-8.3-3, 6275-7.3-2, 6275-7.4-8, 6275-7.5-8
func TestRFC6275_7_2_AdvertisementHasTheFullAddressAndTheRBit(t *testing.T) {
	b := newBed(t, nil)
	got := b.start()
	want := &icmp6.RouterAdvertisement{
		CurHopLimit: 64, HomeAgent: true, RouterLifetime: 30 * time.Minute,
		Header: icmp6.Header{Options: icmp6.Options{
			icmp6.SourceLinkLayerAddress{LinkAddr: mac},
			icmp6.PrefixInformation{
				Length: 64, OnLink: true, Autonomous: true, RouterAddress: true, Prefix: self,
				Valid: role.Infinite, Preferred: role.Infinite,
			},
			icmp6.PrefixInformation{ // not for autoconfiguration, which knows 64 bits only; we have no address in it
				Length: 48, OnLink: true, Prefix: other.Addr(), Valid: time.Hour, Preferred: time.Minute,
			},
			icmp6.AdvertisementInterval{Interval: 600 * time.Second},
		}},
	}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreFields(icmp6.Header{}, "Checksum")); d != "" {
		t.Error(d)
	}
}

// One advertisement holds everything, so what must be alike in split ones is.
//
// Requirements: 6275-7.2-2, 6275-7.2-3, 6275-7.4-6
func TestRFC6275_7_2_EveryAdvertisementHasTheSameAddressAndOptions(t *testing.T) {
	b := newBed(t, func(p *Params) { p.Links[0].Preference = 9 })
	first := b.start()
	for _, s := range b.until(t0.Add(time.Hour)) {
		if d := cmp.Diff(first, s.ra, cmpopts.EquateComparable(netip.Addr{})); d != "" {
			t.Fatalf("%v: %s", s.at.Sub(t0), d)
		}
	}
}

// Requirements: 6275-7.4-3, 6275-7.4-4, 6275-7.4-8, 6275-8.4-11, 3963-7.3-1
func TestRFC6275_7_4_HomeAgentInformationOnlyWhereItSaysSomething(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Params)
		want   icmp6.HomeAgentInformation
		none   bool
	}{
		"default":           {none: true},
		"the same lifetime": {change: func(p *Params) { p.Links[0].Lifetime = 30 * time.Minute }, none: true},
		"preference": {
			change: func(p *Params) { p.Links[0].Preference = 65535 },
			want:   icmp6.HomeAgentInformation{Preference: 65535, Lifetime: 30 * time.Minute},
		},
		"lifetime": {
			change: func(p *Params) { p.Links[0].Lifetime = 65535 * time.Second },
			want:   icmp6.HomeAgentInformation{Lifetime: 65535 * time.Second},
		},
		"mobile routers": {
			change: func(p *Params) { p.Routers = true },
			want:   icmp6.HomeAgentInformation{Router: true, Lifetime: 30 * time.Minute},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ra := newBed(t, tc.change).start()
			got, found := icmp6.Find[icmp6.HomeAgentInformation](ra.Options)
			if found == tc.none || got != tc.want {
				t.Errorf("%+v, found %v", got, found)
			}
			if !ra.HomeAgent {
				t.Error("without H")
			}
		})
	}
}

// Requirements: 6275-7.5-6
func TestRFC6275_7_5_ShortIntervalsAreAdvertisedWithAMargin(t *testing.T) {
	for interval, want := range map[time.Duration]time.Duration{
		70 * time.Millisecond:  90 * time.Millisecond,
		199 * time.Millisecond: 219 * time.Millisecond,
		200 * time.Millisecond: 200 * time.Millisecond,
		4 * time.Second:        4 * time.Second,
	} {
		ra := newBed(t, func(p *Params) {
			p.Links[0].Advertise.MinInterval, p.Links[0].Advertise.MaxInterval = 30*time.Millisecond, interval
		}).start()
		if got, _ := icmp6.Find[icmp6.AdvertisementInterval](ra.Options); got.Interval != want {
			t.Errorf("interval %v: %v advertised, want %v", interval, got.Interval, want)
		}
	}
}

// Requirements: 6275-7.5-2, 6275-8.3-2
func TestRFC6275_7_5_IntervalsAreRandomBetweenTheBounds(t *testing.T) {
	lo, hi := 30*time.Millisecond, 70*time.Millisecond
	b := newBed(t, func(p *Params) {
		p.Links[0].Advertise.MinInterval, p.Links[0].Advertise.MaxInterval = lo, hi
	})
	b.start()
	last, seen := t0, map[time.Duration]bool{}
	all := b.until(t0.Add(10 * time.Second))
	for _, s := range all {
		d := s.at.Sub(last)
		if d < lo || d > hi {
			t.Fatalf("%v between two advertisements", d)
		}
		last, seen[d/time.Millisecond] = s.at, true
	}
	if len(all) < 140 || len(seen) < 30 {
		t.Errorf("%d advertisements, %d different intervals", len(all), len(seen))
	}
}

// RFC 4861 §6.2.4: MAX_INITIAL_RTR_ADVERTISEMENTS.
func TestRFC4861_6_2_4_TheFirstAdvertisementsComeSoon(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	all := b.until(t0.Add(time.Hour))
	for i, s := range all[:2] {
		if d := s.at.Sub(t0); d > time.Duration(i+1)*16*time.Second {
			t.Errorf("advertisement %d after %v", i+2, d)
		}
	}
	if d := all[2].at.Sub(all[1].at); d < 198*time.Second {
		t.Errorf("the fourth %v after the third", d)
	}
}

func TestRFC4861_6_2_6_SolicitationIsAnsweredSoonToAll(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	b.until(t0.Add(100 * time.Second))
	b.step(role.RouterSolicited{Ifindex: homeLink, Src: linkLocal(3)})
	b.step(role.RouterSolicited{Ifindex: homeLink}) // from a node without an address
	b.none()
	asked := b.now
	all := b.until(asked.Add(10 * time.Second))
	if len(all) != 1 || all[0].at.Sub(asked) > 500*time.Millisecond || all[0].ifindex != homeLink {
		t.Fatalf("%d answers: %+v", len(all), all)
	}
	b.step(role.RouterSolicited{Ifindex: homeLink}) // ten seconds later
	if again := b.until(b.now.Add(time.Second)); len(again) != 1 {
		t.Errorf("%d answers to a later one", len(again))
	}
}

func TestRFC4861_6_2_6_AFloodOfSolicitationsGetsOneAnswerInThreeSeconds(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	last, n := t0, 0
	for b.now.Before(t0.Add(30 * time.Second)) {
		b.step(role.RouterSolicited{Ifindex: homeLink, Src: linkLocal(3)})
		for _, s := range b.until(b.now.Add(10 * time.Millisecond)) {
			if d := s.at.Sub(last); d < 3*time.Second {
				t.Fatalf("%v between two", d)
			}
			last = s.at
			n++
		}
	}
	if n < 8 {
		t.Errorf("only %d answers in 30 s", n)
	}
}

// Requirements: 6275-13-1
func TestRFC6275_13_TheLeastTimeBetweenAnswersIsAsConfigured(t *testing.T) {
	b := newBed(t, func(p *Params) {
		a := p.Links[0].Advertise
		a.MinDelay, a.AnswerDelay = 30*time.Millisecond, 0
	})
	b.start()
	b.until(t0.Add(time.Minute))
	for range 5 {
		asked := b.now
		b.step(role.RouterSolicited{Ifindex: homeLink})
		if !slices.ContainsFunc(b.out, func(e role.Effect) bool { _, ok := e.(role.AdvertiseRouter); return ok }) {
			if all := b.until(asked.Add(30 * time.Millisecond)); len(all) == 0 {
				t.Fatal("no answer within MinDelayBetweenRas")
			}
		}
		b.until(asked.Add(40 * time.Millisecond))
	}
}

// Requirements: 6275-7.5-7, 6275-7.5-7b
func TestRFC6275_7_5_AdvertisementsOnlyWhenSolicited(t *testing.T) {
	b := newBed(t, func(p *Params) { p.Links[0].Advertise.Solicited = true })
	b.step(role.Start{})
	b.none()
	if all := b.until(t0.Add(time.Hour)); len(all) != 0 {
		t.Fatalf("%d without a solicitation", len(all))
	}
	b.step(role.RouterSolicited{Ifindex: homeLink})
	if all := b.until(b.now.Add(time.Hour)); len(all) != 1 {
		t.Fatalf("%d after one", len(all))
	}
}

// Requirements: 6275-8.3-1
func TestRFC6275_8_3_TheIntervalOptionCanBeLeftOut(t *testing.T) {
	ra := newBed(t, func(p *Params) { p.Links[0].Advertise.NoInterval = true }).start()
	if i, found := icmp6.Find[icmp6.AdvertisementInterval](ra.Options); found {
		t.Errorf("%+v", i)
	}
}

// Requirements: 6275-7.5-7
func TestRFC6275_7_5_NothingIsAdvertisedWhereItIsOff(t *testing.T) {
	b := newBed(t, func(p *Params) {
		p.Links[0].Advertise = nil
		virtual := homeLinkDefault()
		virtual.Ifindex = 0
		p.Links = append(p.Links, virtual)
	})
	b.step(role.Start{})
	b.none()
	b.step(role.RouterSolicited{Ifindex: homeLink})
	b.none()
	if all := b.until(t0.Add(time.Hour)); len(all) != 0 {
		t.Errorf("%d advertisements", len(all))
	}
}

// A restart is not to be noticed, so nothing is said at the end (docs/configuration.md).
func TestStopIsSilent(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	b.step(role.Stop{})
	b.none()
}

func TestEveryHomeLinkHasItsOwnAdvertisements(t *testing.T) {
	address := netip.MustParseAddr("2001:db8:7::1")
	b := newBed(t, func(p *Params) {
		l := homeLinkDefault()
		l.Ifindex, l.Address = homeLink+1, address
		l.Prefixes = []Prefix{{Prefix: netip.MustParsePrefix("2001:db8:7::/64"), Valid: time.Hour, Preferred: time.Hour}}
		p.Links = append(p.Links, l)
	})
	b.step(role.Start{})
	if len(b.out) != 2 {
		t.Fatalf("%#v", b.out)
	}
	for i, want := range []netip.Addr{self, address} {
		s := b.advertised(b.out[i])
		p, _ := icmp6.Find[icmp6.PrefixInformation](s.ra.Options)
		if s.ifindex != homeLink+i || p.Prefix != want {
			t.Errorf("on interface %d: %v", s.ifindex, p.Prefix)
		}
	}
	// The answer to a solicitation stays on its link.
	b.until(t0.Add(100 * time.Second))
	b.step(role.RouterSolicited{Ifindex: homeLink + 1})
	if all := b.until(b.now.Add(time.Second)); len(all) != 1 || all[0].ifindex != homeLink+1 {
		t.Errorf("%+v", all)
	}
}

func TestReloadIsAdvertisedAsSoonAsMayBe(t *testing.T) {
	b := newBed(t, nil)
	b.start()
	b.hear(1, nil)
	p := Params{Links: []Link{homeLinkDefault()}, Routers: true}
	p.Links[0].Preference = 4
	b.now = b.now.Add(time.Second)
	b.step(Reconfigured{Params: p})
	b.none() // MinDelayBetweenRas
	all := b.until(t0.Add(4 * time.Second))
	if len(all) != 1 || !all[0].at.Equal(t0.Add(3*time.Second)) {
		t.Fatalf("%+v", all)
	}
	if i, _ := icmp6.Find[icmp6.HomeAgentInformation](all[0].ra.Options); i.Preference != 4 || !i.Router {
		t.Errorf("%+v", i)
	}
	if len(b.others()) != 1 {
		t.Error("the list was forgotten")
	}
	p.Links[0].Advertise = nil
	b.step(Reconfigured{Params: p})
	if all := b.until(t0.Add(time.Hour)); len(all) != 0 {
		t.Errorf("%d advertisements after they were switched off", len(all))
	}
	b.step(Reconfigured{Params: Params{Links: []Link{homeLinkDefault()}}})
	b.advertised(only[role.AdvertiseRouter](b))
}

// While the link is down nothing is tried; when it comes back, whoever is there now
// hears of us soon, with the interface's link-layer address of now.
func TestALinkThatGoesDownAndComesBack(t *testing.T) {
	b := newBed(t, func(p *Params) {
		a := p.Links[0].Advertise
		a.MinInterval, a.MaxInterval = 4*time.Second, 600*time.Second
	})
	b.start()
	b.step(role.LinkDown{Ifindex: homeLink + 1}) // another one
	if all := b.until(t0.Add(time.Hour)); len(all) == 0 {
		t.Fatal("silent for another link's sake")
	}
	b.step(role.LinkDown{Ifindex: homeLink})
	b.step(role.RouterSolicited{Ifindex: homeLink})
	b.step(Reconfigured{Params: Params{Links: []Link{homeLinkDefault()}}})
	b.none()
	if all := b.until(b.now.Add(time.Hour)); len(all) != 0 {
		t.Fatalf("%d advertisements on a link that is down", len(all))
	}
	moved := []byte{2, 0, 0, 0, 0, 9}
	b.step(role.LinkUp{Ifindex: homeLink, Name: "eth1", LinkAddr: moved})
	ra := b.advertised(only[role.AdvertiseRouter](b)).ra
	if l, _ := icmp6.Find[icmp6.SourceLinkLayerAddress](ra.Options); !slices.Equal(l.LinkAddr, moved) {
		t.Errorf("advertised from %x", l.LinkAddr)
	}
	if all := b.until(b.now.Add(16 * time.Second)); len(all) == 0 {
		t.Error("the next one is not an initial one")
	}
	var at []time.Time
	for range 100 { // a carrier that flaps, for 10 s
		b.step(role.LinkUp{Ifindex: homeLink, LinkAddr: moved})
		for _, e := range b.out {
			at = append(at, b.advertised(e).at)
		}
		for _, s := range b.until(b.now.Add(100 * time.Millisecond)) {
			at = append(at, s.at)
		}
	}
	for i := 1; i < len(at); i++ {
		if d := at[i].Sub(at[i-1]); d < 3*time.Second {
			t.Fatalf("%v between two", d)
		}
	}
	if len(at) < 3 {
		t.Errorf("only %d while the carrier flapped", len(at))
	}
}

func TestALinkThatIsDownToBeginWith(t *testing.T) {
	b := newBed(t, func(p *Params) { p.Links[0].Down = true })
	b.step(role.Start{})
	b.none()
	if all := b.until(t0.Add(time.Hour)); len(all) != 0 {
		t.Fatalf("%d advertisements", len(all))
	}
	b.step(role.LinkUp{Ifindex: homeLink, LinkAddr: mac})
	only[role.AdvertiseRouter](b)
}
