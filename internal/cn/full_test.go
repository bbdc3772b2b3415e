package cn

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// What happens when the cache is full, or becomes smaller.

func homes(n int) []netip.Addr {
	list := []netip.Addr{hoa}
	for len(list) < n {
		list = append(list, list[len(list)-1].Next())
	}
	return list
}

func smaller(n int) Reconfigured {
	return Reconfigured{Params: Params{Policy: role.Policy{Default: true}, MaxBindings: n}}
}

func (b *bed) notices(kind role.NoticeKind) (n int) {
	for _, e := range b.effects {
		if x, ok := e.(role.Notice); ok && x.Kind == kind {
			n++
		}
	}
	return n
}

// Cache and memory full, the one registers again whose memory is the next to go.
func TestRFC6275_5_2_8_TheForgottenRegistersAgain(t *testing.T) {
	b := newBed(t, func(p *Params) { p.MaxBindings = 2 })
	h := homes(10)
	for _, home := range h[:4] {
		b.step(b.bu(1, of(home)))
		b.now = b.now.Add(31 * time.Second)
	}
	again := b.bu(2, of(h[0]))
	b.step(again)
	b.want(mh.StatusAccepted)
	if !b.m.Bound(local, h[0]) {
		t.Error("acknowledged, but not in the cache")
	}
	b.step(again)
	b.want(mh.StatusSequenceOutOfWindow)
	for _, home := range h[4:] {
		b.step(b.bu(1, of(home)))
		b.want(mh.StatusAccepted)
	}
}

func TestASmallerCacheWhileAllAreBeingChanged(t *testing.T) {
	b := newBed(t, func(p *Params) { p.MaxBindings = 3 })
	h := homes(2)
	for seq := range uint16(2) {
		b.slow = seq == 1
		for _, home := range h {
			b.step(b.bu(seq+1, of(home)))
		}
	}
	b.step(smaller(1)) // must return
	b.answerKernel()
	if n := len(b.m.Bindings()); n != 1 {
		t.Errorf("%d bindings after the kernel answered, want 1", n)
	}
}

func TestASmallerCacheWhileNewOnesAreMade(t *testing.T) {
	b := newBed(t, func(p *Params) { p.MaxBindings = 4 })
	h := homes(3)
	b.step(b.bu(1, of(h[0])))
	b.slow = true
	b.step(b.bu(1, of(h[1])))
	b.step(b.bu(1, of(h[2])))
	p := smaller(1)
	p.Params.Policy.Deny = []netip.Prefix{netip.PrefixFrom(h[0], 128)}
	b.step(p) // must not panic
	b.answerKernel()
	if n := len(b.m.Bindings()); n != 1 {
		t.Errorf("%d bindings, want 1", n)
	}
}

// A binding that ended while its change was with the kernel has ended.
func TestAChangeThatComesTooLate(t *testing.T) {
	b := bound(t)
	b.slow = true
	b.step(b.bu(2))
	b.step(Reconfigured{}) // denies
	b.step(smaller(3))     // permits again
	b.answerKernel()
	if _, ba := b.ack(); ba.Status == mh.StatusAccepted || b.m.Bound(local, hoa) {
		t.Errorf("status %d, bound %v, but the direct path was cleared", ba.Status, b.m.Bound(local, hoa))
	}
}

func TestOneNoticeForOneDeletion(t *testing.T) {
	b := bound(t)
	b.slow = true
	b.step(b.bu(2, lifetime(0)))
	b.step(Reconfigured{})
	n := b.notices(role.NoticeBindingDeleted)
	b.answerKernel()
	if n += b.notices(role.NoticeBindingDeleted); n != 1 {
		t.Errorf("%d notices", n)
	}
}

