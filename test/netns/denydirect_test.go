package netns

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// A home agent that denies one mobile node route optimisation: its traffic goes on by the
// tunnel, another's is optimised. A reload allows it, without touching either binding.
func TestKernelHomeAgentDeniesRouteOptimisation(t *testing.T) {
	homeAgent := daemon.HomeAgentOfTwo()
	allowed := homeAgent.Text
	policy := fmt.Sprintf("  policies: [{prefix: %s, route_optimization: deny}]\ncorrespondent_node:", topology.HoA)
	homeAgent.Text = strings.Replace(allowed, "correspondent_node:", policy, 1)
	w, _ := newROWorld(t, settings{
		Config: topology.Config{Start: topology.Foreign1}, haConfig: &homeAgent,
		mnConfig: mobileWith("  route_optimization: {retry_after: 10s}"),
	})
	w.registered(t, time.Time{}, 10*time.Second)
	other, err := w.AddHost("mn2", topology.Foreign2, netip.MustParseAddr("2001:db8:f2::77"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"accept_ra": "1", "autoconf": "0", "forwarding": "0"} {
		if err := other.Sysctl("net/ipv6/conf/eth0/"+name, value); err != nil {
			t.Fatal(err)
		}
	}
	wire2, err := capture.Start(other, "eth0", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { wire2.Close() })
	mn2 := daemon.New(t, other, daemon.SecondMobileNode())
	eventually(t, 10*time.Second, func() string { return w.shows(t, mn2, "registered", "show", "bul") })

	denied := w.pingCN(t)
	free := startPing(t, func() (*traffic.Ping, error) {
		return traffic.StartPing(other, daemon.SecondHoA, topology.CNAddr, 10*time.Millisecond)
	})
	if _, err := wire2.Wait(within(t, 15*time.Second), time.Time{}, sent(capture.Direct(daemon.SecondHoA))); err != nil {
		t.Fatalf("the other's packets take no direct path: %v", err)
	}
	w.tunnelOnly(t, 3*time.Second)
	for _, p := range []*traffic.Ping{denied, free} {
		answered(t, p, time.Now(), 2*time.Second)
	}
	if n := len(w.wire.Select(time.Time{}, received(func(p capture.Packet) bool {
		if p.IP == nil || p.IP.Inner == nil {
			return false
		}
		typ, ok := p.IP.Inner.MHType()
		return ok && typ == capture.MHHomeTest
	}))); n > 0 {
		t.Errorf("%d Home Tests came by the tunnel", n)
	}
	eventually(t, 2*time.Second, func() string {
		return w.shows(t, w.ha, "\"no_route_optimization\": true", "show", "bindings", "-o", "json")
	})
	client := w.ha.Client()
	defer client.Close()
	stats, err := client.Stats(t.Context())
	if err != nil || stats.DataPath["tunnel_dropped_home_test"] == 0 {
		t.Errorf("nothing is counted: %+v, %v", stats, err)
	}
	before, err := client.Bindings(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	start := time.Now()
	if err := w.ha.Configure(allowed); err != nil {
		t.Fatal(err)
	}
	if err := w.ha.Reload(); err != nil {
		t.Fatal(err)
	}
	w.direct(t, start, 40*time.Second)
	after, err := client.Bindings(t.Context())
	if err != nil || len(after) != len(before) || len(after) < 2 {
		t.Fatalf("bindings %+v, %v", after, err)
	}
	created := make(map[netip.Addr]time.Time)
	for _, b := range before {
		created[b.HomeAddress] = b.Created
	}
	for _, b := range after {
		if b.HomeAgent.IsValid() && !b.Created.Equal(created[b.HomeAddress]) {
			t.Errorf("%s was created at %v, and before the reload at %v", b.HomeAddress, b.Created, created[b.HomeAddress])
		}
	}
}
