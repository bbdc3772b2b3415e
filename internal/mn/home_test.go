package mn

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

const (
	deregPath = "path deregistering on 2, home agent at 020000000001"
	deregBU   = "BU lifetime 0s from 2001:db8:1::100"
	answering = "path answering on 2"
	tell      = "tell 020000000001 of 2001:db8:1::100 on 2"
	advertise = "advertise 2001:db8:1::100 on 2"
)

func TestStartAtHomeWithoutBinding(t *testing.T) {
	b := newBed(t, defaultParams())
	expect(t, "Start: nothing leaves before we know where we are", b.step(role.Start{}), "path blocked")
	if got := b.path(); got.HomeAgent != ha || got.HomeAddress != hoa {
		t.Errorf("path %+v: the tunnel device is the home agent's", got)
	}
	b.step(up(eth))
	expect(t, "home", b.step(homeRA(eth)), "path home on 2 with DAD")
	expect(t, "later", b.wait(time.Hour))
	if len(b.bus) != 0 {
		t.Error("a Binding Update left although there is nothing to register")
	}
	if v := b.m.Bindings(b.now)[0]; v.State != "home" || v.Mode != role.PathHome || v.CareOf.IsValid() {
		t.Errorf("%+v", v)
	}
}

// Requirements: 6275-11.5.2-1
func TestRFC6275_11_5_2_HomeLinkByPrefix(t *testing.T) {
	noDefault := func(ra *icmp6.RouterAdvertisement) { ra.RouterLifetime = 0 }
	onlyOnLink := func(ra *icmp6.RouterAdvertisement) {
		p := pio(homeNet, time.Hour, time.Hour)
		p.Autonomous = false
		ra.Options = icmp6.Options{p}
	}
	for _, tt := range []struct {
		name string
		ev   role.RouterSeen
		home bool
	}{
		{"the home agent", homeRA(eth), true},
		{"another router of the home link", ra(eth, routerA, homeNet), true},
		{"among other prefixes", ra(eth, routerA, netA, homeNet), true},
		{"no default router", edit(ra(eth, routerA, homeNet), noDefault), true},
		{"on-link but not autonomous", edit(ra(eth, routerA, homeNet), onlyOnLink), true},
		{"another prefix", ra(eth, routerA, netA), false},
		{"a shorter prefix", ra(eth, routerA, netip.MustParsePrefix("2001:db8:1::/48")), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := started(t, defaultParams())
			b.step(up(eth))
			b.step(tt.ev)
			if got := b.path().Mode == role.PathHome; got != tt.home {
				t.Errorf("path %s", renderPath(b.path()))
			}
		})
	}
}

// Requirements: 6275-8.5-7, 6275-11.5.5-1, 6275-11.5.5-2, 6275-11.5.5-11
func TestRFC6275_11_5_5_ReturnHomeInItsOrder(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.manualDone = true
	b.step(down(eth))
	b.wait(time.Second)
	b.step(up(eth))
	// Nothing leaves from the home address before the path is in force.
	expect(t, "advertisement", b.step(homeRA(eth)), deregPath, removeA)
	expect(t, "while the path is being made", b.wait(3*time.Second))
	id := b.m.homes[0].pathID
	expect(t, "the path is made", b.step(role.Done{ID: id}), deregBU, answering)
	expect(t, "acknowledgement", b.ack(mh.StatusAccepted), "path home on 2", advertise)
	if v := b.m.Bindings(b.now)[0]; v.State != "home" || v.Remaining != 0 || v.Waiting {
		t.Errorf("%+v", v)
	}
}

