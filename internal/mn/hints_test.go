package mn

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// message makes a Mobility Header message from the home agent.
func message(t *testing.T, m mh.Message, src netip.Addr) role.MessageIn {
	t.Helper()
	raw := marshal(t, m)
	mh.SetChecksum(raw, src, hoa.Addr())
	return role.MessageIn{Ifindex: eth, Src: src, Dst: coaA, RoutingHome: hoa.Addr(), Raw: raw}
}

// Requirements: 6275-8.5-5, 6275-11.3.6-2
func TestRFC6275_11_3_6_BindingErrorFromTheHomeAgent(t *testing.T) {
	be := &mh.BindingError{Status: mh.ErrorUnknownBinding, HomeAddress: hoa.Addr()}
	b := awayAt(t, defaultParams())
	b.wait(10 * time.Second)
	expect(t, "unknown binding", b.step(message(t, be, ha)), buA)
	expect(t, "again, while one is on its way", b.step(message(t, be, ha)))
}

func TestHintsAreRateLimited(t *testing.T) {
	be := &mh.BindingError{Status: mh.ErrorUnknownBinding, HomeAddress: hoa.Addr()}
	b := awayAt(t, defaultParams())
	b.wait(10 * time.Second)
	for range 1000 { // ten seconds of forged errors, each Binding Update answered
		b.step(message(t, be, ha))
		if b.m.Bindings(b.now)[0].Waiting {
			b.ack(mh.StatusAccepted)
		}
		b.wait(10 * time.Millisecond)
	}
	if n := len(b.bus); n > 12 {
		t.Errorf("%d Binding Updates in 10 s", n)
	}
}

// Requirements: 6275-11.3.6-1
func TestRFC6275_11_3_6_BindingErrorIgnored(t *testing.T) {
	unknown := &mh.BindingError{Status: mh.ErrorUnknownBinding, HomeAddress: hoa.Addr()}
	other := &mh.BindingError{Status: mh.ErrorUnknownBinding, HomeAddress: coaB}
	for _, tt := range []struct {
		name string
		bed  func() *bed
		ev   role.MessageIn
	}{
		{"no entry for the source", func() *bed { return awayAt(t, defaultParams()) }, message(t, unknown, coaB)},
		{"another home address", func() *bed { return awayAt(t, defaultParams()) }, message(t, other, ha)},
		{"no entry at all", func() *bed { return homeAt(t, defaultParams()) }, message(t, unknown, ha)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.bed()
			b.wait(10 * time.Second)
			n := len(b.bus)
			expect(t, "Binding Error", b.step(tt.ev))
			b.wait(5 * time.Second)
			if len(b.bus) != n || b.counts[role.CountUnsolicited] != 1 {
				t.Errorf("%d Binding Updates more, counters %v", len(b.bus)-n, b.counts)
			}
		})
	}
}

// Requirements: 6275-11.3.6-4
func TestRFC6275_11_3_6_UnknownTypeFromTheHomeAgent(t *testing.T) {
	be := &mh.BindingError{Status: mh.ErrorUnknownType, HomeAddress: hoa.Addr()}
	b := awayAt(t, defaultParams())
	n := len(b.notices)
	expect(t, "nothing outstanding: ignored", b.step(message(t, be, ha)))
	if len(b.notices) != n {
		t.Errorf("told %+v", b.notices[n:])
	}
	w := waiting(t, defaultParams())
	for range 3 {
		expect(t, "outstanding", w.step(message(t, be, ha)))
	}
	if got := w.notices[len(w.notices)-1]; !got.Warn || got.HA != ha {
		t.Errorf("told %+v", got)
	}
	w.wait(1500 * time.Millisecond)
	if len(w.bus) != 2 {
		t.Error("retransmission stopped for an unauthenticated error")
	}
}

// Requirements: 6275-8.5-12, 6275-11.7.4-1
func TestRFC6275_11_7_4_RefreshRequest(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.wait(10 * time.Second)
	expect(t, "from the home agent", b.step(message(t, &mh.BindingRefreshRequest{}, ha)), buA)
	b.ack(mh.StatusAccepted)
	b.wait(10 * time.Second)
	expect(t, "from a stranger: not answered", b.step(message(t, &mh.BindingRefreshRequest{}, coaB)))
	if b.counts[role.CountUnsolicited] != 1 {
		t.Errorf("counters %v", b.counts)
	}
	home := homeAt(t, defaultParams())
	expect(t, "without an entry", home.step(message(t, &mh.BindingRefreshRequest{}, ha)))
}

