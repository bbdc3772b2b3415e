package cn

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// Rules that are easily kept by accident, and as easily broken.

// resum makes the checksum right again.
func resum(ev role.MessageIn) role.MessageIn {
	from := ev.Src
	if ev.HomeAddress.IsValid() {
		from = ev.HomeAddress
	}
	mh.SetChecksum(ev.Raw, from, ev.Dst)
	return ev
}

// Requirements: 6275-6.1.3-2, 6275-6.1.3-3, 6275-6.1.4-2, 6275-6.1.4-3
func TestRFC6275_6_1_3_TestInitsWithReservedBitsAndUnknownOptions(t *testing.T) {
	unknown := mh.Options{mh.UnknownOption{Type: 200, Data: []byte{1, 2, 3, 4}}}
	b := newBed(t)
	hot, cot := b.tokens(hoa, coa)
	for _, opts := range []mh.Options{nil, unknown} {
		home, careOf := &mh.HomeTestInit{Cookie: cookie}, &mh.CareOfTestInit{Cookie: cookie}
		home.Options, careOf.Options = opts, opts
		ev := message(t, home, hoa, netip.Addr{})
		ev.Raw[3], ev.Raw[6], ev.Raw[7] = 0xff, 0xff, 0xff
		b.step(resum(ev))
		if _, msg := b.sent(); msg.(*mh.HomeTest).Token != hot.Token || msg.(*mh.HomeTest).Cookie != cookie {
			t.Errorf("options %v: %+v", opts, msg)
		}
		ev = message(t, careOf, coa, netip.Addr{})
		ev.Raw[3], ev.Raw[6], ev.Raw[7] = 0xff, 0xff, 0xff
		b.step(resum(ev))
		if _, msg := b.sent(); msg.(*mh.CareOfTest).Token != cot.Token || msg.(*mh.CareOfTest).Cookie != cookie {
			t.Errorf("options %v: %+v", opts, msg)
		}
	}
}

// A correspondent knows nothing of K, sets nothing reserved, and gives no advice
// (§6.1.7, §6.1.8, §6.2.4).
//
// Requirements: 6275-6.1.7-4, 6275-6.1.7-7, 6275-6.1.7-10, 6275-6.1.8-1, 6275-6.1.8-2, 6275-6.2.4-1
func TestRFC6275_6_1_7_KAndReservedBitsAndUnknownOptions(t *testing.T) {
	b := newBed(t)
	b.step(b.bu(1, func(u *update) {
		u.bu.KeyMgmt, u.bu.LinkLocal, u.bu.Reserved, u.bu.Flags = true, true, 0xff, 0x03ff
		u.bu.Options = mh.Options{mh.UnknownOption{Type: 200, Data: []byte{1, 2, 3}}}
	}))
	s, ba := b.ack()
	if ba.Status != 0 || !b.m.Bound(local, hoa) {
		t.Fatalf("status %d", ba.Status)
	}
	if s.Raw[3] != 0 || s.Raw[7] != 0 {
		t.Errorf("reserved bits or K: %x", s.Raw)
	}
	for _, o := range ba.Options {
		switch o.(type) {
		case mh.Pad1, mh.PadN, mh.BindingAuthorizationData:
		default:
			t.Errorf("option %T %+v", o, o)
		}
	}
}

// A binding does not lead signalling anywhere (§6.1): it goes where the question
// came from, as it is.
//
// Requirements: 6275-6.1-1, 6275-6.1-2, 6275-6.1-3, 6275-9.4.3-1, 6275-9.4.4-1
func TestRFC6275_6_1_SignallingBypassesTheBindingCache(t *testing.T) {
	b := bound(t)
	unknown := []byte{59, 0, 77, 0, 0, 0, 0, 0}
	for name, ev := range map[string]role.MessageIn{
		"Home Test Init":              message(t, &mh.HomeTestInit{}, hoa, netip.Addr{}),
		"Care-of Test Init":           message(t, &mh.CareOfTestInit{}, coaB, netip.Addr{}),
		"unknown type, from home":     resum(role.MessageIn{Src: hoa, Dst: local, Raw: append([]byte(nil), unknown...)}),
		"unknown type, from anywhere": resum(role.MessageIn{Src: coaB, Dst: local, HomeAddress: hoa, Raw: append([]byte(nil), unknown...)}),
	} {
		b.step(ev)
		if s, _ := b.sent(); s.Dst != ev.Src || s.Src != local || s.RoutingHome.IsValid() || s.HomeAddress.IsValid() {
			t.Errorf("%s from %s: answered by %+v", name, ev.Src, s)
		}
	}
}