// Requirements: 6275-6.1.7-11, 6275-6.1.7-12, 6275-11.5.5-1, 6275-11.5.5-3, 6275-11.5.5-4, 6275-11.7.1-16
func TestRFC6275_11_5_5_DeregistrationFields(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.move(homeRA(eth))
	got := b.lastBU()
	if !got.bu.Ack || !got.bu.Home || got.bu.Lifetime != 0 {
		t.Errorf("A %v H %v lifetime %v, want A and H and 0", got.bu.Ack, got.bu.Home, got.bu.Lifetime)
	}
	if got.send.Src != hoa.Addr() || got.send.HomeAddress.IsValid() || got.send.RoutingHome.IsValid() {
		t.Errorf("from %v (home address option %v), want the home address itself", got.send.Src, got.send.HomeAddress)
	}
	if got.coa != hoa.Addr() {
		t.Errorf("care-of address %v, want the home address", got.coa)
	}
	if got.send.Dst != ha || got.send.Ifindex != eth {
		t.Errorf("to %v on %d", got.send.Dst, got.send.Ifindex)
	}
}

// Requirements: 6275-11.5.5-7
func TestRFC6275_11_5_5_NoDADWhileABindingIsAlive(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.move(homeRA(eth))
	b.ack(mh.StatusAccepted)
	for _, p := range b.paths {
		if p.DAD {
			t.Errorf("path %s while the home agent defends the address", renderPath(p))
		}
	}
}

// Requirements: 6275-11.5.5-8
func TestRFC6275_11_5_5_DADAfterTheBindingHasExpired(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.step(down(eth))
	b.wait(401 * time.Second)
	b.step(up(eth))
	expect(t, "advertisement", b.step(homeRA(eth)), "path home on 2 with DAD")
	if len(b.bus) != 1 {
		t.Error("a de-registration left for a binding that has expired")
	}
}

func TestUnansweredRegistrationIsDeregisteredToo(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA)) // the answer, if any, is lost
	expect(t, "home", b.move(homeRA(eth)), deregPath, removeA, deregBU, answering, tell)
}

// Requirements: 6275-11.5.5-11b
func TestRFC6275_11_5_5_LinkLocalIsAdvertisedWithL(t *testing.T) {
	p := defaultParams()
	p.Homes[0].LinkLocal = true
	b := awayAt(t, p)
	if !b.lastBU().bu.LinkLocal {
		t.Error("L is clear in the registration")
	}
	b.move(homeRA(eth))
	expect(t, "acknowledgement", b.ack(mh.StatusAccepted), "path home on 2", advertise, "advertise fe80::100 on 2")
}

func TestRFC6275_11_5_5_EachHomeAddressReturns(t *testing.T) {
	p := defaultParams()
	second := netip.MustParsePrefix("2001:db8:1::200/64")
	p.Homes = append(p.Homes, Home{HomeAddress: second, HomeAgent: ha, Lifetime: 400 * time.Second})
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	for _, s := range b.bus {
		in := b.ba(s, mh.StatusAccepted)
		mh.SetChecksum(in.Raw, ha, in.RoutingHome)
		b.step(in)
	}
	b.wait(2 * time.Second)
	b.move(homeRA(eth))
	for _, s := range b.bus[2:] {
		in := b.ba(s, mh.StatusAccepted)
		mh.SetChecksum(in.Raw, ha, s.send.Src)
		b.step(in)
	}
	advertised := make(map[netip.Addr]bool)
	for _, v := range b.m.Bindings(b.now) {
		advertised[v.HomeAddress.Addr()] = v.State == "home"
	}
	if !advertised[hoa.Addr()] || !advertised[second.Addr()] {
		t.Errorf("home: %v", advertised)
	}
}

func TestDeregistrationIsRetransmitted(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.wait(2 * time.Second)
	b.move(homeRA(eth))
	first := b.lastBU()
	b.wait(31 * time.Second)
	var gaps []time.Duration
	last := first
	for _, s := range b.bus[2:] {
		gaps = append(gaps, s.at.Sub(last.at))
		if s.bu.Sequence != last.bu.Sequence+1 || s.bu.Lifetime != 0 || s.send.Src != hoa.Addr() {
			t.Errorf("retransmission %+v", s)
		}
		last = s
	}
	want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}
	if len(gaps) != len(want) {
		t.Fatalf("gaps %v, want %v", gaps, want)
	}
	for i := range want {
		if gaps[i] != want[i] {
			t.Errorf("gaps %v, want %v", gaps, want)
			break
		}
	}
	if got := b.path().Mode; got != role.PathAnswering {
		t.Errorf("path %v while unanswered", got)
	}
	expect(t, "an answer to the first at last", b.step(b.ba(first, mh.StatusAccepted)), "path home on 2", advertise)
}

