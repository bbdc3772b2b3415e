package ha

import (
	"errors"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

const refresh = "Binding Refresh Request"

// TestDrain: mobile nodes are asked for a Binding Update, and refused with what they
// answer; then the binding has ended, in kernel and store, before they hear of it.
func TestDrain(t *testing.T) {
	b := bound(t, params())
	expect(t, "asked to leave", b.step(Drain{On: true}), refresh)
	expect(t, "a refresh", b.step(b.bu(2)), clear1, "ba 130 seq 2 lifetime 0s")
	if len(b.m.Bindings()) != 0 || b.m.Settled(hoa) {
		t.Errorf("bindings %v, settled before the kernel has answered: %v", b.m.Bindings(), b.m.Settled(hoa))
	}
	b.done(nil)
	if r := b.stored[hoa]; r.Bound || r.Sequence != 2 || !b.m.Settled(hoa) {
		t.Errorf("stored: %+v, settled: %v", r, b.m.Settled(hoa))
	}
	b.tick(time.Second)
	expect(t, "a new registration", b.step(b.bu(3)), "ba 130 seq 3 lifetime 0s")

	// What was refused does not come into force when we serve again.
	replay := b.bu(3)
	b.step(Drain{})
	b.tick(time.Second)
	expect(t, "a replay of what was refused", b.step(replay), "ba 144 seq 3 lifetime 0s")
	expect(t, "serving again", b.step(b.bu(4)), "dad 2001:db8:1::100")
}

// TestDrainLetsGo: de-registration is as ever.
func TestDrainLetsGo(t *testing.T) {
	b := bound(t, params())
	b.step(Drain{On: true})
	expect(t, "de-registration", b.step(b.bu(2, deregister)), clear1)
	expect(t, "is acknowledged", b.done(nil), "ba 0 seq 2 lifetime 0s")
}

// TestDrainFinishesWhatIsInWork: a request that was valid before is answered as such,
// and the next one refused.
func TestDrainFinishesWhatIsInWork(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1))
	b.step(Drain{On: true})
	b.tick(time.Second)
	expect(t, "a retransmission meanwhile", b.step(b.bu(2)), "ba 130 seq 2 lifetime 0s")
	b.dad(false)
	if got := b.done(nil); len(got) == 0 || got[0] != "ba 0 seq 1 lifetime 6m40s" {
		t.Errorf("in work: %v", got)
	}
	b.tick(time.Second)
	expect(t, "the next", b.step(b.bu(3)), clear1, "ba 130 seq 3 lifetime 0s")
}

// TestDrainIsLimitedInRate (§9.5.5): nobody is asked more often than each 30 s, nor more
// than 20 at once; those who are gone are not asked.
//
// Requirements: 6275-9.5.5-2
func TestDrainIsLimitedInRate(t *testing.T) {
	p, list := homes(50)
	b := newBed(t, p)
	for _, h := range list {
		b.register(h)
	}
	asked := 0
	count := func(lines []string) {
		if len(lines) > drainBurst {
			t.Errorf("%d requests at once", len(lines))
		}
		for _, l := range lines {
			if l != refresh {
				t.Errorf("%s", l)
			}
		}
		asked += len(lines)
	}
	count(b.step(Drain{On: true}))
	start := b.now
	for b.now.Sub(start) < drainRound-time.Second {
		next := b.m.Deadline()
		if next.Sub(start) >= drainRound {
			break
		}
		count(b.tick(next.Sub(b.now)))
	}
	if asked != 50 {
		t.Errorf("%d were asked in the first round, want 50", asked)
	}
	b.step(Drain{On: true}) // nothing new
	count(b.tick(drainRound))
	if asked != 50+drainBurst {
		t.Errorf("%d were asked with the second round's first, want %d", asked, 50+drainBurst)
	}
	b.step(Drain{})
	count(b.tick(drainRound))
	if asked != 50+drainBurst {
		t.Error("asked although nobody is to leave any more")
	}
}

// TestDeleteByHand: the mobile node is told while there is a tunnel, and kernel and store
// have nothing of the binding then.
func TestDeleteByHand(t *testing.T) {
	b := bound(t, params())
	expect(t, "delete", b.step(Delete{HomeAddress: hoa}), refresh, clear1)
	if len(b.m.Bindings()) != 0 {
		t.Error("the binding is there")
	}
	b.done(errors.New("no buffer space available"))
	if b.m.Settled(hoa) {
		t.Error("settled although the kernel has refused")
	}
	expect(t, "tried again", b.tick(time.Minute), clear1)
	b.done(nil)
	if r := b.stored[hoa]; r.Bound || !r.Sequent || !b.m.Settled(hoa) {
		t.Errorf("stored: %+v, settled: %v", r, b.m.Settled(hoa))
	}
	expect(t, "the mobile node may come back", b.step(b.bu(2)), "dad 2001:db8:1::100")
	expect(t, "delete while it does", b.step(Delete{HomeAddress: hoa}))
	expect(t, "nothing comes of the detection", b.dad(false))
	expect(t, "nobody's", b.step(Delete{HomeAddress: coaA}))
}

// TestRefreshRequestGoesHome (§9.5.5): to the home address, always, without a routing
// header.
//
// Requirements: 6275-9.5.5-2
func TestRefreshRequestGoesHome(t *testing.T) {
	b := bound(t, params())
	for _, e := range b.m.Step(b.now, Drain{On: true}) {
		if s, ok := e.(role.Send); ok {
			if s.Dst != hoa || s.Src != local || s.RoutingHome.IsValid() || mh.Type(s.Raw[2]) != mh.TypeBindingRefreshRequest {
				t.Errorf("sent %+v", s)
			}
			return
		}
	}
	t.Error("nothing was sent")
}
