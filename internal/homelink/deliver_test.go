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

var (
	home   = netip.MustParseAddr("2001:db8:1::100")
	careOf = netip.MustParseAddr("2001:db8:f1::9")
)

// newDeliveries is a bed with mobile nodes being told of prefixes, between one and
// two minutes after there is a reason.
func newDeliveries(t *testing.T, change func(*Params)) *bed {
	t.Helper()
	b := newBed(t, func(p *Params) {
		p.Deliveries = &Deliveries{MinInterval: time.Minute, MaxInterval: 2 * time.Minute}
		p.Links[0].Advertise = nil
		if change != nil {
			change(p)
		}
	})
	b.step(role.Start{})
	return b
}

// register puts a binding into the cache and tells the machine of it.
func (b *bed) register(home netip.Addr, lifetime time.Duration) {
	b.Helper()
	x := role.Binding{HomeAddress: home, CareOf: careOf, HomeAgent: self, Ifindex: homeLink, Lifetime: lifetime, Expires: b.now.Add(lifetime)}
	b.bound[home] = x
	b.m.Registered(b.now, x)
	b.step(role.Tick{})
}

// told is a Mobile Prefix Advertisement that was sent.
type told struct {
	at  time.Time
	eff role.SendICMP
	msg *icmp6.MobilePrefixAdvertisement
}

// tells lets time pass and returns what mobile nodes were sent.
func (b *bed) tells(end time.Time) (all []told) {
	b.Helper()
	look := func() {
		for _, e := range b.out {
			if s, ok := e.(role.SendICMP); ok {
				m, err := icmp6.Parse(s.Raw)
				if err != nil {
					b.Fatal(err)
				}
				all = append(all, told{b.now, s, m.(*icmp6.MobilePrefixAdvertisement)})
			}
		}
	}
	for d := b.m.Deadline(); !d.IsZero() && !d.After(end); d = b.m.Deadline() {
		b.now = d
		b.step(role.Tick{})
		look()
	}
	b.now = end
	return all
}

// solicit sends a Mobile Prefix Solicitation.
func (b *bed) solicit(id uint16, change func(*role.ICMPIn, *icmp6.MobilePrefixSolicitation)) {
	b.Helper()
	ev := role.ICMPIn{Src: careOf, Dst: self, HomeAddress: home}
	q := &icmp6.MobilePrefixSolicitation{Identifier: id}
	if change != nil {
		change(&ev, q)
	}
	raw, err := icmp6.Marshal(q)
	if err != nil {
		b.Fatal(err)
	}
	ev.Raw = raw
	b.step(ev)
}

// Requirements: 6275-6.7-4, 6275-6.7-6, 6275-6.8-2, 6275-6.8-4, 6275-6.8-6, 6275-6.8-7, 6275-6.8-9, 6275-8.4-12, 6275-10.6.2-3, 6275-10.6.2-5, 6275-10.6.3-1, 6275-10.6.3-2, 6275-10.6.3-3
func TestRFC6275_10_6_2_ASolicitationIsAnsweredRightAway(t *testing.T) {
	b := newDeliveries(t, nil)
	b.register(home, time.Hour)
	b.solicit(0xbeef, func(_ *role.ICMPIn, q *icmp6.MobilePrefixSolicitation) {
		q.Reserved = 0xffff
		q.Options = icmp6.Options{icmp6.UnknownOption{Type: 200, Data: make([]byte, 6)}}
	})
	s := only[role.SendICMP](b)
	if s.Src != self || s.Dst != careOf || s.RoutingHome != home || s.HomeAddress.IsValid() {
		t.Errorf("from %v to %v, routing header for %v", s.Src, s.Dst, s.RoutingHome)
	}
	got, err := icmp6.Parse(s.Raw)
	if err != nil {
		t.Fatal(err)
	}
	want := &icmp6.MobilePrefixAdvertisement{
		Identifier: 0xbeef, // M, O and what is reserved are clear
		Header: icmp6.Header{Options: icmp6.Options{
			icmp6.PrefixInformation{
				Length: 64, OnLink: true, Autonomous: true, RouterAddress: true, Prefix: self,
				Valid: role.Infinite, Preferred: role.Infinite,
			},
			icmp6.PrefixInformation{Length: 48, OnLink: true, Prefix: other.Addr(), Valid: time.Hour, Preferred: time.Minute},
		}},
	}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreFields(icmp6.Header{}, "Checksum")); d != "" {
		t.Error(d)
	}
}