func TestRefreshRequestRightAfterAnUpdateWaits(t *testing.T) {
	b := awayAt(t, defaultParams())
	expect(t, "at once", b.step(message(t, &mh.BindingRefreshRequest{}, ha)))
	expect(t, "a second later", b.wait(time.Second), buA)
}

// problem is an ICMPv6 Parameter Problem that quotes a packet.
func problem(code byte, src, dst netip.Addr) role.ICMPIn {
	quoted := make([]byte, 40)
	quoted[0] = 0x60
	s, d := src.As16(), dst.As16()
	copy(quoted[8:], s[:])
	copy(quoted[24:], d[:])
	return role.ICMPIn{Ifindex: eth, Src: dst, Dst: src, Raw: append([]byte{4, code, 0, 0, 0, 0, 0, 0}, quoted...)}
}

// Requirements: 6275-8.5-6, 6275-11.3.5-2, 6275-11.3.5-3
func TestRFC6275_11_3_5_ICMPErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		ev   role.ICMPIn
		told bool
	}{
		{"unknown Mobility Header", problem(1, coaA, ha), true},
		{"unknown Home Address option", problem(2, coaA, ha), true},
		{"erroneous field", problem(0, coaA, ha), false},
		{"about another node", problem(1, coaA, coaB), false},
		{"about another source", problem(1, coaB, ha), false},
		{"cut short", role.ICMPIn{Raw: problem(1, coaA, ha).Raw[:30]}, false},
		{"nothing", role.ICMPIn{}, false},
		{"another type", role.ICMPIn{Raw: append([]byte{1}, problem(1, coaA, ha).Raw[1:]...)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := waiting(t, defaultParams())
			n := len(b.notices)
			expect(t, "error", b.step(tt.ev))
			if got := len(b.notices) > n; got != tt.told {
				t.Errorf("told: %v, want %v", got, tt.told)
			}
			expect(t, "the same once more", b.step(tt.ev))
			if len(b.notices) > n+1 {
				t.Error("told twice")
			}
			b.wait(1500 * time.Millisecond)
			if len(b.bus) != 2 {
				t.Error("retransmission stopped: a home agent that restarts would be lost")
			}
		})
	}
	h := homeAt(t, defaultParams())
	h.step(problem(1, coaA, ha))
	if v := h.m.Bindings(h.now)[0]; v.Remaining != 0 || v.Waiting {
		t.Errorf("an ICMPv6 error made an entry: %+v", v)
	}
}

// Requirements: 6275-8.5-8, 6275-9.2-2, 6275-9.3.3-1, 6275-9.3.3-2, 6275-9.3.3-5, 6275-11.2-1
func TestRFC6275_9_2_UnknownType(t *testing.T) {
	raw := []byte{59, 0, 99, 0, 0, 0, 0, 0}
	mh.SetChecksum(raw, coaB, coaA)
	ev := role.MessageIn{Ifindex: eth, Src: coaB, Dst: coaA, Raw: raw}
	b := awayAt(t, defaultParams())
	expect(t, "unknown type", b.step(ev), "Binding Error from "+coaA.String())
	for range 100 {
		b.step(ev)
	}
	if b.counts[role.CountUnknownType] != 101 || b.counts[role.CountRateLimited] != 101-maxErrorRate {
		t.Errorf("counters %v", b.counts)
	}
	p := defaultParams()
	p.Silent = true
	expect(t, "beside a correspondent node", awayAt(t, p).step(ev))
	multicast := ev
	multicast.Src = netip.MustParseAddr("ff02::1")
	multicast.Raw = append([]byte(nil), raw...)
	mh.SetChecksum(multicast.Raw, multicast.Src, coaA)
	expect(t, "never to a multicast address", awayAt(t, defaultParams()).step(multicast))
}

func TestMessagesForOthersAreIgnored(t *testing.T) {
	b := awayAt(t, defaultParams())
	for _, m := range []mh.Message{&mh.HomeTest{}, &mh.CareOfTest{}, &mh.HomeTestInit{}, &mh.BindingUpdate{}} {
		expect(t, m.Type().String(), b.step(message(t, m, ha)))
	}
}
