package ha

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/role"
)

// homes are n mobile nodes with keys.
func homes(n int) (Params, []netip.Addr) {
	p := params()
	p.MobileNodes = nil
	var list []netip.Addr
	for i := range n {
		a := hoa.As16()
		a[14], a[15] = byte(i>>8), byte(i)
		a[13] = 1
		list = append(list, netip.AddrFrom16(a))
		p.MobileNodes = append(p.MobileNodes, MobileNode{HomeAddress: list[i], Auth: &Auth{SPI: 256, Key: key}})
	}
	return p, list
}

// register makes a binding of a home address at coaA.
func (b *bed) register(home netip.Addr) {
	b.t.Helper()
	b.step(b.bu(1, func(u *update) { u.home = home }))
	b.step(role.DADDone{Ifindex: link, Addr: home})
	b.done(nil)
	if b.lastAck().ba.Status != 0 || b.lastAck().RoutingHome != home {
		b.t.Fatalf("%s is not bound", home)
	}
}

func TestReconfiguredEndsWhatIsNoLongerAllowed(t *testing.T) {
	b := bound(t, params())
	p := params()
	p.MaxLifetime = time.Minute
	expect(t, "another lifetime touches nothing", b.step(Reconfigured{Params: p}))
	p.MobileNodes = nil
	expect(t, "no such mobile node", b.step(Reconfigured{Params: p}), clear1)
	if len(b.m.Bindings()) != 0 {
		t.Error("the binding is there")
	}
}

// TestReconfiguredEndsSomeOfMany: the cache changes while it is looked through.
func TestReconfiguredEndsSomeOfMany(t *testing.T) {
	p, list := homes(20)
	b := newBed(t, p)
	for _, h := range list {
		b.register(h)
	}
	keep := p.MobileNodes[:0:0]
	for i := range p.MobileNodes {
		if i%3 == 0 {
			keep = append(keep, p.MobileNodes[i])
		}
	}
	p.MobileNodes = keep
	if got := b.step(Reconfigured{Params: p}); len(got) != 13 {
		t.Errorf("13 of 20 are to end, and no more: %v", got)
	}
	left := b.m.Bindings()
	if len(left) != len(keep) {
		t.Fatalf("%d bindings, want %d", len(left), len(keep))
	}
	for i, bd := range left {
		if bd.HomeAddress != keep[i].HomeAddress {
			t.Errorf("binding %d is of %s, want %s", i, bd.HomeAddress, keep[i].HomeAddress)
		}
	}
}

func TestReconfiguredEndsWhatNeedsAKeyNow(t *testing.T) {
	p := params()
	p.AllowUnauthenticated = true
	p.MobileNodes[0].Auth = nil
	b := newBed(t, p)
	b.step(b.bu(1, unauthenticated))
	b.dad(false)
	b.done(nil)
	p.AllowUnauthenticated = false
	expect(t, "no longer", b.step(Reconfigured{Params: p}), clear1)
}

// unauthenticated leaves out what RFC 4285 adds.
func unauthenticated(u *update) { u.spi, u.stamp = 0, time.Time{} }

func TestReconfiguredRefusesWhatIsInWork(t *testing.T) {
	without := params()
	without.MobileNodes = nil

	b := newBed(t, params())
	b.step(b.bu(1))
	expect(t, "during detection", b.step(Reconfigured{Params: without}), "ba 129 seq 1 lifetime 0s")
	expect(t, "the detection's end", b.dad(false))

	b = newBed(t, params())
	b.step(b.bu(1))
	b.dad(false)
	b.tick(time.Millisecond)
	b.step(b.bu(2, from(coaB))) // to be taken up next
	expect(t, "while the kernel is asked", b.step(Reconfigured{Params: without}))
	expect(t, "the kernel has it, and shall not", b.done(nil), clear1, "ba 129 seq 1 lifetime 0s")
	expect(t, "cleared", b.done(nil))

	b = bound(t, params())
	b.step(b.bu(2, from(coaB)))
	expect(t, "while a move is on its way", b.step(Reconfigured{Params: without}), clear1)
	b.step(Reconfigured{Params: params()})
	expect(t, "the move was ended, though allowed again", b.done(nil), clear1, "ba 129 seq 2 lifetime 0s")
	b.done(nil)
	b.done(nil)
	if len(b.m.Bindings())+b.m.making != 0 {
		t.Errorf("bindings %v", b.m.Bindings())
	}
	b.tick(time.Second)
	expect(t, "so it begins again", b.step(b.bu(3)), dad1)
}

// TestReconfiguredWhileClearing: the mobile node hears that it is free.
func TestReconfiguredWhileClearing(t *testing.T) {
	without := params()
	without.MobileNodes = nil
	b := bound(t, params())
	b.step(b.bu(2, deregister))
	expect(t, "cleared once more", b.step(Reconfigured{Params: without}), clear1)
	expect(t, "de-registered", b.done(nil), "ba 0 seq 2 lifetime 0s")
	expect(t, "and quiet", b.done(nil))
}

// TestReconfiguredIsToldOnce: not as an expiry too.
func TestReconfiguredIsToldOnce(t *testing.T) {
	without := params()
	without.MobileNodes = nil
	b := bound(t, params())
	b.step(b.bu(2, from(coaB)))
	if got := b.notices(Reconfigured{Params: without}); len(got) != 1 || got[0] != role.NoticeBindingDeleted {
		t.Errorf("told %v", got)
	}
	if got := b.notices(role.Done{ID: b.asked[0], Err: errNoBuffer}); len(got) != 1 || got[0] != role.NoticeBindingRefused {
		t.Errorf("told %v", got)
	}
}
