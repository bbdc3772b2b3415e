package mn

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// waiting is a machine whose first Binding Update is unanswered.
func waiting(t *testing.T, p Params) *bed {
	t.Helper()
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	if !b.m.Bindings(b.now)[0].Waiting {
		t.Fatal("not waiting for an answer")
	}
	return b
}

// Requirements: 6275-8.5-11, 6275-11.7.1-17, 6275-11.7.3-6, 6275-11.7.3-7
func TestRFC6275_11_7_3_AcceptedStopsRetransmission(t *testing.T) {
	b := waiting(t, defaultParams())
	b.wait(500 * time.Millisecond)
	b.ack(mh.StatusAccepted)
	expect(t, "afterwards", b.wait(300*time.Second))
	v := b.m.Bindings(b.now)[0]
	if !v.Registered || v.Waiting || v.Bound != coaA || v.Lifetime != 400*time.Second {
		t.Errorf("%+v", v)
	}
	if want := 400*time.Second - b.now.Sub(t0); v.Remaining != want {
		t.Errorf("remaining %v, want %v: counted from sending", v.Remaining, want)
	}
}

// Requirements: 6275-11.7.3-8
func TestRFC6275_11_7_3_ShorterLifetime(t *testing.T) {
	b := waiting(t, defaultParams())
	b.wait(time.Second)
	b.ack(mh.StatusAccepted, lifetimeOf(60*time.Second))
	if v := b.m.Bindings(b.now)[0]; v.Lifetime != 60*time.Second || v.Remaining != 59*time.Second {
		t.Errorf("granted %v, remaining %v, want 1m and 59s", v.Lifetime, v.Remaining)
	}
}

func TestRFC6275_11_7_3_PrefixDiscoveryNecessaryIsAccepted(t *testing.T) {
	b := waiting(t, defaultParams())
	b.ack(mh.StatusPrefixDiscoveryNecessary)
	if v := b.m.Bindings(b.now)[0]; !v.Registered || v.Status != mh.StatusPrefixDiscoveryNecessary {
		t.Errorf("%+v", v)
	}
}

// Requirements: 6275-9.2-1, 6275-11.2-1, 6275-11.7.3-1, 6275-11.7.3-4, 6275-11.7.3-5
func TestRFC6275_11_7_3_SilentlyIgnored(t *testing.T) {
	elsewhere := netip.MustParseAddr("2001:db8:1::99")
	for _, tt := range []struct {
		name  string
		edit  func(*role.MessageIn)
		count role.Counter
	}{
		{"wrong sequence number", func(ev *role.MessageIn) { ev.Raw[9]++; fix(ev) }, role.CountUnsolicited},
		{"wrong source", func(ev *role.MessageIn) { ev.Src = elsewhere; fix(ev) }, role.CountUnsolicited},
		{"no routing header", func(ev *role.MessageIn) { ev.RoutingHome = netip.Addr{}; fix(ev) }, role.CountUnsolicited},
		{"to the home address without a routing header", func(ev *role.MessageIn) {
			ev.Dst, ev.RoutingHome = ev.RoutingHome, netip.Addr{}
		}, role.CountUnsolicited},
		{"another home address", func(ev *role.MessageIn) { ev.RoutingHome = elsewhere; fix(ev) }, role.CountUnsolicited},
		{"a home address option", func(ev *role.MessageIn) { ev.HomeAddress, ev.Src = ha, elsewhere }, role.CountUnsolicited},
		{"bad checksum", func(ev *role.MessageIn) { ev.Raw[4]++ }, role.CountBadChecksum},
		{"cut short", func(ev *role.MessageIn) { ev.Raw = ev.Raw[:8]; fix(ev) }, role.CountMalformed},
		{"nothing", func(ev *role.MessageIn) { ev.Raw = nil }, role.CountBadChecksum},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := waiting(t, defaultParams())
			ev := b.ba(b.lastBU(), mh.StatusAccepted)
			tt.edit(&ev)
			expect(t, "answer", b.step(ev))
			if v := b.m.Bindings(b.now)[0]; v.Registered || !v.Waiting {
				t.Errorf("state changed: %+v", v)
			}
			if b.counts[tt.count] != 1 {
				t.Errorf("counters %v, want %v", b.counts, tt.count)
			}
			b.wait(1500 * time.Millisecond)
			if len(b.bus) != 2 {
				t.Error("retransmission stopped")
			}
		})
	}
}

