package mn

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var newNet = netip.MustParsePrefix("2001:db8:2::/64")

// advised is a mobile node that has registered, and been told to ask for prefixes.
func advised(t *testing.T) *bed {
	t.Helper()
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusPrefixDiscoveryNecessary)
	return b
}

// solicitations are those among the last effects.
func (b *bed) solicitations() (sent []role.SendICMP, ids []uint16) {
	b.t.Helper()
	for _, e := range b.effects {
		s, ok := e.(role.SendICMP)
		if !ok {
			continue
		}
		msg, err := icmp6.Parse(s.Raw)
		if err != nil {
			b.t.Fatal(err)
		}
		q, ok := msg.(*icmp6.MobilePrefixSolicitation)
		if !ok {
			continue
		}
		if q.Reserved != 0 || q.Code != 0 || len(q.Options) != 0 {
			b.t.Errorf("%+v", q)
		}
		sent, ids = append(sent, s), append(ids, q.Identifier)
	}
	return sent, ids
}

// asks is the identifier of the one solicitation among the last effects.
func (b *bed) asks() uint16 {
	b.t.Helper()
	_, ids := b.solicitations()
	if len(ids) != 1 {
		b.t.Fatalf("%d solicitations", len(ids))
	}
	return ids[0]
}

// asksAgain has the home agent send an advertisement that nobody asked for.
func (b *bed) asksAgain() uint16 {
	b.t.Helper()
	b.step(b.mpa(0))
	if sent, _ := b.solicitations(); len(sent) == 0 {
		b.wait(time.Second)
	}
	return b.asks()
}

// mpa is an advertisement of the home agent's.
func (b *bed) mpa(id uint16, options ...icmp6.Option) role.ICMPIn {
	b.t.Helper()
	raw, err := icmp6.Marshal(&icmp6.MobilePrefixAdvertisement{Identifier: id, Header: icmp6.Header{Options: options}})
	if err != nil {
		b.t.Fatal(err)
	}
	return role.ICMPIn{Ifindex: eth, Src: ha, Dst: coaA, RoutingHome: hoa.Addr(), Raw: raw}
}

// homePIO is the home prefix with the home agent's address.
func homePIO(valid, preferred time.Duration) icmp6.PrefixInformation {
	p := pio(homeNet, valid, preferred)
	p.RouterAddress, p.Prefix = true, ha
	return p
}

// Requirements: 6275-6.7-1, 6275-6.7-4, 6275-11.7.3-11, 6275-11.4.2-2, 6275-11.4.2-4
func TestRFC6275_11_4_2_ASolicitationWhereTheHomeAgentWantsOne(t *testing.T) {
	b := advised(t)
	sent, ids := b.solicitations()
	if len(sent) != 1 || sent[0].Src != coaA || sent[0].Dst != ha || sent[0].HomeAddress != hoa.Addr() || sent[0].RoutingHome.IsValid() {
		t.Fatalf("%+v", sent)
	}
	b.step(b.mpa(ids[0], homePIO(role.Infinite, role.Infinite)))
	if again := b.asksAgain(); again == ids[0] {
		t.Error("the same identifier again")
	}
}

// The home agent has news while we are content with what we know for hours.
//
// Requirements: 6275-11.7.3-11
func TestRFC6275_11_7_3_PrefixDiscoveryIsNecessaryAlthoughOneIsPlanned(t *testing.T) {
	b := advised(t)
	b.step(b.mpa(b.asks(), homePIO(24*time.Hour, 24*time.Hour)))
	b.wait(time.Minute)
	b.step(role.MessageIn{Ifindex: eth, Src: ha, Dst: coaA, RoutingHome: hoa.Addr(), Raw: refreshRequest(t)})
	b.wait(time.Second)
	sent := 0
	b.ack(mh.StatusPrefixDiscoveryNecessary)
	s, _ := b.solicitations()
	sent += len(s)
	b.wait(time.Second)
	s, _ = b.solicitations()
	if sent += len(s); sent != 1 {
		t.Errorf("%d solicitations", sent)
	}
}

