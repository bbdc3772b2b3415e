package mn

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var (
	net1 = netip.MustParsePrefix("2001:db8:cafe::/56")
	net2 = netip.MustParsePrefix("2001:db8:beef:1::/64")
)

func routerParams(implicit bool) Params {
	p := defaultParams()
	p.Homes[0].Network = &Network{Prefixes: []netip.Prefix{net1, net2}, Implicit: implicit}
	return p
}

// named are the prefixes in a Binding Update.
func (s sentBU) named() (list []netip.Prefix) {
	for _, o := range s.bu.Options {
		if n, ok := o.(mh.MobileNetworkPrefix); ok {
			list = append(list, netip.PrefixFrom(n.Prefix, int(n.Length)))
		}
	}
	return list
}

// RFC 3963 §5.2: R and H are set; in explicit mode all Binding Updates have the
// prefixes, those that refresh, too.
//
// Requirements: 3963-5.2-1, 3963-5.2-2, 3963-5.2-3, 3963-5.2-4
func TestRFC3963_5_2_BindingUpdatesOfAMobileRouter(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		b := awayAt(t, routerParams(implicit))
		b.wait(400 * time.Second)
		if len(b.bus) < 2 {
			t.Fatalf("%d Binding Updates", len(b.bus))
		}
		want := []netip.Prefix{net1, net2}
		if implicit {
			want = nil
		}
		for i, s := range b.bus {
			if !s.bu.Router || !s.bu.Home || !slices.Equal(s.named(), want) {
				t.Errorf("implicit %v, update %d: R %v, H %v, prefixes %v", implicit, i, s.bu.Router, s.bu.Home, s.named())
			}
		}
	}
	if s := awayAt(t, defaultParams()).lastBU(); s.bu.Router {
		t.Error("a mobile host sets the R flag")
	}
}

// RFC 3963 §5.8: a de-registration names no prefixes, and the network stays with
// the home address.
//
// Requirements: 3963-5.8-1, 3963-5.8-3
func TestRFC3963_5_8_ReturningHome(t *testing.T) {
	b := awayAt(t, routerParams(false))
	if got := b.path(); got.Mode != role.PathTunnelled || !slices.Equal(got.MobilePrefixes, []netip.Prefix{net1, net2}) {
		t.Errorf("away: %+v", got)
	}
	b.move(homeRA(eth))
	s := b.lastBU()
	if s.bu.Lifetime != 0 || len(s.named()) != 0 {
		t.Errorf("de-registration: lifetime %v, prefixes %v", s.bu.Lifetime, s.named())
	}
	b.ack(mh.StatusAccepted)
	if got := b.path(); got.Mode != role.PathHome || len(got.MobilePrefixes) != 2 {
		t.Errorf("at home: %+v", got)
	}
}

// RFC 3963 §5.3: a home agent that doesn't set the R flag doesn't forward; it is
// asked to let go, and no packet is tunnelled to it.
//
// Requirements: 3963-5.3-1
func TestRFC3963_5_3_AHomeAgentWithoutMobileRouters(t *testing.T) {
	b := started(t, routerParams(false))
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusAccepted, func(ba *mh.BindingAcknowledgement) { ba.Router = false })
	if s := b.lastBU(); len(b.bus) != 2 || s.bu.Lifetime != 0 {
		t.Fatalf("%d Binding Updates, the last of lifetime %v; want a de-registration", len(b.bus), s.bu.Lifetime)
	}
	if got := b.path().Mode; got != role.PathBlocked {
		t.Errorf("path %v", got)
	}
	b.ack(mh.StatusAccepted)
	b.wait(time.Minute)
	if len(b.bus) != 2 {
		t.Errorf("%d Binding Updates after a minute", len(b.bus))
	}
}

// RFC 3963 §5.4: the refusals of mobile routers are no passing trouble.
func TestRFC3963_5_4_Refusals(t *testing.T) {
	for _, status := range []mh.Status{140, 141, 142, 143} {
		b := started(t, routerParams(status == 143))
		b.step(up(eth))
		b.step(ra(eth, routerA, netA))
		b.ack(status)
		b.wait(time.Minute)
		if v := b.m.Bindings(b.now)[0]; len(b.bus) != 1 || v.Registered || b.path().Mode != role.PathBlocked {
			t.Errorf("status %d: %d Binding Updates, registered %v, path %v", status, len(b.bus), v.Registered, b.path().Mode)
		}
	}
}

// Our own router's advertisements lead nowhere.
func TestNoCareOfAddressFromANetworkBehindUs(t *testing.T) {
	b := started(t, routerParams(false))
	b.step(up(eth))
	b.step(ra(eth, routerA, netip.MustParsePrefix("2001:db8:cafe:7::/64")))
	b.wait(10 * time.Second)
	if len(b.bus) != 0 {
		t.Errorf("registered at %v", b.lastBU().coa)
	}
	b.step(ra(eth, routerA2, netA))
	if len(b.bus) == 0 || b.lastBU().coa != coaA {
		t.Error("not registered at the foreign prefix beside it")
	}
}
