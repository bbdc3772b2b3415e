package cn

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// Requirements: 6275-8.2-7, 6275-9.4.1-2, 6275-9.4.2-2, 6275-9.4.3-1, 6275-9.4.4-1
func TestRFC6275_9_4_TestsAreAnswered(t *testing.T) {
	b := newBed(t)
	b.step(message(t, &mh.HomeTestInit{Cookie: cookie}, hoa, netip.Addr{}))
	s, msg := b.sent()
	hot := msg.(*mh.HomeTest)
	if s.Src != local || s.Dst != hoa || s.RoutingHome.IsValid() || hot.Cookie != cookie {
		t.Errorf("%+v %+v", s, hot)
	}
	b.step(message(t, &mh.CareOfTestInit{Cookie: cookie}, coa, netip.Addr{}))
	s, msg = b.sent()
	cot := msg.(*mh.CareOfTest)
	if s.Dst != coa || cot.Cookie != cookie || cot.NonceIndex != hot.NonceIndex || cot.Token == hot.Token {
		t.Errorf("%+v %+v", s, cot)
	}
	if len(b.m.cache.entries) != 0 {
		t.Error("a test leaves something behind")
	}
}

// Requirements: 6275-9.4.1-1, 6275-9.4.2-1
func TestRFC6275_9_4_1_TestInitWithHomeAddressOptionIsIgnored(t *testing.T) {
	b := newBed(t)
	b.step(message(t, &mh.HomeTestInit{}, coa, hoa))
	b.silent("Home Test Init")
	b.step(message(t, &mh.CareOfTestInit{}, coa, hoa))
	b.silent("Care-of Test Init")
}

// Requirements: 6275-9.4.1-2, 6275-9.4.2-2
func TestTestInitsThatGetNoAnswer(t *testing.T) {
	b := newBed(t)
	for _, src := range []string{"ff02::1", "fe80::1", "::1", "::"} {
		b.step(message(t, &mh.HomeTestInit{}, netip.MustParseAddr(src), netip.Addr{}))
		b.silent(src)
	}
	b.m.rand = dry{}
	b.step(message(t, &mh.HomeTestInit{}, hoa, netip.Addr{}))
	b.silent("no randomness")
}

// Requirements: 6275-6.1.8-6, 6275-8.2-8, 6275-8.2-9, 6275-8.2-10, 6275-9.3.1-2, 6275-9.5.1-16, 6275-9.5.1-17
// Requirements: 6275-9.5.2-1, 6275-9.5.2-2, 6275-9.5.4-2, 6275-9.5.4-10
func TestRFC6275_9_5_2_ABindingIsCached(t *testing.T) {
	b := newBed(t)
	b.slow = true
	b.step(b.bu(7))
	set, _ := b.directs()
	want := role.Direct{Pair: pair, Side: role.Theirs, CareOf: coa, Lifetime: 400 * time.Second}
	if len(set) != 1 || set[0] != want {
		t.Fatalf("%+v", set)
	}
	b.silent("before the kernel has it")
	b.answerKernel()
	s, ba := b.ack()
	if s.Src != local || s.Dst != coa || s.RoutingHome != hoa || ba.Status != 0 || ba.Sequence != 7 || ba.Lifetime != 400*time.Second {
		t.Errorf("%+v %+v", s, ba)
	}
	if v := b.m.Bindings(); len(v) != 1 || v[0].CareOf != coa || v[0].Local != local || !b.m.Bound(local, hoa) {
		t.Errorf("%+v", v)
	}
}

// verified says whether an acknowledgement has the authenticator of a key.
func verified(s role.Send, ba *mh.BindingAcknowledgement, kbm [20]byte, careOf netip.Addr) bool {
	a, ok := mh.Find[mh.BindingAuthorizationData](ba.Options)
	return ok && a.Authenticator == rr.Authenticator(kbm[:], careOf, local, mh.Covered(s.Raw, mh.OptionBindingAuthorizationData, 0))
}