// refreshRequest is a Binding Refresh Request of the home agent's.
func refreshRequest(t *testing.T) []byte {
	t.Helper()
	raw := marshal(t, &mh.BindingRefreshRequest{})
	mh.SetChecksum(raw, ha, hoa.Addr())
	return raw
}

// INITIAL_SOLICIT_TIMER, doubled, and an end.
//
// Requirements: 6275-11.8-1, 6275-12-1
func TestSolicitationsAreRepeated(t *testing.T) {
	b := advised(t)
	id := b.asks()
	for _, pause := range []time.Duration{3, 6, 12, 24} {
		b.wait(pause*time.Second - time.Millisecond)
		if sent, _ := b.solicitations(); len(sent) != 0 {
			t.Errorf("again before %v s", pause)
		}
		b.wait(time.Millisecond)
		if again := b.asks(); again != id {
			t.Error("a retransmission has another identifier")
		}
	}
	b.bus = b.bus[:0]
	b.wait(100 * time.Second)
	if sent, _ := b.solicitations(); len(sent) != 0 {
		t.Errorf("%d more", len(sent))
	}
}

// Requirements: 6275-11.4.3-1, 6275-11.4.3-2, 6275-11.4.3-3, 6275-11.4.3-4, 6275-11.4.3-8
func TestRFC6275_11_4_3_AdvertisementsThatAreDiscarded(t *testing.T) {
	for name, spoil := range map[string]func(*role.ICMPIn){
		"from another node":               func(ev *role.ICMPIn) { ev.Src = ha.Next() },
		"without a routing header":        func(ev *role.ICMPIn) { ev.RoutingHome = netip.Addr{} },
		"for another home address":        func(ev *role.ICMPIn) { ev.RoutingHome = hoa.Addr().Next() },
		"with a Home Address option":      func(ev *role.ICMPIn) { ev.HomeAddress = ha },
		"code 1":                          func(ev *role.ICMPIn) { ev.Raw[1] = 1 },
		"an option cut short":             func(ev *role.ICMPIn) { ev.Raw = ev.Raw[:len(ev.Raw)-1] },
		"preferred longer than valid":     func(ev *role.ICMPIn) { copy(ev.Raw[8+8:], []byte{0, 0, 0xff, 0xff}) },
		"another prefix length than ours": func(ev *role.ICMPIn) { ev.Raw[8+2] = 63 },
	} {
		t.Run(name, func(t *testing.T) {
			b := advised(t)
			ev := b.mpa(b.asks(), homePIO(300*time.Second, 200*time.Second))
			spoil(&ev)
			b.step(ev)
			if p := b.m.homes[0].prefix; p.told || len(b.m.homes) != 1 {
				t.Errorf("taken: %+v", p)
			}
		})
	}
	t.Run("no home agent is known", func(t *testing.T) {
		p := seeking()
		b := started(t, p)
		b.step(up(eth))
		b.step(ra(eth, routerA, netA))
		ev := b.mpa(0, homePIO(300*time.Second, 200*time.Second))
		for _, src := range []netip.Addr{ha, {}} {
			ev.Src = src
			b.step(ev)
		}
		if b.m.homes[0].prefix.told {
			t.Error("taken")
		}
	})
}

