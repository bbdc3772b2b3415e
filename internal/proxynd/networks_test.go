package proxynd

import (
	"net/netip"
	"testing"
)

func TestMobileNetworksAreAnsweredFor(t *testing.T) {
	wide, within := netip.MustParsePrefix("2001:db8:1:a000::/52"), netip.MustParsePrefix("2001:db8:1:a005::/64")
	inWide, inWithin := netip.MustParseAddr("2001:db8:1:a000::7"), netip.MustParseAddr("2001:db8:1:a005::7")
	r := testResponder()
	answers := func(target netip.Addr) bool {
		m := message{solicit: true, src: host, from: hostMAC, target: target}
		answer := r.respond(m)
		if answer != nil && answer[bodyAt+4]&flagRouter != 0 {
			t.Errorf("%s is said to be a router", target)
		}
		return answer != nil
	}
	want := func(what string, wide, within bool) {
		t.Helper()
		if answers(inWide) != wide || answers(inWithin) != within {
			t.Errorf("%s: answered for %v %v, want %v %v", what, answers(inWide), answers(inWithin), wide, within)
		}
	}
	want("nothing", false, false)
	r.nets.set(router, []netip.Prefix{wide})
	want("wide", true, true)
	r.nets.set(hoa, []netip.Prefix{within})
	r.nets.set(router, nil)
	want("within", false, true)
	r.nets.set(router, []netip.Prefix{within})
	r.nets.set(hoa, []netip.Prefix{wide})
	want("exchanged", true, true)
	r.nets.set(hoa, nil)
	want("within again", false, true)
	r.nets.set(router, nil)
	want("nothing again", false, false)
	if len(r.nets.of)+len(r.nets.count) != 0 || r.nets.lengths != [129]int{} {
		t.Errorf("left: %+v", r.nets)
	}
}