// Requirements: 6275-6.2-1, 6275-6.2.7-4, 6275-9.5.1-5, 6275-9.5.1-12, 6275-9.5.4-4, 6275-9.5.4-6, 6275-9.5.4-7
// Requirements: 6275-9.5.4-10
func TestRFC6275_9_5_4_Authenticators(t *testing.T) {
	b := newBed(t)
	hot, cot := b.tokens(hoa, coa)
	kbm := rr.Kbm(hot.Token, cot.Token)
	b.step(b.bu(1))
	if s, ba := b.ack(); !verified(s, ba, kbm, coa) {
		t.Error("accepted: no right authenticator")
	}
	b.step(b.bu(1))
	if s, ba := b.ack(); ba.Status != 135 || !verified(s, ba, kbm, coa) {
		t.Errorf("sequence: %+v", ba)
	}
	for _, c := range []struct {
		n    mh.NonceIndices
		want mh.Status
	}{
		{mh.NonceIndices{Home: hot.NonceIndex + 1, CareOf: cot.NonceIndex}, 136},
		{mh.NonceIndices{Home: hot.NonceIndex, CareOf: cot.NonceIndex + 1}, 137},
		{mh.NonceIndices{Home: hot.NonceIndex + 1, CareOf: cot.NonceIndex + 1}, 138},
	} {
		b.step(b.bu(2, quiet, func(u *update) { u.bu.Options = mh.Options{c.n} }))
		s, ba := b.ack()
		if _, has := mh.Find[mh.BindingAuthorizationData](ba.Options); ba.Status != c.want || has || s.RoutingHome != hoa {
			t.Errorf("%+v: %+v", c.n, ba)
		}
	}
}

// Requirements: 6275-5.2.6-3, 6275-6.1.7-5, 6275-9.5.1-1, 6275-9.5.1-5, 6275-9.5.1-6, 6275-9.5.1-7, 6275-9.5.1-8
// Requirements: 6275-9.5.1-9b, 6275-9.5.1-13, 6275-9.5.1-14, 6275-9.5.4-1
func TestRFC6275_9_5_1_SilentlyDiscarded(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*update)
		want   role.Counter
	}{
		{"no authenticator", func(u *update) {
			u.unauthorized = true
			u.bu.Options = mh.Options{mh.NonceIndices{Home: 0x1d1e, CareOf: 0x1d1e}}
		}, role.CountNoAuth},
		{"no nonces", func(u *update) { u.unauthorized = true }, role.CountNoNonces},
		{"wrong authenticator", func(u *update) { u.spoil = func(raw []byte) { raw[len(raw)-1] ^= 1 } }, role.CountBadAuth},
		{"another key", func(u *update) { u.kbm = [20]byte{1} }, role.CountBadAuth},
		{"authenticator over another care-of address", func(u *update) { u.careOf = coaB }, role.CountBadAuth},
		{"alternate care-of address that was not tested", func(u *update) {
			u.bu.Options = mh.Options{mh.AlternateCareOfAddress{CareOf: coaB}}
			u.careOf = coaB
		}, role.CountBadAuth},
		{"care-of address multicast", func(u *update) {
			u.bu.Options = mh.Options{mh.AlternateCareOfAddress{CareOf: netip.MustParseAddr("ff0e::1")}}
		}, role.CountBadCareOf},
		{"care-of address home", func(u *update) {
			u.bu.Options = mh.Options{mh.AlternateCareOfAddress{CareOf: hoa}}
		}, role.CountBadCareOf},
		{"care-of address ours", func(u *update) {
			u.bu.Options = mh.Options{mh.AlternateCareOfAddress{CareOf: local}}
		}, role.CountBadCareOf},
		{"H with nonces", func(u *update) { u.bu.Home = true }, role.CountMalformed},
	} {
		b := newBed(t)
		b.step(b.bu(1, c.change))
		b.silent(c.name)
		if set, _ := b.directs(); len(set) != 0 || b.counts[c.want] != 1 {
			t.Errorf("%s: set %v, counted %v", c.name, set, b.counts)
		}
	}
}

func TestRFC6275_9_5_1_AddressesOfTheMessage(t *testing.T) {
	b := newBed(t)
	good := b.bu(1)
	for _, bad := range []string{"ff02::1", "fe80::1", "::"} {
		ev := good
		ev.Src = netip.MustParseAddr(bad)
		b.step(ev)
		b.silent("from " + bad)
		ev = message(t, &mh.BindingUpdate{Lifetime: 4 * time.Second}, coa, netip.MustParseAddr(bad))
		b.step(ev)
		b.silent("home address " + bad)
	}
}

