package mn

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

func TestCareOfAddressIsFormedFromTheLinkAddress(t *testing.T) {
	for _, tt := range []struct {
		name string
		mac  []byte
		want string // "" for a random interface identifier
	}{
		{"EUI-48", []byte{0x02, 0xa8, 0xbb, 0xcc, 0xdd, 0xee}, "2001:db8:a:0:a8:bbff:fecc:ddee"},
		{"EUI-48, universal", []byte{0x52, 0x54, 0, 0x12, 0x34, 0x56}, "2001:db8:a:0:5054:ff:fe12:3456"},
		{"EUI-64", []byte{0x02, 1, 2, 3, 4, 5, 6, 7}, "2001:db8:a:0:1:203:405:607"},
		{"none", nil, ""},
		{"of another kind", make([]byte, 20), ""},
		{"reserved", []byte{0x02, 0, 0, 0, 0, 0, 0, 0}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := started(t, defaultParams())
			ev := up(eth)
			ev.LinkAddr = tt.mac
			b.step(ev)
			b.step(ra(eth, routerA, netA))
			got := b.m.Interfaces(b.now)[0].CareOf
			if !netA.Contains(got) || got == netA.Addr() {
				t.Fatalf("care-of address %v", got)
			}
			if tt.want != "" && got.String() != tt.want {
				t.Errorf("care-of address %v, want %v", got, tt.want)
			}
		})
	}
}

func TestHomeAddressIsNeverACareOfAddress(t *testing.T) {
	p := defaultParams()
	// A second home address whose subnet we visit, made of our own link address.
	p.Homes = append(p.Homes, Home{HomeAddress: netip.PrefixFrom(coaA, 64), HomeAgent: ha})
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	if got := b.m.Bindings(b.now)[0].CareOf; got == coaA || !netA.Contains(got) {
		t.Errorf("care-of address %v", got)
	}
}

func TestPrefixesThatMakeNoCareOfAddress(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*icmp6.RouterAdvertisement)
	}{
		{"not autonomous", func(ra *icmp6.RouterAdvertisement) {
			p := pio(netA, time.Hour, time.Hour)
			p.Autonomous = false
			ra.Options = icmp6.Options{p}
		}},
		{"not 64 bits long", func(ra *icmp6.RouterAdvertisement) {
			ra.Options = icmp6.Options{pio(netip.MustParsePrefix("2001:db8:a::/60"), time.Hour, time.Hour)}
		}},
		{"no lifetime", func(ra *icmp6.RouterAdvertisement) { ra.Options = icmp6.Options{pio(netA, 0, 0)} }},
		{"no default router", func(ra *icmp6.RouterAdvertisement) { ra.RouterLifetime = 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := started(t, defaultParams())
			b.step(up(eth))
			expect(t, "advertisement", b.step(edit(ra(eth, routerA, netA), tt.edit)))
		})
	}
}

func TestAddCareOfCarriesTheLifetimes(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	ev := ra(eth, routerA)
	ev.RA.Options = icmp6.Options{pio(netA, icmp6.Infinite, time.Hour)}
	b.step(ev)
	i := slices.IndexFunc(b.effects, func(e role.Effect) bool { _, ok := e.(role.AddCareOf); return ok })
	got := b.effects[i].(role.AddCareOf)
	if got.Valid != role.Infinite || got.Preferred != time.Hour || got.Prefix != netip.PrefixFrom(coaA, 64) || got.ID == 0 {
		t.Errorf("%+v", got)
	}
}

func TestLifetimesAreToldNowAndThen(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	adds := 0
	for range 3600 { // an hour of advertisements each second, lifetimes of 10 minutes
		ev := ra(eth, routerA)
		ev.RA.Options = icmp6.Options{pio(netA, 10*time.Minute, 10*time.Minute)}
		adds += len(b.step(ev))
		if b.m.Bindings(b.now)[0].Waiting {
			b.ack(mh.StatusAccepted)
		}
		b.wait(time.Second)
		c := b.m.link(eth).careOf
		if left := c.validUntil.Sub(b.now); left < 4*time.Minute {
			t.Fatalf("the kernel's address has %v left", left)
		}
	}
	// 12 renewals, 1 address, and as many Binding Updates as refreshes.
	if adds > 40 {
		t.Errorf("%d effects in an hour of advertisements", adds)
	}
}