// fix makes the checksum right again.
func fix(ev *role.MessageIn) {
	dst := ev.Dst
	if ev.RoutingHome.IsValid() {
		dst = ev.RoutingHome
	}
	mh.SetChecksum(ev.Raw, ev.Src, dst)
}

func TestAcknowledgementOfAnEarlierTransmission(t *testing.T) {
	b := waiting(t, authParams())
	b.wait(5 * time.Second) // two retransmissions
	if len(b.bus) != 3 {
		t.Fatalf("%d Binding Updates, want 3", len(b.bus))
	}
	b.step(b.ba(b.bus[0], mh.StatusAccepted))
	v := b.m.Bindings(b.now)[0]
	if !v.Registered {
		t.Error("a late answer to an outstanding Binding Update does not count")
	}
	if want := 395 * time.Second; v.Remaining != want {
		t.Errorf("remaining %v, want %v: from the transmission that was answered", v.Remaining, want)
	}
	b.step(b.ba(b.bus[1], mh.StatusAccepted))
	if b.counts[role.CountUnsolicited] != 1 {
		t.Errorf("counters %v: the second answer is not wanted any more", b.counts)
	}
}

func TestAcknowledgementForThePreviousCareOfAddress(t *testing.T) {
	b := waiting(t, defaultParams())
	b.move(ra(eth, routerB, netB))
	expect(t, "late answer", b.step(b.ba(b.bus[0], mh.StatusAccepted)))
	if v := b.m.Bindings(b.now)[0]; v.Registered {
		t.Errorf("%+v", v)
	}
}

func TestUnsolicitedAcknowledgementBeforeAnything(t *testing.T) {
	b := awayAt(t, defaultParams())
	in := b.ba(b.lastBU(), mh.StatusAccepted)
	for name, fresh := range map[string]*bed{
		"not started": newBed(t, defaultParams()),
		"no link":     started(t, defaultParams()),
		"at home":     homeAt(t, defaultParams()),
	} {
		if got := fresh.step(in); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
		if fresh.counts[role.CountUnsolicited] != 1 {
			t.Errorf("%s: counters %v", name, fresh.counts)
		}
	}
}

// Requirements: 6275-11.1-3, 6275-11.7.1-18, 6275-11.7.3-9
func TestRFC6275_11_7_3_SequenceOutOfWindow(t *testing.T) {
	b := waiting(t, defaultParams())
	b.m.bul.Seed(b.m.homes[0].key(), 65000) // what the counting source of randomness never gives
	expect(t, "135", b.ack(mh.StatusSequenceOutOfWindow, sequenceOf(65535)), buA)
	if got := b.lastBU().bu.Sequence; got != 0 {
		t.Errorf("sequence %d after 65535, want 0", got)
	}
	b.ack(mh.StatusAccepted)
	if v := b.m.Bindings(b.now)[0]; !v.Registered {
		t.Errorf("%+v", v)
	}
}

func TestEndlessSequenceCorrectionsBackOff(t *testing.T) {
	b := waiting(t, defaultParams())
	for i := range 20 {
		b.ack(mh.StatusSequenceOutOfWindow, sequenceOf(uint16(1000*i)))
	}
	// Three at once, as MAX_UPDATE_RATE allows, then no more in this instant.
	if n := len(b.bus); n > 3 {
		t.Errorf("%d Binding Updates at once", n)
	}
	for range 100 {
		b.wait(time.Second)
		if b.m.Bindings(b.now)[0].Waiting {
			b.ack(mh.StatusSequenceOutOfWindow, sequenceOf(7))
		}
	}
	if n := len(b.bus); n > 12 {
		t.Errorf("%d Binding Updates in 100 s of corrections", n)
	}
}