// Requirements: 6275-6.1.1-7, 6275-9.2-1
func TestRFC6275_6_1_1_ChecksumOverTheCareOfAddress(t *testing.T) {
	b := newBed(t)
	ev := b.bu(1)
	mh.SetChecksum(ev.Raw, coa, local)
	b.step(ev)
	b.silent("checksum over the care-of address")
	if b.counts[role.CountBadChecksum] != 1 {
		t.Errorf("counted %v", b.counts)
	}
}

// Requirements: 6275-6.3-7, 6275-9.1-4
func TestRFC6275_9_1_AHomeAddressOptionChangesNoBinding(t *testing.T) {
	b := bound(t)
	before := b.m.Bindings()[0]
	for _, report := range []role.UnknownHomeAddress{
		{Local: local, HomeAddress: hoa, CareOf: coaB}, {Local: local, HomeAddress: hoa.Next(), CareOf: coa},
	} {
		b.step(report)
		if set, cleared := b.directs(); len(set)+cleared != 0 {
			t.Errorf("%+v: the kernel is asked for something", report)
		}
	}
	if v := b.m.Bindings(); len(v) != 1 || v[0] != before {
		t.Errorf("%+v, was %+v", v, before)
	}
}

// Requirements: 6275-9.1-1
func TestRFC6275_9_1_EachAddressHasItsOwnBindings(t *testing.T) {
	b := newBed(t)
	other := local.Next()
	at := func(a netip.Addr) func(*update) { return func(u *update) { u.local = a } }
	b.step(b.bu(100))
	b.want(0)
	b.step(b.bu(7, at(other), from(coaB))) // its own sequence numbers, and its own care-of address
	b.want(0)
	b.step(b.bu(8, at(other), lifetime(0)))
	if !b.m.Bound(local, hoa) || b.m.Bound(other, hoa) || b.m.Bindings()[0].CareOf != coa {
		t.Errorf("%+v", b.m.Bindings())
	}
}

// A Binding Update for what is no home address, or from what is no node's address, is
// dropped in silence, though it be authorized: by tokens that nobody gets from us, so
// that it is the address that is refused.
//
// Requirements: 6275-6.1.7-5, 6275-6.4-2, 6275-9.3.1-1, 6275-9.5.1-2, 6275-9.5.4-8, 6275-9.5.4-8b
func TestRFC6275_9_5_1_AuthorizedForNoNodesAddress(t *testing.T) {
	authorized := func(b *bed, src, home, careOf netip.Addr) role.MessageIn {
		b.tokens(hoa, coa)
		n, ok := b.m.nonces.Current(b.now)
		if !ok {
			t.Fatal("no nonce")
		}
		u := &update{bu: &mh.BindingUpdate{Sequence: 1, Ack: true, Lifetime: time.Minute}, src: src, home: home, careOf: careOf, local: local}
		u.kbm = rr.Kbm(n.HomeToken(home), n.CareOfToken(careOf))
		u.bu.Options = mh.Options{mh.AlternateCareOfAddress{CareOf: careOf}, mh.NonceIndices{Home: n.Index, CareOf: n.Index}}
		b.effects = nil
		return b.seal(u)
	}
	b := newBed(t)
	b.step(authorized(b, coa, hoa, coaB))
	b.want(0) // this is how it is done rightly
	for _, bad := range []string{"ff0e::1", "fe80::1", "::1", "::"} {
		a := netip.MustParseAddr(bad)
		for what, addrs := range map[string][3]netip.Addr{
			"source": {a, hoa, coaB}, "home address": {coa, a, coaB}, "care-of address": {coa, hoa, a},
		} {
			b := newBed(t)
			b.step(authorized(b, addrs[0], addrs[1], addrs[2]))
			b.silent(what + " " + bad)
			if set, _ := b.directs(); len(set) != 0 || len(b.m.cache.entries) != 0 {
				t.Errorf("%s %s: bound", what, bad)
			}
		}
	}
}