func TestDADFailureTakesAnotherAddress(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA)) // optimistic: already registered when it fails
	b.wait(6 * time.Millisecond)
	seen := []netip.Addr{coaA}
	for i := range 2 {
		got := b.step(role.DADFailed{Ifindex: eth, Addr: b.m.Interfaces(b.now)[0].CareOf})
		now := b.m.Interfaces(b.now)[0].CareOf
		if slices.Contains(seen, now) || !netA.Contains(now) {
			t.Fatalf("failure %d: next care-of address %v", i+1, now)
		}
		expect(t, "failure", got,
			"remove "+seen[i].String()+" on 2",
			"path blocked",
			"add "+now.String()+"/64 on 2",
			"path tunnelled "+now.String()+" to 2001:db8:1::1 on 2",
			"BU lifetime 6m40s from "+now.String()+" home 2001:db8:1::100")
		seen = append(seen, now)
	}
	b.step(role.DADFailed{Ifindex: eth, Addr: seen[2]})
	if v := b.m.Interfaces(b.now)[0]; v.CareOf.IsValid() {
		t.Errorf("a fourth address at once: %v", v.CareOf)
	}
	if p := b.path(); p.Mode != role.PathBlocked {
		t.Errorf("path %s", renderPath(p))
	}
	if b.counts[role.CountDADFailure] != 3 {
		t.Errorf("counters %v", b.counts)
	}
	b.wait(2 * time.Minute)
	if v := b.m.Interfaces(b.now)[0]; !v.CareOf.IsValid() {
		t.Error("never tried again")
	}
	// Another link begins afresh.
	b.move(ra(eth, routerB, netB))
	if v := b.m.Interfaces(b.now)[0]; v.CareOf != coaB {
		t.Errorf("on another link %v, want %v", v.CareOf, coaB)
	}
}

func TestDADFailureOfAStranger(t *testing.T) {
	b := awayAt(t, defaultParams())
	expect(t, "another address", b.step(role.DADFailed{Ifindex: eth, Addr: coaB}))
	expect(t, "another interface", b.step(role.DADFailed{Ifindex: 99, Addr: coaA}))
	expect(t, "the home address elsewhere", b.step(role.DADFailed{Ifindex: wan, Addr: hoa.Addr()}))
	if b.counts[role.CountDADFailure] != 1 { // of the first
		t.Errorf("counters %v", b.counts)
	}
}

func TestBindingUpdateWaitsForTheAddress(t *testing.T) {
	b := started(t, defaultParams())
	b.manualReady = true
	b.step(up(eth))
	expect(t, "advertisement", b.step(ra(eth, routerA, netA)), addA)
	expect(t, "while the address is tentative", b.wait(time.Second))
	expect(t, "ready", b.step(role.AddressReady{Ifindex: eth, Addr: coaA}), tunnelA, buA)
	expect(t, "told twice", b.step(role.AddressReady{Ifindex: eth, Addr: coaA}))
	ready := 0
	for _, n := range b.notices {
		if n.Kind == role.NoticeCareOfReady {
			ready++
		}
	}
	if ready != 1 {
		t.Errorf("care_of_ready told %d times", ready)
	}
}

func TestAddressThatNeverGetsReadyIsAskedForAgain(t *testing.T) {
	b := started(t, defaultParams())
	b.manualReady = true
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	expect(t, "after AddressTimeout", b.wait(5*time.Second), addA)
	expect(t, "and again", b.wait(5*time.Second), addA)
}

func TestAddressIsRefused(t *testing.T) {
	b := started(t, defaultParams())
	b.manualDone, b.manualReady = true, true
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	id := b.m.link(eth).careOf.id
	expect(t, "refused", b.step(role.Done{ID: id, Err: errors.New("no buffer space")}), removeA)
	expect(t, "not at once", b.wait(999*time.Millisecond))
	expect(t, "a second later", b.wait(time.Millisecond), addA)
}

func TestFightOverTheAddressIsSlow(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.wait(10 * time.Second)
	adds := 0
	for range 100 { // somebody deletes it each time, at once
		for _, line := range b.step(role.AddressGone{Ifindex: eth, Addr: coaA}) {
			if line == addA {
				adds++
			}
		}
		for _, line := range b.wait(100 * time.Millisecond) {
			if line == addA {
				adds++
			}
		}
	}
	if adds > 12 {
		t.Errorf("added %d times in 10 s", adds)
	}
	b.wait(2 * time.Second)
	if v := b.m.Interfaces(b.now)[0]; v.CareOf != coaA || !v.Ready {
		t.Errorf("%+v", v)
	}
}