// Requirements: 6275-5.2.6-3, 6275-6.2.5-1, 6275-9.5.1-8, 6275-9.5.1-16, 6275-9.5.4-9
func TestRFC6275_9_5_1_AlternateCareOfAddress(t *testing.T) {
	b := newBed(t)
	hot, cot := b.tokens(hoa, coaB)
	b.step(b.bu(1, func(u *update) {
		u.bu.Options = mh.Options{mh.AlternateCareOfAddress{CareOf: coaB}, mh.NonceIndices{Home: hot.NonceIndex, CareOf: cot.NonceIndex}}
		u.careOf, u.kbm = coaB, rr.Kbm(hot.Token, cot.Token)
	}))
	set, _ := b.directs()
	if s, ba := b.ack(); len(set) != 1 || set[0].CareOf != coaB || s.Dst != coa || ba.Status != 0 {
		t.Errorf("%+v %+v %+v", set, s, ba)
	}
}

// Requirements: 6275-9.1-2, 6275-9.5.1-3, 6275-9.5.1-4, 6275-9.5.1-10, 6275-9.5.1-14b
func TestRFC6275_9_5_1_SequenceNumbers(t *testing.T) {
	for _, c := range []struct {
		last, next uint16
		want       mh.Status
	}{
		{15, 15, 135}, {15, 0, 135}, {15, 32783, 135}, {15, 65535, 135}, {15, 16, 0}, {15, 32782, 0}, {65535, 0, 0}, {65535, 65534, 135},
	} {
		b := newBed(t)
		b.step(b.bu(c.last))
		b.step(b.bu(c.next))
		ba := b.want(c.want)
		if c.want == 135 && ba.Sequence != c.last {
			t.Errorf("%d after %d: answered with %d", c.next, c.last, ba.Sequence)
		}
	}
}

// Requirements: 6275-5.2.6-1, 6275-9.5.2-2, 6275-12-1
func TestRFC6275_5_2_6_NoLongerThanMaxRRBindingLifetime(t *testing.T) {
	b := newBed(t)
	b.step(b.bu(1, lifetime(4000*time.Second)))
	if ba := b.want(0); ba.Lifetime != 420*time.Second {
		t.Errorf("lifetime %v", ba.Lifetime)
	}
	b = newBed(t, func(p *Params) { p.MaxLifetime = 63 * time.Second })
	b.step(b.bu(1))
	if ba := b.want(0); ba.Lifetime != 60*time.Second {
		t.Errorf("lifetime %v", ba.Lifetime)
	}
}

// Requirements: 6275-9.5.4-3, 6275-9.5.4-4
func TestRFC6275_9_5_4_WithoutTheAFlag(t *testing.T) {
	b := newBed(t)
	b.step(b.bu(2, quiet))
	b.silent("accepted")
	b.step(b.bu(1, quiet))
	b.want(135)
}

// Requirements: 6275-6.1.7-8, 6275-6.1.7-13, 6275-6.1.8-4, 6275-9.1-3, 6275-9.5.2-3, 6275-9.6-1
func TestRFC6275_9_5_2_Expiry(t *testing.T) {
	b := bound(t)
	b.wait(399 * time.Second)
	if !b.m.Bound(local, hoa) {
		t.Fatal("gone before its time")
	}
	b.wait(time.Second)
	if _, cleared := b.directs(); cleared != 1 || b.m.Bound(local, hoa) {
		t.Error("still there")
	}
	b.wait(rr.MaxNonceLifetime)
	if len(b.m.cache.entries) != 0 || !b.m.Deadline().IsZero() {
		t.Errorf("remembered for ever: %v", b.m.cache.entries)
	}
}