func TestHomeAgentNeverAnswersTheReturn(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.move(homeRA(eth))
	b.wait(401 * time.Second)
	if got := renderPath(b.path()); got != "home on 2 with DAD" {
		t.Errorf("path %s after the binding's lifetime", got)
	}
	n := len(b.bus)
	b.wait(time.Hour)
	if len(b.bus) != n {
		t.Error("de-registrations go on")
	}
}

func TestHomeAgentHoldsNoBindingAtReturn(t *testing.T) {
	for _, s := range []mh.Status{mh.StatusNotHomeAgent, mh.StatusNotHomeSubnet, mh.StatusHomeRegistrationNotSupport} {
		t.Run(s.String(), func(t *testing.T) {
			b := awayAt(t, authParams())
			b.move(homeRA(eth))
			expect(t, "rejection", b.ack(s), "path home on 2", advertise)
		})
	}
}

func TestDeregistrationOutOfWindow(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.wait(time.Minute)
	b.move(homeRA(eth))
	expect(t, "135", b.ack(mh.StatusSequenceOutOfWindow, sequenceOf(5000)), deregBU)
	if got := b.lastBU().bu.Sequence; got != 5001 {
		t.Errorf("sequence %d, want 5001", got)
	}
	expect(t, "accepted", b.ack(mh.StatusAccepted), "path home on 2", advertise)
}

func TestRFC6275_11_5_5_HomeAgentLinkAddr(t *testing.T) {
	slla := func(last byte) icmp6.Option {
		return icmp6.SourceLinkLayerAddress{LinkAddr: []byte{2, 0, 0, 0, 0, last}}
	}
	with := func(router netip.Addr, last byte, ha bool) role.RouterSeen {
		return edit(ra(eth, router, homeNet), func(ra *icmp6.RouterAdvertisement) {
			ra.HomeAgent = ha
			ra.Options = append(ra.Options, slla(last))
		})
	}
	for _, tt := range []struct {
		name string
		evs  []role.Event
		want byte
	}{
		{"R flag and address", []role.Event{with(routerA, 9, true), homeRA(eth)}, 1},
		{"H flag", []role.Event{with(routerA, 9, false), with(routerB, 7, true)}, 7},
		{"two home agents, neither says it is ours", []role.Event{with(routerA, 9, true), with(routerB, 7, true)}, 0},
		{"no home agent among them", []role.Event{with(routerA, 9, false)}, 0},
		{"none has one", []role.Event{ra(eth, routerA, homeNet)}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := awayAt(t, defaultParams())
			b.manualDone = true
			b.step(down(eth))
			b.step(up(eth))
			// All of them are heard before the first conclusion is drawn.
			for _, ev := range tt.evs {
				rs := ev.(role.RouterSeen)
				b.m.link(eth).confirmed = true
				b.m.heard++
				b.m.learn(b.m.link(eth), rs.Router, readAdvertisement(rs.RA))
			}
			b.step(role.Tick{})
			if tt.want == 0 { // asked for three times, in vain
				if got := b.path(); got.Mode != role.PathBlocked {
					t.Fatalf("before it is asked for: path %s", renderPath(got))
				}
				b.wait(3 * time.Second)
			}
			got := b.path()
			if got.Mode != role.PathDeregistering {
				t.Fatalf("path %s", renderPath(got))
			}
			var last byte
			if n := len(got.HomeAgentLinkAddr); n > 0 {
				last = got.HomeAgentLinkAddr[n-1]
			}
			if last != tt.want {
				t.Errorf("home agent at %x, want …%02x", got.HomeAgentLinkAddr, tt.want)
			}
		})
	}
}