// Requirements: 6275-6.8-8
func TestRFC6275_6_8_OneAdvertisementASecondToAMobileNode(t *testing.T) {
	b := newDeliveries(t, nil)
	b.register(home, time.Hour)
	var at []time.Time
	var last uint16
	for i := range uint16(100) { // ten seconds
		b.solicit(i, nil)
		for _, e := range b.out {
			if _, ok := e.(role.SendICMP); ok {
				at = append(at, b.now)
			}
		}
		for _, s := range b.tells(b.now.Add(100 * time.Millisecond)) {
			at = append(at, s.at)
			last = s.msg.Identifier
		}
	}
	for i := 1; i < len(at); i++ {
		if d := at[i].Sub(at[i-1]); d < time.Second {
			t.Fatalf("%v between two", d)
		}
	}
	if len(at) < 10 || last < 80 {
		t.Errorf("%d answers in 10 s, the last to solicitation %d", len(at), last)
	}
}

func TestSolicitationsThatAreNotAnswered(t *testing.T) {
	for name, change := range map[string]func(*role.ICMPIn, *icmp6.MobilePrefixSolicitation){
		"without a Home Address option": func(ev *role.ICMPIn, _ *icmp6.MobilePrefixSolicitation) { ev.HomeAddress = netip.Addr{} },
		"of nobody who is bound":        func(ev *role.ICMPIn, _ *icmp6.MobilePrefixSolicitation) { ev.HomeAddress = home.Next() },
		"from elsewhere":                func(ev *role.ICMPIn, _ *icmp6.MobilePrefixSolicitation) { ev.Src = careOf.Next() },
		"to another address":            func(ev *role.ICMPIn, _ *icmp6.MobilePrefixSolicitation) { ev.Dst = self.Next() },
		"with a routing header":         func(ev *role.ICMPIn, _ *icmp6.MobilePrefixSolicitation) { ev.RoutingHome = self },
		"code 1":                        func(_ *role.ICMPIn, q *icmp6.MobilePrefixSolicitation) { q.Code = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			b := newDeliveries(t, nil)
			b.register(home, time.Hour)
			b.solicit(1, change)
			b.none()
			if n := only[role.Count](b); n.Counter != CountBadSolicited {
				t.Errorf("counted as %s", n.Counter)
			}
			b.solicit(1, nil)
			only[role.SendICMP](b)
		})
	}
	t.Run("switched off", func(t *testing.T) {
		b := newDeliveries(t, func(p *Params) { p.Deliveries = nil })
		b.register(home, time.Hour)
		b.solicit(1, nil)
		b.none()
	})
}

// Requirements: 6275-6.8-1, 6275-10.6.2-12
func TestRFC6275_10_6_2_UnaskedAfterARandomDelay(t *testing.T) {
	seen := map[time.Duration]bool{}
	for i := range byte(50) {
		b := newDeliveries(t, nil)
		b.m.rand = seeded(i)
		b.register(home, time.Hour)
		all := b.tells(t0.Add(2 * time.Minute))
		if len(all) == 0 {
			t.Fatal("nothing within MaxMobPfxAdvInterval")
		}
		d := all[0].at.Sub(t0)
		if d < time.Minute || all[0].eff.Dst != careOf || all[0].eff.RoutingHome != home {
			t.Fatalf("after %v: %+v", d, all[0].eff)
		}
		seen[d.Truncate(time.Second)] = true
	}
	if len(seen) < 20 {
		t.Errorf("only %d different delays", len(seen))
	}
}

// Where the prefix is not preferred for that long, sooner.
func TestUnaskedBeforeThePrefixIsNotPreferredAnyMore(t *testing.T) {
	b := newDeliveries(t, func(p *Params) { p.Links[0].Prefixes[0].Preferred = 20 * time.Second })
	b.register(home, time.Hour)
	if all := b.tells(t0.Add(time.Minute)); len(all) == 0 {
		t.Error("nothing within the least interval")
	}
}

