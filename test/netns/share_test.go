package netns

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/radv"
	"mip6d/test/netns/topology"
)

// farPrefix is where the correspondent node has all addresses.
var farPrefix = netip.MustParsePrefix("2001:db8:cc::/64")

// secondRouter puts another router on foreign1, which advertises the same prefix, and
// returns a function that switches it on or off. What it forwards goes on by the first.
func secondRouter(t *testing.T, w *world) (power func(on bool)) {
	t.Helper()
	r, err := w.AddHost("router2", topology.Foreign1, netip.MustParseAddr("2001:db8:f1::2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Sysctl("net/ipv6/conf/all/forwarding", "1"); err != nil {
		t.Fatal(err)
	}
	var ra *radv.Advertiser
	power = func(on bool) {
		t.Helper()
		var err error
		if on {
			if err := r.SetUp("eth0", true); err != nil {
				t.Fatal(err)
			}
			if err := r.AddAddress("eth0", netip.MustParsePrefix("2001:db8:f1::2/64")); err != nil && !strings.Contains(err.Error(), "exists") {
				t.Fatal(err)
			}
			if out, err := r.Run(t.Context(), "ip", "-6", "route", "replace", "default", "via", topology.Foreign1.Router().String()); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			ra, err = radv.Start(r, "eth0", w.RA[topology.Foreign1].Config())
		} else {
			err = ra.Close()
			ra = nil
			if err := r.SetUp("eth0", false); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if ra != nil {
			power(false)
		}
	})
	return power
}

// asked pings many destinations, and returns how many answer, and by which routers'
// link-layer addresses the mobile node sent.
func (w *world) asked(t *testing.T, n int) (answers int, by map[string]int) {
	t.Helper()
	since := time.Now()
	addr := farPrefix.Addr().As16()
	for i := 1; i <= n; i++ {
		addr[15] = byte(i)
		if _, err := w.MN.Run(t.Context(), "ping", "-6", "-c", "1", "-W", "1", netip.AddrFrom16(addr).String()); err == nil {
			answers++
		}
	}
	by = make(map[string]int)
	for _, p := range w.wire.Select(since, sent(func(p capture.Packet) bool { return p.IP != nil && farPrefix.Contains(p.IP.Dst) })) {
		by[net.HardwareAddr(p.Frame[:6]).String()]++
	}
	return answers, by
}

// Two default routers with one prefix: destinations are spread over both, and when one
// dies the other gets all; when it comes back they share again (RFC 4311).
func TestKernelRoutersShareLoad(t *testing.T) {
	w := newWorld(t, settings{
		Config:   topology.Config{Start: topology.Foreign1},
		mnConfig: mobileWith("  address_policy: {prefer: care_of}"),
		before: func(topo *topology.Topology) {
			for name, value := range map[string]string{
				"net/ipv6/conf/eth0/accept_redirects":        "0", // the second router knows a shorter way than by itself
				"net/ipv6/neigh/eth0/base_reachable_time_ms": "500",
				"net/ipv6/neigh/eth0/delay_first_probe_time": "1",
				"net/ipv6/neigh/eth0/retrans_time_ms":        "200",
			} {
				if err := topo.MN.Sysctl(name, value); err != nil {
					t.Fatal(err)
				}
			}
			if err := topo.Router.AddRoute(farPrefix, topology.CNAddr); err != nil {
				t.Fatal(err)
			}
			if out, err := topo.CN.Run(t.Context(), "ip", "-6", "route", "add", "local", farPrefix.String(), "dev", "lo"); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		},
	})
	w.registered(t, time.Time{}, 10*time.Second)
	const destinations = 24
	ask := func(want func(routers int) bool) func() string {
		return func() string {
			answers, by := w.asked(t, destinations)
			if answers == destinations && want(len(by)) {
				t.Logf("all answer, by %v", by)
				return ""
			}
			return fmt.Sprintf("%d of %d answer, by %v", answers, destinations, by)
		}
	}
	one, two := func(n int) bool { return n == 1 }, func(n int) bool { return n == 2 }
	eventually(t, 10*time.Second, ask(one))
	power := secondRouter(t, w)
	power(true)
	eventually(t, 20*time.Second, ask(two))
	eventually(t, 5*time.Second, func() string { return w.shows(t, w.mn, "(shares load)", "show", "interfaces") })
	power(false)
	eventually(t, 40*time.Second, ask(one))
	eventually(t, 5*time.Second, func() string {
		if w.shows(t, w.mn, "(shares load)", "show", "interfaces") == "" {
			return "still shown to share load"
		}
		return ""
	})
	power(true)
	eventually(t, 20*time.Second, ask(two))

	w.mn.Kill()
	if err := w.mn.Cleanup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out, err := w.MN.Run(t.Context(), "ip", "-6", "route", "show", "table", "all", "proto", "75"); err != nil || out != "" {
		t.Errorf("left after --cleanup (%v):\n%s", err, out)
	}
}