// Requirements: 6275-6.1.7-9, 6275-6.2.6-2, 6275-6.2.7-2, 6275-9.5.1-15, 6275-9.5.1-17, 6275-9.5.3-1, 6275-9.5.3-3
// Requirements: 6275-9.5.4-11
func TestRFC6275_9_5_3_Deletion(t *testing.T) {
	for name, change := range map[string]func(*update){
		"from home":                           func(u *update) { u.src = hoa },
		"from away, over the home address":    func(u *update) {},
		"from away, over the care-of address": func(u *update) { u.careOf = coa },
		"care-of nonce index of nothing": func(u *update) {
			u.bu.Options = mh.Options{mh.NonceIndices{Home: nonceOf(u), CareOf: 9}}
		},
	} {
		b := bound(t)
		replayed := b.bu(2)
		b.step(b.bu(3, lifetime(0), change))
		if _, cleared := b.directs(); cleared != 1 || b.m.Bound(local, hoa) {
			t.Errorf("%s: not deleted", name)
		}
		s, ba := b.ack()
		if ba.Status != 0 || ba.Lifetime != 0 || s.RoutingHome.IsValid() != (s.Dst != hoa) {
			t.Errorf("%s: %+v %+v", name, s, ba)
		}
		b.step(replayed)
		if ba := b.want(135); ba.Sequence != 3 {
			t.Errorf("%s: replayed %+v", name, ba)
		}
	}
}

// nonceOf is the index that the counting source of randomness leads to.
func nonceOf(*update) uint16 { return 0x1d1e }

// Requirements: 6275-9.5.3-2
func TestRFC6275_9_5_3_DeletionOfNothing(t *testing.T) {
	b := newBed(t)
	b.step(b.bu(5, lifetime(0)))
	b.want(0)
	if set, cleared := b.directs(); len(set)+cleared != 0 {
		t.Error("the kernel is asked for something")
	}
	b.step(b.bu(4))
	b.want(135)
}

// Requirements: 6275-5.2.2-1, 6275-5.2.8-1
func TestRFC6275_5_2_8_ReplayAfterExpiry(t *testing.T) {
	b := newBed(t)
	short := lifetime(8 * time.Second)
	replayed := b.bu(1, short)
	b.step(b.bu(2, short))
	b.wait(10 * time.Second)
	b.step(replayed)
	b.want(135)
	b.wait(rr.MaxNonceLifetime)
	b.step(replayed)
	b.want(138) // by now nothing is remembered, and nothing need be
}

// Requirements: 6275-9.5.1-11, 6275-9.5.4-7
func TestRFC6275_9_5_1_RegistrationTypeChange(t *testing.T) {
	b := newBed(t, func(p *Params) {
		p.HomeRegistered = func(l, h netip.Addr) bool { return l == local && h == hoa }
	})
	b.step(b.bu(1))
	s, ba := b.ack()
	hot, cot := b.tokens(hoa, coa)
	if ba.Status != 139 || !verified(s, ba, rr.Kbm(hot.Token, cot.Token), coa) {
		t.Errorf("%+v", ba)
	}
}

// Requirements: 6275-8.2-11
func TestPolicy(t *testing.T) {
	home := netip.MustParsePrefix("2001:db8:1::/64")
	b := bound(t)
	b.step(Reconfigured{Params: Params{Policy: role.Policy{Default: true, Deny: []netip.Prefix{home}}}})
	if _, cleared := b.directs(); cleared != 1 {
		t.Error("a binding that is no longer permitted stays")
	}
	b.step(b.bu(2))
	b.want(129)
	b.step(b.bu(3, lifetime(0)))
	b.want(0)
	b.step(Reconfigured{Params: Params{Policy: role.Policy{Allow: []netip.Prefix{home}}}})
	b.slow = true
	b.step(b.bu(4))
	b.step(Reconfigured{})
	b.answerKernel()
	b.want(129)
	if _, cleared := b.directs(); cleared != 1 {
		t.Error("what the kernel has done meanwhile stays")
	}
}

// Requirements: 6275-10.3.1-3
func TestRFC6275_10_3_1_HomeRegistrationIsNotSupported(t *testing.T) {
	b := newBed(t)
	b.step(message(t, &mh.BindingUpdate{Sequence: 9, Home: true, Ack: true, Lifetime: time.Minute}, coa, hoa))
	if s, ba := b.ack(); ba.Status != 131 || ba.Sequence != 9 || s.Dst != coa || s.RoutingHome != hoa {
		t.Errorf("%+v %+v", s, ba)
	}
	b = newBed(t, func(p *Params) { p.HomeAgent = true })
	b.step(message(t, &mh.BindingUpdate{Home: true, Lifetime: time.Minute}, coa, hoa))
	b.silent("beside a home agent")
}