// A deletion needs a home nonce that is known (§9.5.1).
//
// Requirements: 6275-9.5.1-12, 6275-9.5.1-15
func TestRFC6275_9_5_1_DeletionNeedsTheHomeNonce(t *testing.T) {
	b := bound(t)
	b.step(b.bu(2, lifetime(0), func(u *update) { u.bu.Options = mh.Options{mh.NonceIndices{Home: 9, CareOf: nonceOf(u)}} }))
	b.want(136)
	if !b.m.Bound(local, hoa) {
		t.Error("deleted")
	}
}

// Refusals that have a key have its authenticator (§9.5.4), and are sent although
// none was asked for.
//
// Requirements: 6275-9.5.2-4, 6275-9.5.4-4, 6275-9.5.4-7
func TestRFC6275_9_5_4_RefusalsAreAuthenticated(t *testing.T) {
	for _, c := range []struct {
		status mh.Status
		params func(*Params)
	}{
		{129, func(p *Params) { p.Policy = role.Policy{} }},
		{130, func(p *Params) { p.MaxBindings = 1 }},
	} {
		b := newBed(t, c.params)
		b.slow = true
		b.step(b.bu(1, of(hoa.Next())))
		hot, cot := b.tokens(hoa, coa)
		b.step(b.bu(1, quiet))
		s, ba := b.ack()
		if ba.Status != c.status || !verified(s, ba, rr.Kbm(hot.Token, cot.Token), coa) || s.RoutingHome != hoa {
			t.Errorf("%+v %+v, want status %d", s, ba, c.status)
		}
	}
}

// Requirements: 6275-9.5.1-9, 6275-6.2-2
func TestRFC6275_9_5_1_NothingBehindTheAuthenticator(t *testing.T) {
	b := newBed(t)
	ev := b.bu(1)
	ev.Raw = append(ev.Raw, 1, 6, 0, 0, 0, 0, 0, 0) // PadN
	ev.Raw[1]++
	b.step(resum(ev))
	b.silent("padding behind it")
	if b.counts[role.CountMalformed] != 1 {
		t.Errorf("counted %v", b.counts)
	}
}

// Without a Home Address option the Binding Error names no home address; and it
// never goes to what is not one node's address (§9.3.3).
//
// Requirements: 6275-9.3.3-2, 6275-9.3.3-3
func TestRFC6275_9_3_3_BindingErrorWithoutHomeAddress(t *testing.T) {
	for src, answered := range map[string]bool{coa.String(): true, "ff0e::1": false, "fe80::1": false, "::": false} {
		b := newBed(t)
		b.step(resum(role.MessageIn{Src: netip.MustParseAddr(src), Dst: local, Raw: []byte{59, 0, 77, 0, 0, 0, 0, 0}}))
		if !answered {
			b.silent(src)
			continue
		}
		if _, msg := b.sent(); msg.(*mh.BindingError).HomeAddress != netip.IPv6Unspecified() {
			t.Errorf("%+v", msg)
		}
	}
}

// The lifetime asked for is the one that ends (§9.5.2), be it a refresh that asks
// for less.
//
// Requirements: 6275-9.5.2-2, 6275-9.6-1
func TestRFC6275_9_6_TheLastUpdatesLifetimeCounts(t *testing.T) {
	b := bound(t)
	b.wait(10 * time.Second)
	b.step(b.bu(2, lifetime(20*time.Second)))
	if ba := b.want(0); ba.Lifetime != 20*time.Second {
		t.Errorf("granted %v", ba.Lifetime)
	}
	b.wait(20 * time.Second)
	if b.m.Bound(local, hoa) {
		t.Error("the first update's lifetime counts")
	}
}
