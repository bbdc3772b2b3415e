package ha

import (
	"errors"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var errFull = errors.New("no space left on device")

// crash is the next run, with what this one has stored.
func (b *bed) crash() *bed {
	b.t.Helper()
	next := newBed(b.t, b.m.p)
	next.now, next.stored = b.now, b.stored
	var ev role.Restored
	for _, r := range b.stored {
		ev.Registrations = append(ev.Registrations, r)
	}
	next.step(ev)
	for len(next.asked) > 0 {
		next.done(nil)
	}
	return next
}

// TestStoreThatFailsIsTheProtocolsAnswer: status 130, and what was before is in force
// and stored.
func TestStoreThatFailsIsTheProtocolsAnswer(t *testing.T) {
	b := newBed(t, params())
	b.storeErr = errFull
	b.step(b.bu(1))
	b.dad(false)
	expect(t, "a first registration", b.done(nil), clear1, "ba 130 seq 1 lifetime 0s")
	b.done(nil)
	if len(b.m.Bindings()) != 0 || b.m.atRest(b.m.nodes[hoa]) {
		t.Error("there is a binding, or nothing left to be stored")
	}
	b.storeErr = nil
	b.tick(mendDelay)
	b.now = b.now.Add(time.Second)
	b.step(b.bu(2))
	b.dad(false)
	b.done(nil)
	if ba := b.lastAck().ba; ba.Status != 0 {
		t.Fatalf("status %d with a store that works", ba.Status)
	}

	b.now = b.now.Add(time.Second)
	b.storeErr = errFull
	expect(t, "a move", b.step(b.bu(3, from(coaB))), setB)
	expect(t, "back", b.done(nil), setA, "ba 130 seq 3 lifetime 0s")
	b.done(nil)
	b.now = b.now.Add(2 * time.Second)
	expect(t, "a refresh", b.step(b.bu(4)), setA, "ba 130 seq 4 lifetime 0s")
	b.done(nil)
	b.now = b.now.Add(2 * time.Second)
	expect(t, "an end", b.step(b.bu(5, deregister)), clear1)
	expect(t, "is none", b.done(nil), setA, "ba 130 seq 5 lifetime 0s")
	b.done(nil)
	if got := b.m.Bindings(); len(got) != 1 || got[0].CareOf != coaA || got[0].Sequence != 2 {
		t.Errorf("%+v", got)
	}
	if r := b.stored[hoa]; !r.Bound || r.Binding.Sequence != 2 {
		t.Errorf("stored: %+v", r)
	}
	b.storeErr = nil
	b.tick(mendDelay)
	if r := b.stored[hoa]; r.Sequence != 5 || r.Binding.Sequence != 2 {
		t.Errorf("stored when it works again: %+v", r)
	}
}

// TestRestartRefusesWhatWasRefused: whatever a Binding Update came to, the next run
// takes neither it nor one before it.
func TestRestartRefusesWhatWasRefused(t *testing.T) {
	for _, replay := range []Replay{ReplayTimestamp, ReplaySequence} {
		want := mh.StatusIDMismatch
		if replay == ReplaySequence {
			want = mh.StatusSequenceOutOfWindow
		}
		p := params()
		p.MobileNodes[0].Auth.Replay = replay
		refused := func(b *bed, what string, old role.MessageIn) {
			t.Helper()
			b.step(old)
			if len(b.acks) == 0 || b.lastAck().ba.Status != want {
				t.Errorf("replay %d, %s: answered %+v, want status %d", replay, what, b.acks, want)
			}
		}
		b := newBed(t, p)
		first := b.bu(1)
		b.step(first)
		refused(b.crash(), "killed while detecting", first)
		b.dad(false)
		refused(b.crash(), "killed while setting", first)
		b.done(nil)
		refused(b.crash(), "killed after the acknowledgement", first)
		b.now = b.now.Add(time.Second)
		end := b.bu(2, deregister)
		b.step(end)
		b.done(nil)
		refused(b.crash(), "de-registered", first)
		refused(b.crash(), "de-registered, its end", end)
		if n := len(b.crash().m.Bindings()); n != 0 {
			t.Errorf("de-registered, and %d bindings in the next run", n)
		}
		b.now = b.now.Add(time.Second)
		late := b.bu(3, deregister) // of nothing: 133
		b.step(late)
		refused(b.crash(), "refused", late)
	}
}

// TestRestartKeepsAnEndedBindingsNumber as long as this run would have, and no longer:
// without another protection that is MAX_DELETE_BCE_TIMEOUT (RFC 6275 §10.3.2).
func TestRestartKeepsAnEndedBindingsNumber(t *testing.T) {
	p := params()
	p.MobileNodes[0].Auth.Replay = ReplayNone
	b := newBed(t, p)
	b.step(b.bu(5))
	b.dad(false)
	b.done(nil)
	b.step(b.bu(6, deregister))
	b.done(nil)
	next := b.crash()
	expect(t, "too low", next.step(next.bu(6)), "ba 135 seq 6 lifetime 0s")
	next.tick(maxDeleteTimeout)
	if len(next.stored) != 0 {
		t.Errorf("still stored: %+v", next.stored)
	}
	expect(t, "any number", next.step(next.bu(1)), "dad 2001:db8:1::100")
}

// TestExpiredWhileItWasDown: the binding is not resurrected, and its record goes.
func TestExpiredWhileItWasDown(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1))
	b.dad(false)
	b.done(nil)
	b.now = b.now.Add(time.Hour)
	next := b.crash()
	if len(next.m.Bindings()) != 0 || next.stored[hoa].Bound {
		t.Errorf("bindings %+v, stored %+v", next.m.Bindings(), next.stored[hoa])
	}
}