func TestLeavingHomeBlocksFirst(t *testing.T) {
	t.Run("link down", func(t *testing.T) {
		b := homeAt(t, defaultParams())
		expect(t, "link down", b.step(down(eth)), "path blocked")
	})
	t.Run("link up without link down", func(t *testing.T) {
		b := homeAt(t, defaultParams())
		expect(t, "link up", b.step(up(eth)), "path blocked", "solicit 2")
		expect(t, "still home", b.step(homeRA(eth)), "path home on 2 with DAD")
	})
	t.Run("the home router speaks of another prefix", func(t *testing.T) {
		b := homeAt(t, defaultParams())
		expect(t, "advertisement", b.step(ra(eth, haRouter, netA)), "path blocked", addA, tunnelA, buA)
	})
	t.Run("the home prefix is withdrawn", func(t *testing.T) {
		b := homeAt(t, defaultParams())
		expect(t, "advertisement", b.step(edit(ra(eth, haRouter, netA), func(ra *icmp6.RouterAdvertisement) {
			ra.Options = append(ra.Options, pio(homeNet, 0, 0))
		})), "path blocked", addA, tunnelA, buA)
	})
	t.Run("the device is gone", func(t *testing.T) {
		b := homeAt(t, defaultParams())
		ev := up(eth)
		ev.Ifindex = 12
		expect(t, "another device of the name", b.step(ev), "path blocked", "solicit 12")
	})
}

func TestLeavingHomeWithAnotherInterfaceReady(t *testing.T) {
	b := homeAt(t, defaultParams())
	b.step(up(wan))
	expect(t, "the other interface gets ready", b.step(ra(wan, routerB, netB)),
		"add 2001:db8:b:0:a8:bbff:fecc:dd01/64 on 3")
	// Straight to the tunnel: setting a path leaves no moment untunnelled.
	expect(t, "link down", b.step(down(eth)),
		"path tunnelled 2001:db8:b:0:a8:bbff:fecc:dd01 to 2001:db8:1::1 on 3",
		"BU lifetime 6m40s from 2001:db8:b:0:a8:bbff:fecc:dd01 home 2001:db8:1::100")
}

func TestStrangerOnTheHomeLinkPausesUntilTheHomeRouterSpeaks(t *testing.T) {
	b := homeAt(t, defaultParams())
	b.wait(10 * time.Second)
	expect(t, "a stranger", b.step(ra(eth, routerB, netB)), "path blocked", "solicit 2")
	b.wait(100 * time.Millisecond)
	expect(t, "the home router answers", b.step(homeRA(eth)), "path home on 2")
	b.wait(10 * time.Second)
	expect(t, "the stranger again", b.step(ra(eth, routerB, netB)))
	if len(b.bus) != 0 {
		t.Error("a Binding Update left for a false alarm")
	}
}

// A stranger that was heard before without any prefix is a stranger still.
func TestStrangerWithoutPrefixAtFirst(t *testing.T) {
	b := homeAt(t, defaultParams())
	b.wait(10 * time.Second)
	expect(t, "no prefix", b.step(ra(eth, routerB)))
	expect(t, "a prefix", b.step(ra(eth, routerB, netB)), "path blocked", "solicit 2")
}

func TestSilentMoveFromHome(t *testing.T) {
	b := homeAt(t, defaultParams())
	b.wait(10 * time.Second)
	expect(t, "a stranger", b.step(ra(eth, routerB, netB)), "path blocked", "solicit 2")
	for _, p := range b.paths[len(b.paths)-1:] {
		if p.Mode != role.PathBlocked {
			t.Errorf("path %s while in doubt", renderPath(p))
		}
	}
	b.wait(4 * time.Second)
	if got := b.lastBU().coa; got != coaB {
		t.Errorf("registered %v, want %v", got, coaB)
	}
}

func TestHomeRouterFallsSilent(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(edit(homeRA(eth), withInterval(100*time.Millisecond)))
	b.wait(time.Minute)
	if got := b.path().Mode; got != role.PathHome {
		t.Errorf("path %v: no news is no reason to leave home", got)
	}
}

