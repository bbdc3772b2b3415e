package ha

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var (
	netA = netip.MustParsePrefix("2001:db8:a::/48")
	netB = netip.MustParsePrefix("2001:db8:b::/64")
	hoa2 = netip.MustParseAddr("2001:db8:1::200")
)

// fleet is a home agent with a mobile router that has two prefixes, another one
// with none, and a mobile host.
func fleet() Params {
	p := params()
	auth := p.MobileNodes[0].Auth
	p.MobileNodes = []MobileNode{
		{HomeAddress: hoa, Auth: auth, Router: true, Prefixes: []netip.Prefix{netB, netA}},
		{HomeAddress: hoa2, Auth: auth, Router: true},
		{HomeAddress: hoa2.Next(), Auth: auth},
	}
	return p
}

func asRouter(prefixes ...string) func(*update) {
	return func(u *update) {
		u.bu.Router = true
		for _, s := range prefixes {
			p := netip.MustParsePrefix(s)
			u.more = append(u.more, mh.MobileNetworkPrefix{Length: uint8(p.Bits()), Prefix: p.Addr()})
		}
	}
}

func home(a netip.Addr) func(*update) { return func(u *update) { u.home = a } }

// enrol carries a Binding Update through; it returns the acknowledgement.
func (b *bed) enrol(ev role.MessageIn) ack {
	b.t.Helper()
	b.now = b.now.Add(time.Second)
	n := len(b.acks)
	b.step(ev)
	for range 3 {
		if len(b.acks) > n {
			break
		}
		if len(b.asked) > 0 {
			b.done(nil)
			continue
		}
		home := ev.Src
		if ev.HomeAddress.IsValid() {
			home = ev.HomeAddress
		}
		b.step(role.DADDone{Ifindex: link, Addr: home})
	}
	if len(b.acks) != n+1 {
		b.t.Fatalf("%d acknowledgements", len(b.acks)-n)
	}
	return b.lastAck()
}

func (b *bed) prefixesOf(home netip.Addr) []netip.Prefix {
	for _, x := range b.m.Bindings() {
		if x.HomeAddress == home {
			return x.MobilePrefixes
		}
	}
	return nil
}

var comparePrefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func (b *bed) wantPrefixes(what string, home netip.Addr, want ...netip.Prefix) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.prefixesOf(home), comparePrefixes); diff != "" {
		b.t.Errorf("%s: prefixes\n%s", what, diff)
	}
}

// RFC 3963 §5.2, §6.2: the mode in which the mobile router names nothing.
//
// Requirements: 3963-6-2, 3963-6.2-3, 3963-6.2-6, 3963-6.2-9, 3963-6.2-10
func TestRFC3963_6_2_ImplicitMode(t *testing.T) {
	b := newBed(t, fleet())
	if a := b.enrol(b.bu(1, asRouter())); a.ba.Status != 0 || !a.ba.Router {
		t.Errorf("status %d, R %v", a.ba.Status, a.ba.Router)
	}
	b.wantPrefixes("implicit", hoa, netA, netB)
	if x := b.m.Bindings()[0]; !x.Router || !x.MobileRouter {
		t.Errorf("%+v: its neighbour advertisements must have the R bit", x)
	}
	if a := b.enrol(b.bu(1, home(hoa2), asRouter())); a.ba.Status != mh.StatusForwardingSetupFailed || a.ba.Router {
		t.Errorf("without prefixes in the table: status %d, R %v", a.ba.Status, a.ba.Router)
	}
}

// RFC 3963 §6.2: forwarding for all the prefixes named, and no longer for those
// that are not any more.
//
// Requirements: 3963-6-2, 3963-6.2-3, 3963-6.2-7
func TestRFC3963_6_2_ExplicitMode(t *testing.T) {
	b := newBed(t, fleet())
	part := netip.MustParsePrefix("2001:db8:a:7::/64")
	b.enrol(b.bu(1, asRouter("2001:db8:b::/64", part.String(), "2001:db8:b::/64")))
	b.wantPrefixes("two, one of them twice", hoa, part, netB)
	b.step(b.bu(2, asRouter(part.String())))
	if len(b.asked) != 1 {
		t.Fatal("the kernel is not told of fewer prefixes")
	}
	b.done(nil)
	b.wantPrefixes("one", hoa, part)
}