// Requirements: 6275-10.6.2-6, 6275-10.6.2-7
func TestRFC6275_10_6_2_RepeatedAfter3And6And12Seconds(t *testing.T) {
	b := newDeliveries(t, nil)
	b.register(home, 24*time.Hour)
	all := b.tells(t0.Add(20 * time.Hour))
	var gaps []time.Duration
	for i := 1; i < len(all); i++ {
		gaps = append(gaps, all[i].at.Sub(all[i-1].at))
	}
	if !slices.Equal(gaps, []time.Duration{3 * time.Second, 6 * time.Second, 12 * time.Second}) {
		t.Errorf("%v between them", gaps)
	}
}

// A solicitation acknowledges; the next comes as if there had been none.
//
// Requirements: 6275-10.6.2-6
func TestRFC6275_10_6_2_ASolicitationAcknowledges(t *testing.T) {
	b := newDeliveries(t, nil)
	b.register(home, 24*time.Hour)
	for b.m.deliveries[home].tries == 0 {
		b.tells(b.m.Deadline())
	}
	b.now = b.now.Add(2 * time.Second)
	b.solicit(7, nil)
	only[role.SendICMP](b)
	asked := b.now
	all := b.tells(asked.Add(2 * time.Minute))
	if len(all) == 0 || all[0].at.Sub(asked) < time.Minute || all[0].msg.Identifier != 0 {
		t.Fatalf("%+v", all)
	}
}

// Requirements: 6275-10.6.2-8, 6275-10.6.2-11
func TestRFC6275_10_6_2_NothingToAnEndedBinding(t *testing.T) {
	for name, lifetime := range map[string]time.Duration{"before the first": 30 * time.Second, "between two": 121 * time.Second} {
		t.Run(name, func(t *testing.T) {
			b := newDeliveries(t, nil)
			b.m.p.Deliveries.MinInterval = 2 * time.Minute // exactly then
			b.register(home, lifetime)
			all := b.tells(t0.Add(time.Hour))
			for _, s := range all {
				if !s.at.Before(t0.Add(lifetime)) {
					t.Errorf("after %v", s.at.Sub(t0))
				}
			}
			if len(b.m.deliveries)+b.m.due.Len() != 0 {
				t.Error("it is still kept")
			}
		})
	}
}

// Requirements: 6275-10.6.2-9
func TestRFC6275_10_6_2_BegunAgainByTheNextBindingUpdate(t *testing.T) {
	b := newDeliveries(t, nil)
	b.register(home, time.Hour)
	if all := b.tells(t0.Add(30 * time.Minute)); len(all) != 4 {
		t.Fatalf("%d in the first half hour", len(all))
	}
	b.register(home, time.Hour)
	again := 0
	for _, e := range b.out {
		if _, ok := e.(role.SendICMP); ok {
			again++
		}
	}
	if again += len(b.tells(t0.Add(50 * time.Minute))); again != 4 {
		t.Errorf("%d after the Binding Update", again)
	}
	b.register(home, time.Hour) // while nothing is due, nothing begins
	b.register(home, time.Hour)
	b.solicit(1, nil)
	b.tells(b.now.Add(2 * time.Second))
	b.register(home, time.Hour)
	b.none()
}

// Requirements: 6275-10.3.1-31, 6275-10.6.2-1, 6275-10.6.2-2, 6275-10.6.2-4
func TestRFC6275_10_6_2_ChangesOfOurs(t *testing.T) {
	for name, change := range map[string]func(*Link){
		"another valid lifetime":     func(l *Link) { l.Prefixes[0].Valid = time.Hour },
		"another preferred lifetime": func(l *Link) { l.Prefixes[0].Preferred = time.Hour },
		"a new prefix": func(l *Link) {
			l.Prefixes = append(l.Prefixes, Prefix{Prefix: netip.MustParsePrefix("2001:db8:7::/64"), Valid: time.Hour, Preferred: time.Hour})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newDeliveries(t, nil)
			b.register(home, 100*time.Hour)
			b.tells(t0.Add(10 * time.Hour)) // it has given up
			p := Params{Links: []Link{homeLinkDefault()}, Deliveries: b.m.p.Deliveries}
			p.Links[0].Advertise = nil
			b.step(Reconfigured{Params: b.withCache(p)})
			if all := b.tells(b.now.Add(time.Hour)); len(all) != 0 {
				t.Fatalf("%d without a change", len(all))
			}
			p.Links = []Link{homeLinkDefault()}
			p.Links[0].Advertise = nil
			change(&p.Links[0])
			reload := b.now
			b.step(Reconfigured{Params: b.withCache(p)})
			all := b.tells(b.now.Add(time.Hour))
			if len(all) != 4 {
				t.Fatalf("%d after the change", len(all))
			}
			if d := all[0].at.Sub(reload); d < time.Minute || d > 2*time.Minute+newsDelay {
				t.Errorf("after %v", d)
			}
			if n := len(all[0].msg.Options); n != len(p.Links[0].Prefixes) {
				t.Errorf("%d prefixes", n)
			}
		})
	}
}