// §9.1: a binding is with one of our unicast routable addresses.
//
// Requirements: 6275-9.5.1-1
func TestRFC6275_9_1_NoBindingWithAGroupOrALinkLocalAddress(t *testing.T) {
	for _, l := range []string{"ff02::1", "fe80::1"} {
		b := newBed(t)
		b.step(b.bu(1, func(u *update) { u.local = netip.MustParseAddr(l) }))
		if set, _ := b.directs(); len(set) > 0 {
			t.Errorf("direct path with local address %s", l)
		}
		b.silent(l)
	}
}

// A recorded Binding Update, sent again and again, makes us neither talk nor log
// without bound; and its network does not silence others.
func TestRFC6275_9_3_3_ReplaysAreAnsweredInBounds(t *testing.T) {
	b := newBed(t)
	ev := b.bu(1)
	b.step(ev)
	sent, told := 0, 0
	for range 10000 {
		b.step(ev)
		sent += len(b.sends())
		told += b.notices(role.NoticeBindingRefused)
	}
	if sent != maxToOne || told != maxToOne {
		t.Errorf("%d answers, %d notices in one second, want %d", sent, told, maxToOne)
	}
	other := homes(2)[1]
	first := b.bu(1, of(other), from(coaB))
	b.step(first)
	b.step(first)
	b.want(mh.StatusSequenceOutOfWindow)
}

// Requirements: 6275-9.3.3-5
func TestRFC6275_9_3_3_BindingErrorsToOneNetwork(t *testing.T) {
	b := newBed(t)
	n := 0
	for range 200 {
		b.step(role.UnknownHomeAddress{Local: local, HomeAddress: hoa, CareOf: coa})
		n += len(b.sends())
	}
	if n != maxToOne {
		t.Errorf("%d to one network, want %d", n, maxToOne)
	}
	b.step(role.UnknownHomeAddress{Local: local, HomeAddress: hoa.Next(), CareOf: coaB})
	if _, msg := b.sent(); msg.Type() != mh.TypeBindingError {
		t.Errorf("%T", msg)
	}
}

// Requirements: 6275-9.5.5-1
func TestRFC6275_9_5_5_NoMoreRequestsOnceAnUpdateCame(t *testing.T) {
	b := bound(t)
	b.wait(200 * time.Second)
	b.step(role.TrafficSeen{Pair: pair, Traffic: role.Traffic{PacketsIn: 1}})
	b.wait(171 * time.Second)
	b.step(role.TrafficSeen{Pair: pair, Traffic: role.Traffic{PacketsIn: 2}})
	if _, msg := b.sent(); msg.Type() != mh.TypeBindingRefreshRequest {
		t.Fatalf("%T", msg)
	}
	b.step(b.bu(1))
	b.want(mh.StatusSequenceOutOfWindow)
	b.wait(10 * time.Second)
	b.silent("after a Binding Update that was refused")
}

// TestOthersAreTold of bindings and of nonces, as the machine has them.
func TestOthersAreTold(t *testing.T) {
	told := make(map[role.Pair]netip.Addr)
	var nonces rr.Nonces
	hooks := func(p *Params) {
		p.MaxBindings = 2
		p.Registered = func(pair role.Pair, careOf netip.Addr, _ uint16) { told[pair] = careOf }
		p.Ended = func(pair role.Pair) { delete(told, pair) }
		p.Renewed = func(n rr.Nonces) { nonces = n }
	}
	b := bound(t, hooks)
	b.step(b.bu(2, from(coaB)))
	second, third := hoa.Next(), hoa.Next().Next()
	b.step(b.bu(1, of(second)))
	b.step(b.bu(1, of(third))) // the first gives way
	b.step(b.bu(2, of(second), lifetime(0)))
	want := map[role.Pair]netip.Addr{{Local: local, Peer: third}: coa}
	if diff := cmp.Diff(want, told, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
	b.step(Reconfigured{Params: Params{MaxBindings: 2}}) // nobody is permitted any more
	if len(told) != 0 {
		t.Errorf("told of %v after all have ended", told)
	}
	if diff := cmp.Diff(b.m.nonces.List(b.now), nonces.List(b.now)); diff != "" {
		t.Errorf("nonces (-machine +told)\n%s", diff)
	}
}