// Requirements: 6275-11.4.3-6, 6275-11.4.3-7
func TestRFC6275_11_4_3_AnUnsolicitedAdvertisementMakesUsAsk(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusAccepted)
	b.step(b.mpa(0, homePIO(300*time.Second, 200*time.Second)))
	if b.m.homes[0].prefix.told {
		t.Fatal("it was taken")
	}
	id := b.asks()
	b.step(b.mpa(id+1, homePIO(300*time.Second, 200*time.Second))) // not the answer; one is under way
	if sent, _ := b.solicitations(); b.m.homes[0].prefix.told || len(sent) != 0 {
		t.Errorf("%d more solicitations", len(sent))
	}
	b.step(b.mpa(id, homePIO(3*time.Hour, time.Hour)))
	if !b.m.homes[0].prefix.told {
		t.Fatal("the answer was not taken")
	}
	b.step(b.mpa(id, homePIO(4*time.Hour, time.Hour))) // a second answer
	if left := b.m.left(b.m.homes[0].prefix.validUntil); left > 3*time.Hour {
		t.Error("a second answer was taken")
	}
	// A flood of them makes one solicitation a second.
	begin := b.now
	n := 0
	for b.now.Before(begin.Add(10 * time.Second)) {
		b.step(b.mpa(0))
		sent, ids := b.solicitations()
		n += len(sent)
		for _, id := range ids {
			b.step(b.mpa(id, homePIO(300*time.Second, 200*time.Second)))
		}
		b.wait(50 * time.Millisecond)
		sent, ids = b.solicitations()
		n += len(sent)
		for _, id := range ids {
			b.step(b.mpa(id, homePIO(300*time.Second, 200*time.Second)))
		}
	}
	if n < 8 || n > 11 {
		t.Errorf("%d solicitations in 10 s", n)
	}
}

// Requirements: 6275-6.7-5, 6275-6.8-4, 6275-6.8-5, 6275-8.5-13, 6275-11.4.3-9
func TestRFC6275_11_4_3_PrefixesAsFromARouterAdvertisement(t *testing.T) {
	b := advised(t)
	ev := b.mpa(b.asks(), icmp6.UnknownOption{Type: 200, Data: make([]byte, 6)}, homePIO(3*time.Hour, 200*time.Second))
	ev.Raw[6], ev.Raw[7] = 0xff, 0xff // M, O and what is reserved
	b.step(ev)
	tell := func(valid, want time.Duration) {
		t.Helper()
		b.step(b.mpa(b.asksAgain(), homePIO(valid, 0)))
		if left := b.m.left(b.m.homes[0].prefix.validUntil); left != want {
			t.Errorf("told of %v: %v", valid, left)
		}
	}
	if left := b.m.left(b.m.homes[0].prefix.validUntil); left != 3*time.Hour {
		t.Errorf("at first: %v", left)
	}
	// RFC 4862 §5.5.3: not by a stranger's word below two hours.
	tell(time.Minute, 2*time.Hour)
	tell(time.Hour, 2*time.Hour-time.Second)
	tell(4*time.Hour, 4*time.Hour)
	tell(role.Infinite, role.Infinite)
}

// What is configured is valid for all we know: whoever guesses the first identifier
// does not end it.
func TestRFC4862_5_5_3_TheFirstWordDoesNotEndAHomeAddressEither(t *testing.T) {
	for _, valid := range []time.Duration{0, time.Second, 2 * time.Hour} {
		b := advised(t)
		b.step(b.mpa(b.asks(), homePIO(valid, 0)))
		if left := b.m.left(b.m.homes[0].prefix.validUntil); left != 2*time.Hour || b.path().Mode != role.PathTunnelled {
			t.Errorf("told of %v: valid for %v, %v", valid, left, b.path().Mode)
		}
	}
}

// live lets time pass; the home agent acknowledges every Binding Update, and tells of
// what is left of the prefix when it is asked. It returns how often it was.
func (b *bed) live(d time.Duration) (asked int) {
	b.t.Helper()
	for end := b.now.Add(d); b.now.Before(end); {
		b.wait(time.Second)
		if sent, ids := b.solicitations(); len(sent) > 0 {
			asked++
			b.step(b.mpa(ids[0], homePIO(b.m.left(b.m.homes[0].prefix.validUntil), 0)))
		}
		if b.lastBU().at.Equal(b.now) && b.lastBU().bu.Lifetime > 0 {
			b.ack(mh.StatusAccepted)
		}
	}
	return asked
}