// Requirements: 6275-10.3.1-26
func TestRFC6275_10_3_1_NoRefreshAdviceFromANonVolatileCache(t *testing.T) {
	for _, stored := range []bool{false, true} {
		p := params()
		p.RefreshAdvice, p.Stored = 100*time.Second, stored
		b := newBed(t, p)
		b.step(b.bu(1))
		b.dad(false)
		b.done(nil)
		if _, there := mh.Find[mh.BindingRefreshAdvice](b.lastAck().ba.Options); there == stored {
			t.Errorf("stored %v, Binding Refresh Advice %v", stored, there)
		}
	}
}

// TestShortenedByAReloadAndRestarted: a prefix's lifetime counts from when it was
// configured, not from the restart.
func TestShortenedByAReloadAndRestarted(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1))
	b.dad(false)
	b.done(nil)
	p := params()
	p.Links[0].Prefixes[0].Valid = 100 * time.Second
	b.step(Reconfigured{Params: p})
	b.now = b.now.Add(60 * time.Second)
	next := b.crash()
	if got := next.m.Bindings()[0].Expires.Sub(next.now); got != 40*time.Second {
		t.Errorf("%v left, want 40 s", got)
	}
}

// TestDrainingWhileABindingIsStored: what is refused meanwhile is remembered, and the
// binding that is acknowledged next with it. Found by FuzzStep.
func TestDrainingWhileABindingIsStored(t *testing.T) {
	b := newBed(t, params())
	b.step(b.bu(1))
	b.dad(false)
	b.now = b.now.Add(time.Second)
	b.meanwhile = []role.Event{Drain{On: true}, b.bu(2)}
	expect(t, "in force", b.done(nil), "ba 130 seq 2 lifetime 0s", "ba 0 seq 1 lifetime 6m40s", "advertise 2001:db8:1::100 router=false")
	next := b.crash()
	if all := next.m.Bindings(); len(all) != 1 || all[0].CareOf != coaA {
		t.Errorf("after a crash: %+v", all)
	}
	expect(t, "what was refused is not accepted later", next.step(next.bu(2)), "ba 144 seq 2 lifetime 0s")
}

// TestShortenedWhileAMoveIsStored: the move is not forgotten, and is shortened, too.
func TestShortenedWhileAMoveIsStored(t *testing.T) {
	b := bound(t, params())
	p := params()
	p.Links[0].Prefixes[0].Valid = 100 * time.Second
	b.step(b.bu(2, func(u *update) { u.src = coaB }))
	b.meanwhile = []role.Event{Reconfigured{Params: p}}
	b.done(nil)
	if ba := b.lastAck().ba; ba.Status != 0 || ba.Sequence != 2 {
		t.Fatalf("%+v", ba)
	}
	for name, m := range map[string]*Machine{"now": b.m, "after a crash": b.crash().m} {
		if all := m.Bindings(); len(all) != 1 || all[0].CareOf != coaB || all[0].Expires.Sub(b.now) != 100*time.Second {
			t.Errorf("%s: %+v", name, all)
		}
	}
}