func TestAwayAgainDuringTheReturn(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.wait(2 * time.Second)
	b.move(homeRA(eth))
	expect(t, "link down before the answer", b.step(down(eth)), "path blocked")
	b.wait(2 * time.Second)
	b.step(up(eth))
	expect(t, "away", b.step(ra(eth, routerB, netB)), addB, tunnelB, buB)
	late := b.ba(b.bus[1], mh.StatusAccepted)
	expect(t, "the de-registration's late answer", b.step(late))
	if v := b.m.Bindings(b.now)[0]; v.State != "away" || v.Registered && v.Bound != coaA {
		t.Errorf("%+v", v)
	}
	expect(t, "accepted", b.ack(mh.StatusAccepted))
	if v := b.m.Bindings(b.now)[0]; !v.Registered || v.Bound != coaB {
		t.Errorf("%+v", v)
	}
}

func TestHomeDADFailureOfAnEarlierRunsBinding(t *testing.T) {
	b := homeAt(t, defaultParams())
	expect(t, "somebody defends the home address", b.step(role.DADFailed{Ifindex: eth, Addr: hoa.Addr()}),
		deregPath, deregBU, answering, tell)
	expect(t, "it was the home agent", b.ack(mh.StatusAccepted), "path home on 2", advertise)
	if b.counts[role.CountDADFailure] != 1 {
		t.Errorf("counters %v", b.counts)
	}
}

// With a home agent that was not looked for yet, the one that is advertised at home is
// asked to let go.
func TestHomeDADFailureWithoutAKnownHomeAgent(t *testing.T) {
	p := defaultParams()
	p.Homes[0].HomeAgent = netip.Addr{}
	b := homeAt(t, p)
	expect(t, "somebody defends the home address", b.step(role.DADFailed{Ifindex: eth, Addr: hoa.Addr()}),
		deregPath, deregBU, answering, tell)
	if to := b.lastBU().send.Dst; to != ha {
		t.Errorf("sent to %s", to)
	}

	b = started(t, p)
	b.step(up(eth))
	b.step(ra(eth, haRouter, hoa.Masked())) // no home agent
	expect(t, "nobody to ask", b.step(role.DADFailed{Ifindex: eth, Addr: hoa.Addr()}), "path none")

	// A request for home agents that is under way is of no use any more.
	b, ask := seeker(t, p)
	b.move(homeRA(eth))
	b.step(role.DADFailed{Ifindex: eth, Addr: hoa.Addr()})
	b.ack(mh.StatusNotHomeAgent)
	b.move(ra(eth, routerA, netA))
	b.wait(10 * time.Second)
	if list := b.requests(); len(list) > 0 {
		t.Errorf("%d more requests", len(list))
	}
	b.found(ask.Identifier, ha2)
	if to := b.lastBU().send.Dst; to != ha {
		t.Errorf("goes over to %s", to)
	}

	// One that has the home address for its own can't be asked.
	b = started(t, p)
	b.step(up(eth))
	b.step(edit(homeRA(eth), func(ra *icmp6.RouterAdvertisement) {
		for i, o := range ra.Options {
			if pi, ok := o.(icmp6.PrefixInformation); ok {
				pi.Prefix = hoa.Addr()
				ra.Options[i] = pi
			}
		}
	}))
	expect(t, "the home address is the home agent's", b.step(role.DADFailed{Ifindex: eth, Addr: hoa.Addr()}), "path none")
}

// TestHomeDADSucceedsAfterALostAnswer: found by internal/sim.
func TestHomeDADSucceedsAfterALostAnswer(t *testing.T) {
	b := homeAt(t, defaultParams())
	b.step(role.DADFailed{Ifindex: eth, Addr: hoa.Addr()})
	b.ack(mh.StatusNotHomeAgent)
	expect(t, "nobody has it now", b.step(role.AddressReady{Ifindex: eth, Addr: hoa.Addr()}))
	expect(t, "a later failure is a first one", b.step(role.DADFailed{Ifindex: eth, Addr: hoa.Addr()}),
		deregPath, deregBU, answering, tell)
}