// A change while an advertisement is being repeated makes a new one, which is repeated
// as often, whichever of its transmissions is lost; many changes don't make a flood.
//
// Requirements: 6275-10.6.2-6, 6275-10.6.2-10
func TestRFC6275_10_6_2_ChangesWhileAnAdvertisementIsRepeated(t *testing.T) {
	b := newDeliveries(t, nil)
	b.register(home, 100*time.Hour)
	change := func(valid time.Duration) {
		p := Params{Links: []Link{homeLinkDefault()}, Deliveries: b.m.p.Deliveries}
		p.Links[0].Advertise = nil
		p.Links[0].Prefixes[0].Valid = valid
		b.step(Reconfigured{Params: b.withCache(p)})
	}
	for b.m.deliveries[home].tries < 3 {
		b.tells(b.m.Deadline())
	}
	b.now = b.now.Add(time.Second)
	change(time.Hour)
	if all := b.tells(b.now.Add(time.Hour)); len(all) != 1+4 {
		t.Errorf("%d after the change, of which one was due anyway", len(all))
	}
	n, begin := 0, b.now
	for i := range 600 { // every second for ten minutes
		change(time.Hour + time.Duration(i)*time.Second)
		n += len(b.tells(b.now.Add(time.Second)))
	}
	if most := 4 * (int(b.now.Sub(begin)/time.Minute) + 1); n < 8 || n > most {
		t.Errorf("%d in %v, at most %d wanted", n, b.now.Sub(begin), most)
	}
}

// Requirements: 6275-10.6.2-1, 6275-10.6.2-2, 6275-10.6.2-4, 6275-10.6.2-10
func TestRFC6275_10_6_2_ChangesOfOthersPrefixes(t *testing.T) {
	theirs := icmp6.PrefixInformation{
		Length: 64, OnLink: true, Autonomous: true, Prefix: netip.MustParseAddr("2001:db8:7::"), Valid: 10 * time.Hour, Preferred: 5 * time.Hour,
	}
	for name, tc := range map[string]struct {
		change func(*icmp6.PrefixInformation)
		news   bool
	}{
		"nothing":              {func(*icmp6.PrefixInformation) {}, false},
		"time that has passed": {func(p *icmp6.PrefixInformation) { p.Valid -= time.Hour; p.Preferred -= time.Hour }, false},
		"valid lifetime":       {func(p *icmp6.PrefixInformation) { p.Valid /= 2 }, true},
		"preferred lifetime":   {func(p *icmp6.PrefixInformation) { p.Preferred = 0 }, true},
		"the A flag":           {func(p *icmp6.PrefixInformation) { p.Autonomous = false }, true},
		"the L flag":           {func(p *icmp6.PrefixInformation) { p.OnLink = false }, true},
		"another prefix":       {func(p *icmp6.PrefixInformation) { p.Prefix = netip.MustParseAddr("2001:db8:8::") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newDeliveries(t, nil)
			p := theirs
			say := func() {
				b.hear(1, func(ra *icmp6.RouterAdvertisement) {
					ra.RouterLifetime = 10 * time.Hour
					ra.Options = append(ra.Options, p)
				})
			}
			say()
			b.register(home, 100*time.Hour)
			b.tells(t0.Add(time.Hour)) // it has given up
			tc.change(&p)
			say()
			all := b.tells(b.now.Add(time.Hour))
			if tc.news != (len(all) == 4) {
				t.Fatalf("%d after the change", len(all))
			}
			if !tc.news {
				return
			}
			last := all[0].msg.Options[len(all[0].msg.Options)-1].(icmp6.PrefixInformation)
			passed := all[0].at.Sub(t0.Add(time.Hour))
			want := p
			want.Valid, want.Preferred = (p.Valid - passed).Truncate(time.Second), max(p.Preferred-passed, 0).Truncate(time.Second)
			if last != want {
				t.Errorf("told %+v, want %+v", last, want)
			}
		})
	}
}

