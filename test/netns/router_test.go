package netns

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/radv"
	"mip6d/test/netns/topology"
)

// A second router on the link, with a prefix of its own, is no reason to move;
// the first one's silence is (RFC 6275 §11.5.1).
func TestKernelRouterDisappears(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	first := w.RA[topology.Foreign1]
	cfg := first.Config()
	cfg.AdvertiseInterval = true
	first.Set(cfg)
	w.registered(t, time.Time{}, 10*time.Second)
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 5*time.Second)

	second := netip.MustParsePrefix("2001:db8:f4::/64")
	inside := netip.MustParseAddr("2001:db8:f1::2")
	router2, err := w.AddHost("router2", topology.Foreign1, inside)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		router2.Sysctl("net/ipv6/conf/all/forwarding", "1"),
		router2.AddAddress("eth0", netip.MustParsePrefix("2001:db8:f4::1/64")),
		w.Router.AddRoute(second, inside),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cfg.Prefixes = []radv.Prefix{{Prefix: second, OnLink: true, Autonomous: true, Valid: 86400, Preferred: 14400}}
	ra, err := radv.Start(router2, "eth0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := ra.Close(); err != nil {
			t.Error(err)
		}
	}()
	fromSecond := func(p capture.Packet) bool {
		return capture.MH(capture.MHBindingUpdate)(p) && second.Contains(p.IP.Src)
	}
	if p, err := w.wire.Wait(within(t, 2*time.Second), time.Time{}, sent(fromSecond)); err == nil {
		t.Fatalf("a second router alone made the mobile node move: %+v", p)
	}

	silent := time.Now()
	first.Pause(true)
	if _, err := w.wire.Wait(within(t, 15*time.Second), silent, sent(fromSecond)); err != nil {
		t.Fatalf("the first router's silence did not make the mobile node move: %v", err)
	}
	answered(t, fromCN, silent.Add(time.Second), 5*time.Second)
	w.noLeak(t, time.Time{})
}