func TestHomeDADFailureByAnotherNode(t *testing.T) {
	b := homeAt(t, defaultParams())
	b.step(role.DADFailed{Ifindex: eth, Addr: hoa.Addr()})
	// Perhaps it was the home agent, and only its answer to a first
	// de-registration was lost.
	expect(t, "the home agent holds no binding", b.ack(mh.StatusNotHomeAgent), "path home on 2 with DAD")
	expect(t, "somebody still defends it", b.step(role.DADFailed{Ifindex: eth, Addr: hoa.Addr()}), "path none")
	b.move(ra(eth, routerA, netA))
	b.wait(time.Hour)
	if len(b.bus) != 1 {
		t.Error("the address is used again")
	}
	if v := b.m.Bindings(b.now)[0]; v.State != "duplicate" || v.Mode != role.PathNone {
		t.Errorf("%+v", v)
	}
}

func TestHomeDADFailsAgain(t *testing.T) {
	b := homeAt(t, defaultParams())
	b.step(role.DADFailed{Ifindex: eth, Addr: hoa.Addr()})
	b.wait(401 * time.Second) // no answer; home with DAD once more
	if got := renderPath(b.path()); got != "home on 2 with DAD" {
		t.Fatalf("path %s", got)
	}
	expect(t, "again", b.step(role.DADFailed{Ifindex: eth, Addr: hoa.Addr()}), "path none")
}

func TestPathFailureIsRepeated(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.manualDone = true
	b.step(down(eth))
	b.step(up(eth))
	b.step(homeRA(eth))
	refused := errors.New("no such device")
	expect(t, "the kernel refuses", b.step(role.Done{ID: b.m.homes[0].pathID, Err: refused}))
	expect(t, "again", b.wait(200*time.Millisecond), deregPath)
	b.step(role.Done{ID: b.m.homes[0].pathID, Err: refused})
	expect(t, "not at once", b.wait(399*time.Millisecond))
	expect(t, "later", b.wait(time.Millisecond), deregPath)
	expect(t, "at last", b.step(role.Done{ID: b.m.homes[0].pathID}), deregBU, answering)
	faults := 0
	for _, n := range b.notices {
		if n.Kind == role.NoticeFault && n.Warn {
			faults++
		}
	}
	if faults != 2 {
		t.Errorf("%d faults told, want 2", faults)
	}
}

func TestLateDoneOfAnotherPathIsIgnored(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.manualDone = true
	old := b.m.homes[0].pathID
	b.step(down(eth))
	b.step(up(eth))
	b.step(homeRA(eth))
	expect(t, "the answer to an older path", b.step(role.Done{ID: old}))
	expect(t, "an answer to nothing", b.step(role.Done{ID: 4711}))
	expect(t, "no answer to nothing", b.step(role.Done{}))
	if len(b.bus) != 1 {
		t.Error("the de-registration left before its path was there")
	}
}

// The advertisements of a return home are repeated for seconds. On the next link
// they would take the home address there, untunnelled.
func TestAdvertisementsEndWithTheStayAtHome(t *testing.T) {
	p := defaultParams()
	p.Homes[0].LinkLocal = true
	b := awayAt(t, p)
	b.move(homeRA(eth))
	b.ack(mh.StatusAccepted)
	b.wait(200 * time.Millisecond)
	n := 0
	for _, ev := range []role.Event{down(eth), up(eth), ra(eth, routerA, netA)} {
		b.step(ev)
		for _, e := range b.effects {
			switch e := e.(type) {
			case role.StopAdvertising:
				n++
			case role.SetHomePath:
				if e.Path.Mode != role.PathHome && n != 2 {
					t.Errorf("%T: path %v after %d of 2 addresses", ev, e.Path.Mode, n)
				}
			}
		}
	}
	if n != 2 {
		t.Errorf("%d addresses silenced, want the home address and the link-local one, once", n)
	}
}
