package mn

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var (
	hoa4 = netip.MustParseAddr("192.0.2.100")
	any4 = netip.IPv4Unspecified()
)

// ipv4At is a mobile node that wants an IPv4 home address and has sent its first
// Binding Update.
func ipv4At(t *testing.T, want netip.Addr) *bed {
	t.Helper()
	p := defaultParams()
	p.Homes[0].IPv4 = &IPv4{Addr: want, Default: true}
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	return b
}

// asked4 is the IPv4 home address that the last Binding Update asks for.
func (b *bed) asked4() netip.Addr {
	b.t.Helper()
	o, ok := mh.Find[mh.IPv4HomeAddress](b.lastBU().bu.Options)
	if !ok {
		return netip.Addr{}
	}
	if o.PrefixLen != 32 || o.WantPrefix || o.Reserved != 0 {
		b.t.Errorf("%+v", o)
	}
	return o.Addr
}

func with4(s mh.IPv4Status, a netip.Addr) func(*mh.BindingAcknowledgement) {
	return withOption(mh.IPv4AddressAcknowledgement{Status: s, PrefixLen: 32, Addr: a})
}

// RFC 5555 §4.4.2: each Binding Update has the static address (MUST), and the path has
// it once it is acknowledged.
func TestRFC5555_4_4_2_StaticIPv4HomeAddress(t *testing.T) {
	b := ipv4At(t, hoa4)
	if a := b.asked4(); a != hoa4 {
		t.Errorf("asks for %s", a)
	}
	if p := b.path(); p.IPv4.IsValid() {
		t.Errorf("%s is in use before it is acknowledged", p.IPv4)
	}
	b.ack(0, with4(0, hoa4))
	if p := b.path(); p.Mode != role.PathTunnelled || p.IPv4 != hoa4 || !p.IPv4Default {
		t.Errorf("path %+v", p)
	}
	b.move(ra(eth, routerB, netB))
	if a := b.asked4(); a != hoa4 {
		t.Errorf("after a move it asks for %s", a)
	}
	if p := b.path(); p.IPv4 != hoa4 {
		t.Errorf("during a move the path has %s", p.IPv4)
	}
	paths := len(b.paths)
	b.ack(0, with4(0, hoa4))
	if len(b.paths) != paths {
		t.Error("an acknowledgement that changes nothing changes the path")
	}
	b.step(homeRA(eth))
	if s := b.lastBU(); s.bu.Lifetime != 0 || b.asked4().IsValid() {
		t.Errorf("a de-registration (lifetime %v) asks for %s", s.bu.Lifetime, b.asked4())
	}
}

// RFC 5555 §4.4.2: who has none asks for 0.0.0.0 (MUST), and afterwards for what was
// assigned.
func TestRFC5555_4_4_2_AssignedIPv4HomeAddress(t *testing.T) {
	b := ipv4At(t, any4)
	if a := b.asked4(); a != any4 {
		t.Errorf("asks for %s", a)
	}
	b.ack(0, with4(0, hoa4))
	if p := b.path(); p.IPv4 != hoa4 {
		t.Errorf("path with %s", p.IPv4)
	}
	b.move(ra(eth, routerB, netB))
	if a := b.asked4(); a != hoa4 {
		t.Errorf("after a move it asks for %s", a)
	}
	// Somebody else has it by now: another is asked for, at once, and once.
	sent := len(b.bus)
	b.ack(0, with4(mh.IPv4Incorrect, hoa4))
	b.wait(500 * time.Millisecond)
	if a := b.asked4(); len(b.bus) != sent+1 || a != any4 || b.path().IPv4.IsValid() {
		t.Errorf("%d Binding Updates more, for %s; path with %s", len(b.bus)-sent, a, b.path().IPv4)
	}
	b.ack(0, with4(mh.IPv4NoneToAssign, any4))
	b.wait(5 * time.Second)
	if len(b.bus) != sent+1 {
		t.Error("it goes on asking")
	}
	if v := b.m.Bindings(b.now)[0]; !v.Registered || v.IPv4Refused == "" || v.IPv4HomeAddress.IsValid() {
		t.Errorf("%+v", v)
	}
}