// Requirements: 6275-8.2-5, 6275-8.2-6, 6275-9.2-1, 6275-9.2-2, 6275-9.3.3-1, 6275-9.3.3-3, 6275-9.3.3-4
// Requirements: 6275-9.3.3-5
func TestRFC6275_9_2_UnknownType(t *testing.T) {
	unknown := func() role.MessageIn {
		raw := []byte{59, 0, 77, 0, 0, 0, 0, 0}
		mh.SetChecksum(raw, hoa, local)
		return role.MessageIn{Src: coa, Dst: local, HomeAddress: hoa, Raw: raw}
	}
	b := newBed(t)
	b.step(unknown())
	if s, msg := b.sent(); s.Dst != coa || s.RoutingHome.IsValid() || msg.(*mh.BindingError).Status != 2 || msg.(*mh.BindingError).HomeAddress != hoa {
		t.Errorf("%+v %+v", s, msg)
	}
	n := 0
	for range 100 {
		b.step(unknown())
		n += len(b.sends())
	}
	if n >= maxAnswers {
		t.Errorf("%d answers more", n)
	}
	b = newBed(t, func(p *Params) { p.HomeAgent = true })
	b.step(unknown())
	b.silent("beside a home agent")
	bad := unknown()
	bad.Raw[4] ^= 1
	b.step(bad)
	if b.counts[role.CountBadChecksum] != 1 {
		t.Error("a bad checksum is not looked at first")
	}
	cut := message(t, &mh.BindingUpdate{}, coa, hoa)
	cut.Raw = append(cut.Raw[:12:12], 3, 16, 0, 0)
	mh.SetChecksum(cut.Raw, hoa, local)
	b.step(cut)
	b.silent("cut off")
	b.step(message(t, &mh.HomeTest{}, coa, netip.Addr{}))
	b.silent("for a mobile node")
}

// Requirements: 6275-9.3.1-5, 6275-9.3.1-5b, 6275-9.3.3-1, 6275-9.3.3-2, 6275-9.3.3-3, 6275-9.3.3-5
func TestRFC6275_9_3_1_UnknownHomeAddress(t *testing.T) {
	b := newBed(t)
	report := role.UnknownHomeAddress{Local: local, HomeAddress: hoa, CareOf: coa}
	b.step(report)
	if s, msg := b.sent(); s.Src != local || s.Dst != coa || s.RoutingHome.IsValid() || msg.(*mh.BindingError).Status != 1 || msg.(*mh.BindingError).HomeAddress != hoa {
		t.Errorf("%+v %+v", s, msg)
	}
	n := 0
	for range 1000 {
		b.step(report)
		n += len(b.sends())
	}
	if n >= maxErrors {
		t.Errorf("%d Binding Errors more", n)
	}
	b = bound(t)
	b.step(report)
	b.silent("the binding is there by now")
	report.CareOf = netip.MustParseAddr("ff0e::1")
	b.step(report)
	b.silent("to a group")
}

// Requirements: 6275-9.5.2-4, 6275-9.5.4-5
func TestTheKernelRefuses(t *testing.T) {
	b := newBed(t)
	b.refuse = errors.New("refused")
	b.step(b.bu(1))
	b.want(130)
	if _, cleared := b.directs(); cleared != 1 || b.m.Bound(local, hoa) {
		t.Error("half of it stays")
	}
	b.refuse = nil
	b.step(b.bu(2))
	b.want(0)
	b.refuse = errors.New("refused")
	b.step(b.bu(3, from(coaB)))
	b.want(130)
	if _, cleared := b.directs(); cleared != 1 || b.m.Bound(local, hoa) {
		t.Error("a binding that the kernel may have in part stays")
	}
}