// Requirements: 6275-11.7.3-10
func TestRFC6275_11_7_3_UnauthenticatedSequenceCorrection(t *testing.T) {
	b := waiting(t, authParams())
	before := b.lastBU().bu.Sequence
	for _, ev := range []role.MessageIn{
		unsignedBA(b, mh.StatusSequenceOutOfWindow, 5000),
		forgedBA(b, mh.StatusSequenceOutOfWindow, 5000),
	} {
		expect(t, "135", b.step(ev))
	}
	b.wait(1500 * time.Millisecond)
	if got := b.lastBU().bu.Sequence; got != before+1 {
		t.Errorf("sequence %d, want %d", got, before+1)
	}
}

// unsignedBA is an answer without authentication.
func unsignedBA(b *bed, status mh.Status, sequence uint16) role.MessageIn {
	ev := b.ba(b.lastBU(), status, sequenceOf(sequence))
	msg, err := mh.Parse(ev.Raw)
	if err != nil {
		b.t.Fatal(err)
	}
	ba := msg.(*mh.BindingAcknowledgement)
	ba.Options, ba.Verbatim = nil, false
	ev.Raw = marshal(b.t, ba)
	fix(&ev)
	return ev
}

// forgedBA is an answer by someone without the key.
func forgedBA(b *bed, status mh.Status, sequence uint16) role.MessageIn {
	ev := b.ba(b.lastBU(), status, sequenceOf(sequence))
	signBA(ev.Raw, b.lastBU().coa, hoa.Addr(), []byte("another key, eh?"))
	fix(&ev)
	return ev
}

// Requirements: 6275-11.7.3-12
func TestRejections(t *testing.T) {
	for _, tt := range []struct {
		status mh.Status
		retry  time.Duration // until the next Binding Update; 0: none within an hour
		path   role.PathMode
	}{
		{mh.StatusReasonUnspecified, 1500 * time.Millisecond, role.PathTunnelled},
		{mh.StatusInsufficientResources, 1500 * time.Millisecond, role.PathTunnelled},
		{mh.StatusNotHomeAgent, 1500 * time.Millisecond, role.PathTunnelled},
		{mh.StatusInvalidCareOf, 1500 * time.Millisecond, role.PathTunnelled},
		{mh.Status(200), 1500 * time.Millisecond, role.PathTunnelled},
		{mh.StatusAdministrativelyProhibited, 10 * time.Minute, role.PathBlocked},
		{mh.StatusHomeRegistrationNotSupport, 10 * time.Minute, role.PathBlocked},
		{mh.StatusNotHomeSubnet, 10 * time.Minute, role.PathBlocked},
		{mh.StatusRegistrationTypeChange, 10 * time.Minute, role.PathBlocked},
		{mh.StatusAuthFail, 1500 * time.Millisecond, role.PathTunnelled}, // anybody can provoke one
		{mh.StatusDADFailed, 0, role.PathNone},
	} {
		t.Run(tt.status.String(), func(t *testing.T) {
			b := waiting(t, authParams())
			b.ack(tt.status)
			if got := b.path().Mode; got != tt.path {
				t.Errorf("path %v, want %v", got, tt.path)
			}
			v := b.m.Bindings(b.now)[0]
			if v.Registered || v.Waiting || !v.HasStatus || v.Status != tt.status {
				t.Errorf("%+v", v)
			}
			if b.counts[role.CountRefused] != 1 {
				t.Errorf("counters %v", b.counts)
			}
			warned := false
			for _, n := range b.notices {
				warned = warned || n.Warn && n.HasStatus && n.Status == tt.status
			}
			if !warned {
				t.Error("nobody was told")
			}
			if tt.retry == 0 {
				b.wait(time.Hour)
				if len(b.bus) != 1 {
					t.Error("sent again")
				}
				return
			}
			b.wait(tt.retry - time.Millisecond)
			if len(b.bus) != 1 {
				t.Fatalf("sent again after %v", b.lastBU().at.Sub(t0))
			}
			b.wait(2 * time.Millisecond)
			if len(b.bus) != 2 {
				t.Fatalf("not sent again after %v", tt.retry)
			}
			b.ack(mh.StatusAccepted)
			if p := b.path(); p.Mode != role.PathTunnelled {
				t.Errorf("path %s once registered", renderPath(p))
			}
		})
	}
}