// RFC 5555 §4.4.2: without an option, or with a failure, there is no entry for the
// IPv4 home address (MUST NOT), and the IPv6 one is as it would be otherwise.
func TestRFC5555_4_4_2_NoIPv4HomeAddress(t *testing.T) {
	other := hoa4.Next()
	for name, opts := range map[string][]func(*mh.BindingAcknowledgement){
		"no option":        nil,
		"failure":          {with4(mh.IPv4Prohibited, hoa4)},
		"another address":  {with4(0, other)},
		"a group":          {with4(0, netip.MustParseAddr("224.0.0.1"))},
		"the unspecified":  {with4(0, any4)},
		"unknown failure":  {with4(200, hoa4)},
		"another, refused": {with4(0, other), with4(mh.IPv4Unspecified, hoa4)},
	} {
		b := ipv4At(t, hoa4)
		b.ack(0, with4(0, hoa4))
		b.move(ra(eth, routerB, netB))
		b.ack(0, opts...)
		v := b.m.Bindings(b.now)[0]
		if p := b.path(); p.IPv4.IsValid() || p.Mode != role.PathTunnelled || !v.Registered || v.IPv4Refused == "" {
			t.Errorf("%s: path %+v, binding %+v", name, p, v)
		}
	}
	for _, a := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), any4} {
		b := ipv4At(t, any4)
		if b.ack(0, with4(0, a)); b.path().IPv4.IsValid() {
			t.Errorf("%s was taken", b.path().IPv4)
		}
	}
}

// Who is not told to wants none.
func TestNoIPv4HomeAddressUnlessConfigured(t *testing.T) {
	b := awayAt(t, defaultParams())
	if b.asked4().IsValid() {
		t.Error("asked for")
	}
	b.move(ra(eth, routerB, netB))
	if b.ack(0, with4(0, hoa4)); b.path().IPv4.IsValid() {
		t.Error("taken")
	}
}

// RFC 5555 §4.4.4: at home no IPv4 home address is in use, and none is told of; away it
// is asked for again.
func TestRFC5555_4_4_4_NothingOfItIsToldAtHome(t *testing.T) {
	b := ipv4At(t, hoa4)
	b.ack(0, with4(0, hoa4))
	if v := b.m.Bindings(b.now)[0]; v.IPv4HomeAddress != hoa4 {
		t.Errorf("away: %+v", v)
	}
	b.step(homeRA(eth))
	b.wait(time.Second)
	if v := b.m.Bindings(b.now)[0]; v.IPv4HomeAddress.IsValid() || v.IPv4Refused != "" {
		t.Errorf("at home: %+v", v)
	}
}

// Two home agents may assign the same private address: one host can't use both.
func TestOneIPv4HomeAddressOfTwoHomes(t *testing.T) {
	p := defaultParams()
	second := p.Homes[0]
	second.HomeAddress = netip.MustParsePrefix("2001:db8:1::101/64")
	p.Homes = append(p.Homes, second)
	for i := range p.Homes {
		p.Homes[i].IPv4 = &IPv4{Addr: any4}
	}
	m := newBed(t, p).m
	ack := new(mh.BindingAcknowledgement)
	withOption(mh.IPv4AddressAcknowledgement{PrefixLen: 32, Addr: hoa4})(ack)
	for range 2 {
		for i, want := range []netip.Addr{hoa4, {}} {
			m.ipv4Answer(m.homes[i], ack)
			if got := m.homes[i].ipv4; got.addr != want || want.IsValid() == (got.refused != mh.IPv4Accepted) {
				t.Errorf("home %d has %+v", i, got)
			}
		}
	}
}

// A static address that is refused is asked for in the next Binding Update, which comes
// when it would otherwise; people hear of it once.
func TestRefusedStaticIPv4HomeAddressIsNoReasonForHaste(t *testing.T) {
	b := ipv4At(t, hoa4)
	b.ack(0, with4(0, hoa4))
	told := func() (n int) {
		for _, x := range b.notices {
			if x.Warn && strings.Contains(x.Text, "no IPv4 home address") {
				n++
			}
		}
		return n
	}
	for _, to := range []role.RouterSeen{ra(eth, routerB, netB), ra(eth, routerA, netA)} {
		b.move(to)
		sent := len(b.bus)
		b.ack(0, with4(mh.IPv4Incorrect, hoa4))
		b.wait(5 * time.Second)
		if len(b.bus) != sent || told() != 1 {
			t.Errorf("%d Binding Updates more; told %d times", len(b.bus)-sent, told())
		}
		if a := b.asked4(); a != hoa4 {
			t.Errorf("asks for %s", a)
		}
	}
}
