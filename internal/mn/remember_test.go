package mn

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// left is what a bed's store has for the next run.
func (b *bed) left() role.Restored {
	var ev role.Restored
	for _, k := range slices.Sorted(maps.Keys(b.stored)) {
		ev.Entries = append(ev.Entries, b.stored[k])
	}
	for _, l := range b.leases {
		ev.Leases = append(ev.Leases, l)
	}
	return ev
}

// crash is the next run, with what this one has left; its random numbers are others.
func (b *bed) crash() *bed {
	b.t.Helper()
	next := newBed(b.t, b.m.p)
	next.m = New(b.m.p, &counting{n: 99})
	next.now, next.stored, next.leases = b.now, maps.Clone(b.stored), maps.Clone(b.leases)
	next.step(b.left())
	next.step(role.Start{})
	return next
}

// TestSequenceNumbersGoOnAboveTheLastRun: whenever the run ends, the next one's first
// number is greater than any that was used, and by little (RFC 6275 §11.7.1, §11.8).
func TestSequenceNumbersGoOnAboveTheLastRun(t *testing.T) {
	b := started(t, authParams())
	b.step(up(eth))
	for i := range 300 { // 300 moves, so the reservation is renewed some times
		net, router := netA, routerA
		if i%2 == 1 {
			net, router = netB, routerB
		}
		before := b.left() // a kill before the last Binding Update's step is stored
		b.step(down(eth), up(eth))
		b.step(ra(eth, router, net))
		last := b.lastBU().bu.Sequence
		for name, ev := range map[string]role.Restored{"after": b.left(), "before": before} {
			if i == 0 && name == "before" {
				ev = b.left() // Start has reserved
			}
			next := ev.Entries[0].Sequence + 1
			if !bul.Later(next, last) || next-last > sequencesAhead+2 {
				t.Fatalf("move %d, %s: the next run begins with %d, the last number was %d", i, name, next, last)
			}
		}
		b.wait(time.Second)
		b.ack(mh.StatusAccepted)
	}
	if b.stores > 1000 {
		t.Errorf("%d stores for 300 registrations", b.stores)
	}
	last := b.lastBU().bu.Sequence
	next := b.crash()
	next.step(up(eth))
	next.step(ra(eth, routerA, netA))
	if got := next.lastBU().bu.Sequence; !bul.Later(got, last) || got-last > 2*sequencesAhead {
		t.Errorf("the next run's first is %d, the last was %d", got, last)
	}
	if next.lastBU().stamp() <= b.lastBU().stamp() {
		t.Error("the timestamp does not grow")
	}
}

// TestRestartedAwayGoesOn: the tunnel stands at once, and the binding is refreshed.
func TestRestartedAwayGoesOn(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.wait(100 * time.Second)
	next := b.crash()
	if v := next.m.Bindings(next.now)[0]; !v.Registered || v.Bound != coaA || v.Remaining != 300*time.Second {
		t.Errorf("%+v", v)
	}
	next.step(up(eth))
	next.step(ra(eth, routerA, netA))
	if s := next.lastBU(); s.coa != coaA || s.bu.Lifetime == 0 || next.path().Mode != role.PathTunnelled {
		t.Errorf("%+v, path %v", s.bu, next.path().Mode)
	}
	next.ack(mh.StatusAccepted)
	if next.counts[role.CountRefused] > 0 {
		t.Error("refused")
	}
	next.step(down(eth), up(eth))
	next.step(ra(eth, routerB, netB))
	if s := next.lastBU(); s.coa != coaB {
		t.Errorf("moved, and registers %s", s.coa)
	}
}

// TestRestartedAtHomeDeregisters: at once, without finding out by a detection who
// defends the home address (RFC 6275 §11.5.5).
func TestRestartedAtHomeDeregisters(t *testing.T) {
	b := awayAt(t, defaultParams())
	next := b.crash()
	next.step(up(eth))
	next.step(homeRA(eth))
	if s := next.lastBU(); s.bu.Lifetime != 0 || s.send.Src != hoa.Addr() {
		t.Fatalf("%+v", s.bu)
	}
	next.ack(mh.StatusAccepted)
	if p := next.path(); p.Mode != role.PathHome || p.DAD {
		t.Errorf("%+v", p)
	}
	third := next.crash()
	third.step(up(eth))
	third.step(homeRA(eth))
	if len(third.bus) > 0 || !third.path().DAD {
		t.Errorf("de-registered in the run before, and again %d Binding Updates, DAD %v", len(third.bus), third.path().DAD)
	}
}