// What is ours is ours to say: another home agent's word for it reaches people, not
// mobile nodes.
func TestRFC4861_6_2_7_AnotherHomeAgentSaysSomethingElse(t *testing.T) {
	b := newDeliveries(t, nil)
	b.register(home, 100*time.Hour)
	b.tells(t0.Add(time.Hour))
	differ := func(ra *icmp6.RouterAdvertisement) {
		ra.Options = append(ra.Options, icmp6.PrefixInformation{Length: 48, OnLink: true, Prefix: other.Addr(), Valid: 2 * time.Hour, Preferred: time.Minute})
	}
	b.hear(1, nil)
	b.hear(1, differ)
	if n := only[role.Notice](b); !n.Warn || n.HA != agentAddress(1) {
		t.Errorf("%+v", n)
	}
	b.hear(1, differ)
	b.none() // once
	if all := b.tells(b.now.Add(time.Hour)); len(all) != 0 {
		t.Errorf("%d to mobile nodes", len(all))
	}
}

// A neighbour's flood of prefixes is kept and told only to a bound, and has mobile
// nodes scheduled once a second at most.
func TestAdvertisementsOfPrefixesFitIntoTheLeastMTU(t *testing.T) {
	b := newDeliveries(t, nil)
	b.register(home, time.Hour)
	for n := range byte(4) {
		b.hear(n, func(ra *icmp6.RouterAdvertisement) {
			for k := range byte(60) {
				a := netip.MustParseAddr("2001:db8:9::").As16()
				a[6], a[7] = n, k
				ra.Options = append(ra.Options, icmp6.PrefixInformation{Length: 64, OnLink: true, Prefix: netip.AddrFrom16(a), Valid: time.Hour})
			}
		})
	}
	b.solicit(1, nil)
	s := only[role.SendICMP](b)
	if n := 40 + 24 + len(s.Raw); n > 1280 || n+32 <= 1280 {
		t.Errorf("a packet of %d octets", n)
	}
}

func TestSolicitedOnly(t *testing.T) {
	b := newDeliveries(t, func(p *Params) { p.Deliveries.Solicited = true })
	b.register(home, 10*time.Hour)
	b.solicit(3, nil)
	only[role.SendICMP](b)
	p := Params{Links: []Link{homeLinkDefault()}, Deliveries: b.m.p.Deliveries}
	p.Links[0].Prefixes[0].Valid = time.Hour
	p.Links[0].Advertise = nil
	b.step(Reconfigured{Params: b.withCache(p)})
	if all := b.tells(t0.Add(20 * time.Hour)); len(all) != 0 {
		t.Errorf("%d without being asked", len(all))
	}
	if len(b.m.deliveries) != 0 {
		t.Error("kept after the binding's end")
	}
}

// A neighbour's prefixes are forgotten when they are not valid any more: they leave
// room for others, and one that comes back is new.
//
// Requirements: 6275-10.6.2-4
func TestPrefixesOfOthersEnd(t *testing.T) {
	b := newDeliveries(t, nil)
	valid := time.Minute
	say := func(n byte) {
		b.hear(1, func(ra *icmp6.RouterAdvertisement) {
			ra.RouterLifetime = 10 * time.Hour
			a := netip.MustParseAddr("2001:db8:7::").As16()
			a[7] = n
			ra.Options = append(ra.Options, icmp6.PrefixInformation{
				Length: 64, OnLink: true, Prefix: netip.AddrFrom16(a), Valid: valid, Preferred: valid,
			})
		})
	}
	for n := range byte(2 * maxPrefixes) { // renumbered again and again
		say(n)
		b.until(b.now.Add(2 * time.Minute))
	}
	if n := len(b.m.links[0].agents[0].prefixes); n > 2 {
		t.Errorf("%d prefixes are kept, of which one is valid", n)
	}
	b.register(home, 100*time.Hour)
	b.tells(b.now.Add(time.Hour)) // it has given up
	say(0)
	if all := b.tells(b.now.Add(time.Hour)); len(all) != 4 {
		t.Errorf("%d advertisements after a prefix has come back", len(all))
	}
	valid = 0
	say(0)
	if all := b.tells(b.now.Add(time.Hour)); len(all) != 0 {
		t.Errorf("%d advertisements of one that had ended anyway", len(all))
	}
}