// Requirements: 6275-11.4.2-1
func TestRFC6275_11_4_2_AskedAgainBeforeTheAddressIsInvalid(t *testing.T) {
	b := advised(t)
	b.step(b.mpa(b.asks(), homePIO(2*time.Hour, 0)))
	b.live(2*time.Hour - 200*time.Second)
	asked := b.live(195 * time.Second)
	if asked < 4 {
		t.Errorf("asked %d times in the last 200 s", asked)
	}
}

// Requirements: 6275-11.4.2-6, 6275-11.7.1-11
func TestRFC6275_11_4_2_BindingsEndWithThePrefix(t *testing.T) {
	b := advised(t)
	b.step(b.mpa(b.asks(), homePIO(2*time.Hour, 0)))
	b.live(2*time.Hour - 100*time.Second)
	b.step(role.MessageIn{Ifindex: eth, Src: ha, Dst: coaA, RoutingHome: hoa.Addr(), Raw: refreshRequest(t)})
	b.wait(2 * time.Second)
	if l := b.lastBU().bu.Lifetime; l > 100*time.Second || l < 90*time.Second {
		t.Errorf("asked for %v", l)
	}
}

// Away, a home address is for those who ask for it if care-of addresses are preferred;
// at home it is an address like others.
func TestPreferredCareOfAddressesDeprecateHomeAddresses(t *testing.T) {
	p := defaultParams()
	p.PreferCareOf = true
	b := awayAt(t, p)
	if w := b.path(); !w.Deprecated || w.Mode != role.PathTunnelled {
		t.Errorf("away: %+v", w)
	}
}

func TestDeprecatedAndInvalidHomeAddress(t *testing.T) {
	b := advised(t)
	b.step(b.mpa(b.asks(), homePIO(2*time.Hour, 50*time.Second)))
	if b.path().Deprecated {
		t.Fatal("at once")
	}
	b.wait(51 * time.Second)
	if p := b.path(); !p.Deprecated || p.Mode != role.PathTunnelled {
		t.Fatalf("after the preferred lifetime: %+v", p)
	}
	b.live(2*time.Hour - 51*time.Second)
	if p := b.path(); p.Mode != role.PathNone {
		t.Fatalf("after the valid lifetime: %+v", p)
	}
	if l := b.lastBU().bu.Lifetime; l != 0 {
		t.Errorf("the last Binding Update asks for %v", l)
	}
	if v := b.m.Bindings(b.now)[0]; v.State != "invalid" || v.Registered {
		t.Errorf("%+v", v)
	}
	sent := len(b.bus)
	b.wait(time.Hour)
	b.step(ra(eth, routerA, netB))
	if len(b.bus) != sent {
		t.Error("it is registered again")
	}
	b.step(homeRA(eth)) // its link says otherwise
	b.wait(10 * time.Second)
	if v := b.m.Bindings(b.now)[0]; v.State != "home" {
		t.Errorf("on the home link: %+v", v)
	}
}

// §11.4.2: MUST tell correspondents that would keep a binding for longer.
//
// Requirements: 6275-11.4.2-7
func TestRFC6275_11_4_2_CorrespondentsHearOfAShorterLifetime(t *testing.T) {
	b := newROBed(t)
	b.step(role.PeerSeen{Pair: toCN})
	b.step(b.answers()...)
	b.step(b.answers()...)
	if set, _ := b.directs(); len(set) != 1 {
		t.Fatal("no direct path")
	}
	// No advertisement brings a lifetime below two hours, which is far beyond a
	// correspondent's binding; so by hand.
	b.m.homes[0].prefix.validUntil = b.now.Add(100 * time.Second)
	b.step(role.Tick{})
	for range 5 { // tests, if they are needed, and the Binding Update
		b.step(b.answers()...)
	}
	e := b.m.peerEntry(b.m.peers[0])
	if e == nil || !e.Acked || e.BoundUntil.After(b.now.Add(100*time.Second)) {
		t.Errorf("the correspondent's binding lasts until %v", e.BoundUntil.Sub(b.now))
	}
}