// Requirements: 6275-9.5.2-1
func TestTheLatestRequestCounts(t *testing.T) {
	b := newBed(t)
	b.slow = true
	b.step(b.bu(1))
	b.step(b.bu(2, from(coaB)))
	b.silent("while the kernel is asked")
	b.answerKernel()
	b.answerKernel()
	if ba := b.want(0); ba.Sequence != 2 || b.m.Bindings()[0].CareOf != coaB || b.m.Bindings()[0].Moves != 1 {
		t.Errorf("%+v", b.m.Bindings())
	}
	b.step(b.bu(3))
	b.step(b.bu(4, lifetime(0)))
	b.answerKernel()
	b.answerKernel()
	if b.m.Bound(local, hoa) {
		t.Error("still bound")
	}
}

// Requirements: 6275-9.5.2-4, 6275-9.6-2
func TestRFC6275_9_6_TheOldestGivesWay(t *testing.T) {
	b := newBed(t, func(p *Params) { p.MaxBindings = 3 })
	home := hoa
	var homes []netip.Addr
	for i := range 3 {
		homes = append(homes, home)
		b.step(b.bu(uint16(i), of(home)))
		b.wait(time.Second)
		home = home.Next()
	}
	b.step(b.bu(10, of(homes[0]))) // refreshed
	replayed := b.bu(1, of(homes[1]))
	b.step(b.bu(9, of(home)))
	b.want(0)
	if b.m.Bound(local, homes[1]) || !b.m.Bound(local, homes[0]) || len(b.m.Bindings()) != 3 || b.counts[role.CountCacheFull] != 1 {
		t.Errorf("%+v", b.m.Bindings())
	}
	b.step(replayed)
	b.want(135)
	b.slow = true
	b = newBed(t, func(p *Params) { p.MaxBindings = 1 })
	b.slow = true
	b.step(b.bu(1))
	b.step(b.bu(1, of(home)))
	b.want(130)
}

// A flood of bindings, each of them rightly authorized, costs bounded memory,
// and none of them can be replayed.
//
// Requirements: 6275-5.2.8-1, 6275-9.6-2
func TestAFloodIsBounded(t *testing.T) {
	b := newBed(t, func(p *Params) { p.MaxBindings = 50 })
	home := hoa
	first := b.bu(1)
	b.step(first)
	for range 5000 {
		home = home.Next()
		b.step(b.bu(1, of(home)))
	}
	if n := len(b.m.cache.entries); n > 2*50+1 || len(b.m.Bindings()) > 50 || len(b.m.asked) != 0 || b.m.cache.timers.Len() > n {
		t.Errorf("%d entries, %d bindings, %d asked, heap %d", n, len(b.m.Bindings()), len(b.m.asked), b.m.cache.timers.Len())
	}
	b.step(first)
	if _, ba := b.ack(); ba.Status < 128 {
		t.Error("a replay is accepted")
	}
}

// Requirements: 6275-6.1-1, 6275-9.5.5-1, 6275-9.5.5-2
func TestRFC6275_9_5_5_RefreshRequests(t *testing.T) {
	seen := func(n uint64) role.TrafficSeen {
		return role.TrafficSeen{Pair: pair, Traffic: role.Traffic{PacketsIn: n}}
	}
	asked := func(b *bed) (n int) {
		for _, e := range b.effects {
			if a, ok := e.(role.AskTraffic); ok && a.Pair == pair {
				n++
			}
		}
		return n
	}
	b := bound(t)
	b.wait(200 * time.Second)
	if asked(b) != 1 {
		t.Fatal("not looked at in the middle of its life")
	}
	b.step(seen(10))
	b.silent("in the middle")
	b.wait(170 * time.Second)
	if asked(b) != 1 {
		t.Fatal("not looked at before its end")
	}
	idle := *b
	b.step(seen(11))
	s, msg := b.sent()
	if _, ok := msg.(*mh.BindingRefreshRequest); !ok || s.Dst != hoa || s.RoutingHome.IsValid() || s.Src != local {
		t.Errorf("%+v %T", s, msg)
	}
	b.wait(10 * time.Second)
	if n := len(b.sends()); n != 2 {
		t.Errorf("%d requests more, want two", n)
	}
	b.step(b.bu(2))
	b.wait(15 * time.Second)
	b.silent("after a Binding Update")
	_ = idle

	b = bound(t)
	b.wait(200 * time.Second)
	b.step(seen(10))
	b.wait(170 * time.Second)
	b.step(seen(10))
	b.silent("an idle one")
}