// TestRestartedInTheMidst: the Binding Update of a first registration has left, and
// may have made a binding.
func TestRestartedInTheMidst(t *testing.T) {
	b := started(t, defaultParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	next := b.crash()
	if v := next.m.Bindings(next.now)[0]; v.Registered {
		t.Error("what nobody has acknowledged counts as registered")
	}
	next.step(up(eth))
	next.step(homeRA(eth))
	if len(next.bus) == 0 || next.lastBU().bu.Lifetime != 0 {
		t.Error("at home, and it is not de-registered")
	}
}

func TestRestartedAfterTheEnd(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.now = b.now.Add(time.Hour)
	next := b.crash()
	if v := next.m.Bindings(next.now)[0]; v.Registered {
		t.Errorf("%+v", v)
	}
	next.step(up(eth))
	next.step(homeRA(eth))
	if len(next.bus) > 0 || !next.path().DAD {
		t.Errorf("%d Binding Updates, DAD %v", len(next.bus), next.path().DAD)
	}
}

// TestRFC6275_11_4_1_RestartedGoesToItsHomeAgent: one that was found is asked first,
// while it may hold a binding (MUST).
func TestRFC6275_11_4_1_RestartedGoesToItsHomeAgent(t *testing.T) {
	b, ask := seeker(t, seeking())
	b.found(ask.Identifier, ha2, ha)
	b.wantAgent("found", ha2)
	next := b.crash()
	next.step(up(eth))
	next.step(ra(eth, routerA, netA))
	if len(next.requests()) > 0 || len(next.bus) == 0 || next.lastBU().send.Dst != ha2 {
		t.Errorf("asks %d times, and sends %d Binding Updates", len(next.requests()), len(next.bus))
	}
	b.now = b.now.Add(time.Hour)
	late := b.crash()
	late.step(up(eth))
	late.step(ra(eth, routerA, netA))
	late.request() // it is over: the search begins anew
	if len(late.stored) != 0 {
		t.Errorf("stored: %v", late.stored)
	}
}

// TestRestartedKnowsItsCorrespondents: they hold the care-of address, so packets go
// directly at once, and what the tokens were good for is made anew.
func TestRestartedKnowsItsCorrespondents(t *testing.T) {
	b := newROBed(t)
	b.optimize()
	if sets, _ := b.directs(); len(sets) == 0 {
		t.Fatal("no direct path before")
	}
	last := b.m.bul.Sequence(bul.Key{Peer: cn, HomeAddress: hoa.Addr()})
	next := roBed{b.crash()}
	next.step(up(eth))
	if _, cleared := next.directs(); cleared > 0 {
		t.Error("the direct path that stands is given up before anything is known")
	}
	next.step(ra(eth, routerA, netA))
	if _, cleared := next.directs(); cleared > 0 {
		t.Error("the direct path that stands is given up, though nothing has changed")
	}
	set := next.effects
	next.ack(mh.StatusAccepted)
	set = append(set, next.effects...)
	found := false
	for _, e := range set {
		if s, ok := e.(role.SetDirect); ok {
			found = found || s.Direct.Peer == cn && s.Direct.CareOf == coaA
		}
	}
	if !found {
		t.Error("no direct path")
	}
	next.effects = set
	if got := next.types(); !slices.Contains(got, mh.TypeHomeTestInit) {
		t.Errorf("sent %v to the correspondent: its tokens are not made anew", got)
	}
	if got := next.m.bul.Sequence(bul.Key{Peer: cn, HomeAddress: hoa.Addr()}); !bul.Later(got, last) {
		t.Errorf("sequence number %d, the last was %d", got, last)
	}
	// Elsewhere, the correspondent must hear of it.
	moved := roBed{b.crash()}
	moved.step(up(eth))
	moved.step(ra(eth, routerB, netB))
	if _, cleared := moved.directs(); cleared != 1 {
		t.Errorf("moved while it was down, and the direct path that stands is given up %d times", cleared)
	}
	moved.ack(mh.StatusAccepted)
	if v := moved.view(); v.State == "direct" || v.State == "tunnel" {
		t.Errorf("moved while it was down, and the correspondent is left in state %s", v.State)
	}
	// Nobody tells where we are: it goes when the tunnel is blocked.
	lost := roBed{b.crash()}
	lost.step(up(eth))
	lost.wait(resumeTime)
	if _, cleared := lost.directs(); cleared != 1 {
		t.Errorf("nobody is heard, and the direct path is given up %d times", cleared)
	}
	// What is over is forgotten.
	b.now = b.now.Add(time.Hour)
	if late := b.crash(); len(late.m.peers) != 0 || len(late.stored) != 1 {
		t.Errorf("after its end: %d peers, stored %v", len(late.m.peers), late.stored)
	}
	late := roBed{newBed(t, b.m.p)}
	late.now = b.now
	late.step(b.left())
	if _, cleared := late.directs(); cleared != 1 {
		t.Errorf("after its end %d direct paths are given up", cleared)
	}
}

// TestStoreThatFailsIsTriedAgain: nothing waits for it.
func TestStoreThatFailsIsTriedAgain(t *testing.T) {
	b := newBed(t, defaultParams())
	b.storeErr = errors.New("no space left on device")
	b.step(role.Start{})
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusAccepted)
	if v := b.m.Bindings(b.now)[0]; !v.Registered {
		t.Errorf("%+v", v)
	}
	before := b.stores
	b.wait(10 * time.Second)
	if n := b.stores - before; n < 9 || n > 11 {
		t.Errorf("tried %d times in 10 s", n)
	}
	b.storeErr = nil
	b.wait(2 * time.Second)
	if len(b.stored) != 1 || b.left().Entries[0].CareOf != coaA {
		t.Errorf("stored: %v", b.stored)
	}
	before = b.stores
	b.wait(30 * time.Second)
	if b.stores != before {
		t.Error("stored again for nothing")
	}
}