func TestRenumberedHomeLink(t *testing.T) {
	moved := netip.MustParseAddr("2001:db8:2::100")
	b := advised(t)
	b.step(b.mpa(b.asks(), homePIO(role.Infinite, role.Infinite), pio(newNet, role.Infinite, role.Infinite)))
	if len(b.m.homes) != 1 {
		t.Fatal("a second home address although ours is preferred")
	}
	b.step(b.mpa(b.asksAgain(), homePIO(3*time.Hour, 0), pio(newNet, role.Infinite, role.Infinite)))
	if len(b.m.homes) != 2 || b.m.homes[1].addr() != moved {
		t.Fatalf("%d home addresses", len(b.m.homes))
	}
	var registers bool
	for _, s := range b.bus {
		registers = registers || s.send.HomeAddress == moved && s.send.Dst == ha && s.coa == coaA
	}
	if !registers {
		t.Error("it is not registered")
	}
	told := false
	for _, n := range b.notices {
		told = told || n.Kind == role.NoticeHomePrefix && strings.Contains(n.Text, "new home address")
	}
	if !told {
		t.Error("nobody was told")
	}
	b.wait(time.Second)
	b.step(b.mpa(b.asksAgain(), homePIO(3*time.Hour, 0), pio(newNet, role.Infinite, role.Infinite)))
	if len(b.m.homes) != 2 {
		t.Error("and again")
	}
}

func TestPrefixesThatGiveNoHomeAddress(t *testing.T) {
	change := func(f func(*icmp6.PrefixInformation)) icmp6.PrefixInformation {
		p := pio(newNet, time.Hour, time.Hour)
		f(&p)
		return p
	}
	for name, p := range map[string]icmp6.PrefixInformation{
		"not autonomous": change(func(p *icmp6.PrefixInformation) { p.Autonomous = false }),
		"not 64 bits":    change(func(p *icmp6.PrefixInformation) { p.Length = 48 }),
		"deprecated":     change(func(p *icmp6.PrefixInformation) { p.Preferred = 0 }),
		"lifetimes":      change(func(p *icmp6.PrefixInformation) { p.Preferred = 2 * time.Hour }),
		"link-local":     change(func(p *icmp6.PrefixInformation) { p.Prefix = netip.MustParseAddr("fe80::") }),
		"multicast":      change(func(p *icmp6.PrefixInformation) { p.Prefix = netip.MustParseAddr("ff0e::") }),
	} {
		b := advised(t)
		b.step(b.mpa(b.asks(), homePIO(time.Hour, 0), p))
		if len(b.m.homes) != 1 {
			t.Errorf("%s: a home address %v", name, b.m.homes[1].addr())
		}
	}
	params := defaultParams()
	params.Homes[0].Fixed = true
	b := started(t, params)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusPrefixDiscoveryNecessary)
	b.step(b.mpa(b.asks(), homePIO(time.Hour, 0), pio(newNet, time.Hour, time.Hour)))
	if len(b.m.homes) != 1 {
		t.Error("although the configuration forbids it")
	}
	b = advised(t)
	var flood []icmp6.Option
	for i := range 50 {
		a := newNet.Addr().As16()
		a[6], a[7] = 1, byte(i)
		flood = append(flood, pio(netip.PrefixFrom(netip.AddrFrom16(a), 64), time.Hour, time.Hour))
	}
	b.step(b.mpa(b.asks(), append([]icmp6.Option{homePIO(time.Hour, 0)}, flood...)...))
	if n := len(b.m.homes); n != 1+maxRenumbered {
		t.Errorf("%d home addresses of 50 prefixes", n)
	}
}