// Requirements: 6275-8.2-4, 6275-9.3.4-2
func TestRFC6275_9_3_4_PersistentErrorsEndABinding(t *testing.T) {
	unreachable := func(careOf, home netip.Addr) role.ICMPIn {
		raw := make([]byte, 8+40+24)
		raw[0], raw[1], raw[8], raw[14] = 1, 3, 0x60, 43
		l, c, h := local.As16(), careOf.As16(), home.As16()
		copy(raw[16:], l[:])
		copy(raw[32:], c[:])
		raw[49], raw[50], raw[51] = 2, 2, 1
		copy(raw[56:], h[:])
		return role.ICMPIn{Src: careOf, Dst: local, Raw: raw}
	}
	b := bound(t)
	for range 100 {
		b.step(unreachable(coa, hoa))
	}
	if !b.m.Bound(local, hoa) {
		t.Error("a burst ends it")
	}
	b.wait(4 * time.Second)
	b.step(unreachable(coaB, hoa), unreachable(coa, coaB), role.ICMPIn{Raw: []byte{1, 0}})
	if !b.m.Bound(local, hoa) {
		t.Error("what is not about it ends it")
	}
	b.step(b.bu(2))
	b.step(unreachable(coa, hoa))
	if !b.m.Bound(local, hoa) {
		t.Error("a Binding Update in between does not count")
	}
	b.wait(2 * time.Second)
	b.step(unreachable(coa, hoa))
	b.wait(2 * time.Second)
	b.step(unreachable(coa, hoa))
	if _, cleared := b.directs(); cleared != 1 || b.m.Bound(local, hoa) {
		t.Error("goes on for ever")
	}
}

func TestStopEndsAllBindings(t *testing.T) {
	b := bound(t)
	b.step(role.Stop{})
	if _, cleared := b.directs(); cleared != 1 {
		t.Error("a binding outlives its keeper")
	}
}

func TestAShorterCacheAfterAReload(t *testing.T) {
	b := bound(t)
	b.step(b.bu(1, of(hoa.Next())))
	b.step(Reconfigured{Params: Params{Policy: role.Policy{Default: true}, MaxBindings: 1}})
	if v := b.m.Bindings(); len(v) != 1 || v[0].HomeAddress != hoa.Next() {
		t.Errorf("%+v", v)
	}
}

func TestNoncesAreShownWithoutSecrets(t *testing.T) {
	b := newBed(t)
	b.tokens(hoa, coa)
	b.wait(10 * time.Second)
	if v := b.m.Nonces(b.now); len(v) != 1 || v[0].Age != 10*time.Second || v[0].Remaining != 230*time.Second {
		t.Errorf("%+v", v)
	}
}

// Requirements: 6275-5.2.1-1
func TestRFC6275_5_2_7_OldTokensOfAnEarlierRun(t *testing.T) {
	b := newBed(t)
	old := b.bu(1)
	again := newBed(t)
	again.m.rand = &counting{n: 77}
	again.step(old)
	again.want(138)
}

// Options that nobody knows are skipped (§6.1.3, §6.1.4).
//
// Requirements: 6275-6.1.3-3
func TestRFC6275_6_1_3_UnknownOptionsInATestInit(t *testing.T) {
	b := newBed(t)
	plain, _ := b.tokens(hoa, coa)
	init := &mh.HomeTestInit{Cookie: cookie}
	init.Options = mh.Options{mh.UnknownOption{Type: 200, Data: []byte{1, 2, 3, 4}}}
	b.step(message(t, init, hoa, netip.Addr{}))
	if _, msg := b.sent(); msg.(*mh.HomeTest).Token != plain.Token {
		t.Errorf("%+v", msg)
	}
}

func TestAnsweringATestAllocatesNothing(t *testing.T) {
	b := newBed(t)
	b.tokens(hoa, coa)
	ev := message(t, &mh.HomeTestInit{Cookie: cookie}, hoa, netip.Addr{})
	var raw [mh.TestLen]byte
	if n := testing.AllocsPerRun(100, func() {
		init, c, ok := mh.ReadTestInit(ev.Raw)
		if !ok || !mh.ChecksumOK(ev.Raw, ev.Src, ev.Dst) || !b.m.answerTest(&raw, ev, init, c) {
			t.Fatal("not answered")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