// TestClockIsPutRightOnceOnly: what the home agent told of its clock is known to the
// next run (RFC 4285 §6).
func TestClockIsPutRightOnceOnly(t *testing.T) {
	b := started(t, authParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusIDMismatch, homeAgentClock(b, time.Hour))
	b.wait(time.Second)
	b.ack(mh.StatusAccepted)
	next := b.crash()
	next.step(up(eth))
	next.step(ra(eth, routerA, netA))
	off := int64(next.lastBU().stamp()>>32) - (next.now.Unix() + ntpEpoch)
	if off < 3590 || off > 3610 {
		t.Errorf("the timestamp is %d s off our clock, want an hour", off)
	}
}

// TestNoHomeAddressNoEntry: what was stored of a home address that is no longer
// configured stays for when it is again, and disturbs nobody.
func TestNoHomeAddressNoEntry(t *testing.T) {
	b := newBed(t, defaultParams())
	other := role.ListEntry{HomeAddress: netip.MustParseAddr("2001:db8:1::999"), Peer: ha, Home: true, Sequence: 5}
	b.step(role.Restored{Entries: []role.ListEntry{other}})
	b.step(role.Start{})
	if len(b.m.bul.All()) != 0 || len(b.m.homes) != 1 {
		t.Error("an entry without a home address")
	}
}

// TestRestartedLeavesTheTunnelAlone until it knows where it is: what was registered
// goes on, and no packet finds it blocked; but not for long, and not where the home
// address had left the tunnel.
func TestRestartedLeavesTheTunnelAlone(t *testing.T) {
	b := awayAt(t, defaultParams())
	next := b.crash()
	next.step(up(eth))
	if len(next.paths) > 0 {
		t.Errorf("path %v before anything is known", next.path().Mode)
	}
	next.step(ra(eth, routerA, netA))
	if len(next.paths) != 1 || next.path().Mode != role.PathTunnelled {
		t.Errorf("paths %+v", next.paths)
	}
	lost := b.crash()
	lost.step(up(eth))
	lost.wait(resumeTime)
	if len(lost.paths) == 0 || lost.path().Mode != role.PathBlocked {
		t.Errorf("nobody is heard, and the paths are %+v", lost.paths)
	}
	b.manualDone = true
	b.step(homeRA(eth))
	b.step(down(eth), up(eth))
	b.step(homeRA(eth))
	if b.path().Mode != role.PathDeregistering {
		t.Fatalf("path %v", b.path().Mode)
	}
	for _, e := range b.effects {
		if s, ok := e.(role.StoreListEntry); ok && s.Entry.Granted == 0 {
			break
		}
		if _, ok := e.(role.SetHomePath); ok {
			t.Error("the home address leaves the tunnel before the store knows")
		}
	}
	returning := b.crash()
	if len(returning.paths) == 0 || returning.path().Mode != role.PathBlocked {
		t.Errorf("killed on the way home, and the paths are %+v", returning.paths)
	}
}