// RFC 3963 §6.2, §6.6: the statuses of refusals, and that nothing is bound.
//
// Requirements: 3963-6.1.2-1, 3963-6.1.2-2, 3963-6.2-1, 3963-6.2-4, 3963-6.2-5, 3963-6.2-8, 3963-9-4
func TestRFC3963_6_6_Refusals(t *testing.T) {
	for _, c := range []struct {
		what   string
		status mh.Status
		change []func(*update)
	}{
		{"H clear", mh.StatusRouterNotPermitted, []func(*update){asRouter(), func(u *update) { u.bu.Home = false }}},
		{"no mobile router", mh.StatusRouterNotPermitted, []func(*update){home(hoa2.Next()), asRouter()}},
		{"another's prefix", mh.StatusPrefixNotAuthorized, []func(*update){home(hoa2), asRouter(netB.String())}},
		{"wider than its own", mh.StatusPrefixNotAuthorized, []func(*update){asRouter("2001:db8:a::/47")}},
		{"one of two is another's", mh.StatusPrefixNotAuthorized, []func(*update){asRouter(netB.String(), "2001:db8:c::/64")}},
		{"the home link's", mh.StatusInvalidPrefix, []func(*update){asRouter("2001:db8:1::/64")}},
		{"a group's", mh.StatusInvalidPrefix, []func(*update){asRouter("ff0e::/64")}},
		{"everything", mh.StatusInvalidPrefix, []func(*update){asRouter("::/0")}},
		{"link-local", mh.StatusInvalidPrefix, []func(*update){asRouter("fe80::/64")}},
		{"behind itself", mh.StatusReasonUnspecified, []func(*update){asRouter(), from(netA.Addr().Next())}},
	} {
		b := newBed(t, fleet())
		if a := b.enrol(b.bu(1, c.change...)); a.ba.Status != c.status || a.ba.Router {
			t.Errorf("%s: status %d, R %v; want %d", c.what, a.ba.Status, a.ba.Router, c.status)
		}
		if n := len(b.m.Bindings()); n != 0 {
			t.Errorf("%s: %d bindings", c.what, n)
		}
	}
}

// RFC 3963 §6.2: the type of a registration stays, but for its end.
//
// Requirements: 3963-6.2-2, 3963-6.2-2b, 3963-6.7-1
func TestRFC3963_6_2_TheRouterFlagDoesNotChange(t *testing.T) {
	b := newBed(t, fleet())
	b.enrol(b.bu(1, asRouter()))
	if a := b.enrol(b.bu(2)); a.ba.Status != mh.StatusRegistrationTypeChange {
		t.Errorf("a router becomes a host: status %d", a.ba.Status)
	}
	b.wantPrefixes("still", hoa, netA, netB)
	// §6.7: options in it are ignored as well.
	if a := b.enrol(b.bu(3, deregister, func(u *update) { asRouter("2001:db8:c::/64")(u); u.bu.Router = false })); a.ba.Status != 0 {
		t.Errorf("de-registration: status %d", a.ba.Status)
	}
	if len(b.m.Bindings()) != 0 {
		t.Error("still bound")
	}
	b.enrol(b.bu(4))
	if a := b.enrol(b.bu(5, asRouter())); a.ba.Status != mh.StatusRegistrationTypeChange {
		t.Errorf("a host becomes a router: status %d", a.ba.Status)
	}
}

// RFC 3963 §6.2: all prefixes, or none.
//
// Requirements: 3963-6.2-4, 3963-6.2-8
func TestRFC3963_6_2_NoForwardingInPart(t *testing.T) {
	for _, c := range []struct {
		prefixes []string
		status   mh.Status
	}{{nil, mh.StatusForwardingSetupFailed}, {[]string{netB.String()}, mh.StatusInvalidPrefix}} {
		b := newBed(t, fleet())
		b.step(b.bu(1, asRouter(c.prefixes...)))
		b.dad(false)
		got := b.done(errors.New("no buffer space"))
		expect(t, "undone", got[:1], "clear 2001:db8:1::100")
		if a := b.lastAck(); a.ba.Status != c.status {
			t.Errorf("status %d, want %d", a.ba.Status, c.status)
		}
	}
}

// A mobile router below another, and none below itself.
func TestNestedMobileRouters(t *testing.T) {
	p := fleet()
	netC := netip.MustParsePrefix("2001:db8:c::/64")
	p.MobileNodes[1].Prefixes = []netip.Prefix{netC}
	b := newBed(t, p)
	b.enrol(b.bu(1, asRouter()))
	inside := netB.Addr().Next()
	if a := b.enrol(b.bu(1, home(hoa2), asRouter(), from(inside))); a.ba.Status != 0 {
		t.Fatalf("below another: status %d", a.ba.Status)
	}
	b.enrol(b.bu(1, home(hoa2.Next()), from(netC.Addr().Next())))
	for home, want := range map[netip.Addr]int{hoa: 0, hoa2: 1, hoa2.Next(): 2} {
		if got := len(b.m.Above(home)); got != want {
			t.Errorf("%s: depth %d, want %d", home, got, want)
		}
	}
	if got := b.m.Above(hoa2.Next()); len(got) != 2 || got[0] != hoa2 || got[1] != hoa {
		t.Errorf("above: %v", got)
	}
	if a := b.enrol(b.bu(2, asRouter(), from(netC.Addr().Next()))); a.ba.Status != mh.StatusReasonUnspecified {
		t.Errorf("round in a circle: status %d", a.ba.Status)
	}
}

// A reload ends what the prefix table no longer has, and leaves the rest alone.
func TestReloadOfThePrefixTable(t *testing.T) {
	b := newBed(t, fleet())
	b.enrol(b.bu(1, asRouter(netB.String())))
	p := fleet()
	p.MobileNodes[0].Prefixes = []netip.Prefix{netB}
	expect(t, "another prefix went", b.step(Reconfigured{Params: p}))
	b.wantPrefixes("kept", hoa, netB)
	p = fleet()
	p.MobileNodes[0].Prefixes = []netip.Prefix{netA}
	expect(t, "its prefix went", b.step(Reconfigured{Params: p}), "clear 2001:db8:1::100")
	if len(b.m.Bindings()) != 0 {
		t.Error("still bound")
	}
}