// Requirements: 6275-11.5.4-4
func TestRFC6275_11_5_4_OldCareOfIsRetainedUntilRegistered(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.step(ra(eth, routerA, netA, netB))
	b.step(edit(ra(eth, routerA, netB), func(ra *icmp6.RouterAdvertisement) {
		ra.Options = append(ra.Options, pio(netA, time.Hour, 0)) // deprecated, but there
	}))
	expect(t, "unanswered", b.wait(900*time.Millisecond))
	if v := b.m.Interfaces(b.now)[0]; !slices.Equal(v.Old, []netip.Addr{coaA}) {
		t.Errorf("old addresses %v, want %v", v.Old, coaA)
	}
	expect(t, "acknowledged", b.ack(mh.StatusAccepted), removeA)
}

// Requirements: 6275-11.5.4-5
func TestRFC6275_11_5_4_CareOfAddressesOfADeadLinkGo(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.step(down(eth))
	expect(t, "after LinkLinger", b.wait(10*time.Second), removeA, "path blocked")
	expect(t, "and then", b.wait(5*time.Minute))
}

func TestBackAndForthReusesTheAddress(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.manualReady = true
	b.step(down(eth))
	b.step(up(eth))
	b.step(ra(eth, routerB, netB)) // not ready yet
	b.step(down(eth))
	b.step(up(eth))
	expect(t, "back before the new address was ready", b.step(ra(eth, routerA, netA)), addA, removeB)
	if len(b.bus) != 1 {
		t.Errorf("%d Binding Updates, want the first alone", len(b.bus))
	}
	if v := b.m.Bindings(b.now)[0]; !v.Registered || v.CareOf != coaA || v.Mode != role.PathTunnelled {
		t.Errorf("%+v", v)
	}
}

func TestHomeLinkNeedsNoCareOfAddress(t *testing.T) {
	b := homeAt(t, defaultParams())
	b.step(ra(eth, routerA, homeNet, netA))
	for _, e := range b.effects {
		if a, ok := e.(role.AddCareOf); ok {
			t.Errorf("%+v at home", a)
		}
	}
}

// After a restart the kernel still has the address of the run before, and
// doesn't announce it when it is asked for again.
func TestAddressOfAnEarlierRunIsUsedAtOnce(t *testing.T) {
	b := newBed(t, defaultParams())
	b.manualReady = true
	b.step(role.Start{})
	b.step(up(eth), role.AddressReady{Ifindex: eth, Addr: coaA})
	expect(t, "advertisement", b.step(ra(eth, routerA, netA)), addA, tunnelA, buA)
	// Taken away, it has to be announced anew.
	b.step(role.AddressGone{Ifindex: eth, Addr: coaA})
	b.wait(time.Second)
	if v := b.m.Interfaces(b.now)[0]; v.CareOf != coaA || v.Ready {
		t.Errorf("%+v", v)
	}
}

func TestForeignAddressesAreNotHoarded(t *testing.T) {
	b := started(t, defaultParams())
	for i := range 3000 {
		b.step(role.AddressReady{Ifindex: i, Addr: coaA})
	}
	if n := len(b.m.there); n > maxAddresses {
		t.Errorf("%d addresses remembered", n)
	}
}

// An interface's configuration says what duplicate address detection its addresses get,
// and whether the home address is marked there.
func TestAddressFlagsOfAnInterface(t *testing.T) {
	p := defaultParams()
	p.Interfaces[0].DAD, p.Interfaces[0].Unmarked = role.DADNone, true
	added := make(map[int]role.DADMode)
	for _, ifindex := range []int{eth, wan} {
		b := started(t, p)
		b.step(up(ifindex))
		b.step(ra(ifindex, routerA, netA))
		for _, e := range b.effects {
			if a, ok := e.(role.AddCareOf); ok {
				added[a.Ifindex] = a.DAD
			}
		}
	}
	if added[eth] != role.DADNone || added[wan] != role.DADOptimistic || len(added) != 2 {
		t.Errorf("modes by interface: %v", added)
	}
	for _, ifindex := range []int{eth, wan} {
		b := started(t, p)
		b.step(up(ifindex))
		b.step(homeRA(ifindex))
		if w, plain := b.path(), ifindex == eth; w.Mode != role.PathHome || w.DAD == plain || w.Unmarked != plain {
			t.Errorf("at home on interface %d: %+v", ifindex, w)
		}
	}
}