func TestTemporaryRejectionsBackOff(t *testing.T) {
	b := waiting(t, defaultParams())
	for range 200 {
		if b.m.Bindings(b.now)[0].Waiting {
			b.ack(mh.StatusInsufficientResources)
		}
		b.wait(500 * time.Millisecond)
	}
	expectTimes(t, b, 0, []float64{0, 1.5, 4.5, 10.5, 22.5, 46.5, 78.5})
}

func TestRefusedIsTriedAgainAfterAMove(t *testing.T) {
	b := waiting(t, defaultParams())
	b.ack(mh.StatusAdministrativelyProhibited)
	expect(t, "no retransmission", b.wait(time.Minute))
	expect(t, "after a move", b.move(ra(eth, routerB, netB)), addB, tunnelB, buB, removeA)
}

// Requirements: 6275-11.7.1-21, 6275-11.7.1-22
func TestRFC6275_11_7_1_DuplicateHomeAddressIsNotUsedAgain(t *testing.T) {
	p := defaultParams()
	second := netip.MustParsePrefix("2001:db8:1::200/64")
	p.Homes = append(p.Homes, Home{HomeAddress: second, HomeAgent: ha})
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	expect(t, "134", b.step(b.ba(b.bus[0], mh.StatusDADFailed)), "path none")
	n := len(b.bus)
	b.move(ra(eth, routerB, netB))
	b.wait(time.Second)
	b.move(homeRA(eth))
	b.wait(time.Minute)
	for _, s := range b.bus[n:] {
		if s.send.HomeAddress == hoa.Addr() || s.send.Src == hoa.Addr() {
			t.Errorf("a Binding Update for the duplicate address after %v", s.at.Sub(t0))
		}
	}
	if len(b.bus) == n {
		t.Error("the other home address (SHOULD go on) is not registered any more")
	}
}

func TestRefusedRefreshKeepsTheOldBinding(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.wait(100 * time.Second)
	b.move(ra(eth, routerB, netB))
	b.ack(mh.StatusAdministrativelyProhibited)
	v := b.m.Bindings(b.now)[0]
	if !v.Registered || v.Bound != coaA {
		t.Errorf("%+v: the home agent still holds the old binding", v)
	}
	// And it is de-registered when we come home.
	b.move(homeRA(eth))
	if got := b.lastBU().bu; got.Lifetime != 0 {
		t.Errorf("last Binding Update has lifetime %v", got.Lifetime)
	}
}

func TestAcceptedForNoTime(t *testing.T) {
	b := waiting(t, defaultParams())
	b.ack(mh.StatusAccepted, lifetimeOf(0))
	if v := b.m.Bindings(b.now)[0]; v.Registered {
		t.Errorf("%+v", v)
	}
	b.wait(1500 * time.Millisecond)
	if len(b.bus) != 2 {
		t.Error("not tried again")
	}
}

func TestWhatIsToldOfARegistration(t *testing.T) {
	b := waiting(t, defaultParams())
	b.ack(mh.StatusAccepted)
	var kinds []role.NoticeKind
	for _, n := range b.notices {
		kinds = append(kinds, n.Kind)
		if n.Warn {
			t.Errorf("warning in a good registration: %+v", n)
		}
	}
	want := []role.NoticeKind{role.NoticeLinkUp, role.NoticeRouter, role.NoticeCareOfReady, role.NoticeUpdateSent,
		role.NoticeAckReceived, role.NoticeRegistered}
	if len(kinds) != len(want) {
		t.Fatalf("notices %v, want %v", kinds, want)
	}
	for i := range want {
		if kinds[i] != want[i] {
			t.Errorf("notices %v, want %v", kinds, want)
			break
		}
	}
	last := b.notices[len(b.notices)-1]
	if last.HoA != hoa.Addr() || last.CoA != coaA || last.HA != ha || last.Ifindex != eth ||
		last.Lifetime != 400*time.Second || last.Sequence != b.lastBU().bu.Sequence {
		t.Errorf("%+v", last)
	}
}
