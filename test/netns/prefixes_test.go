package netns

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// The home link is renumbered while the mobile node is away: at a reload its home
// agent gives the prefix up and takes another. The mobile node hears of it, forms a
// home address of the new prefix, registers that, and is reached by both.
//
// Requirements: 6275-6.7-1, 6275-6.8-2, 6275-6.8-7, 6275-10.6.2-2, 6275-10.6.2-3, 6275-10.6.3-1, 6275-10.6.3-2, 6275-10.6.3-3, 6275-10.6.3-5, 6275-11.4.2-2, 6275-11.4.3-7
func TestKernelRenumberedHomeLink(t *testing.T) {
	second, moved := netip.MustParsePrefix("2001:db8:9::/64"), netip.MustParseAddr("2001:db8:9::100")
	cfg := daemon.HomeAgent()
	const often = "  prefix_advertisements: {min_interval: 1s, max_interval: 1s}\n"
	renumbered := strings.Replace(cfg.Text, "["+topology.HomePrefix.String()+"]",
		"[{prefix: "+topology.HomePrefix.String()+", preferred_lifetime: 0s, valid_lifetime: 24h}, "+second.String()+"]", 1) +
		"    - home_address: " + moved.String() + "\n      auth: {spi: 256, key_file: $DIR/key}\n" + often
	cfg.Text += often
	w := newWorld(t, settings{
		Config: topology.Config{Start: topology.Foreign1}, haConfig: &cfg,
		before: func(topo *topology.Topology) {
			if err := topo.Router.AddRoute(second, topology.HACoreAddr); err != nil {
				t.Fatal(err)
			}
		},
	})
	w.registered(t, time.Time{}, 10*time.Second)
	ping := w.pingMN(t)
	answered(t, ping, time.Now(), 10*time.Second)

	begin := time.Now()
	if err := w.ha.Configure(renumbered); err != nil {
		t.Fatal(err)
	}
	if err := w.ha.Reload(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, func() string { return w.shows(t, w.ha, moved.String()+" ", "show", "bindings") })
	eventually(t, 10*time.Second, func() string {
		out, err := w.MN.Run(t.Context(), "ip", "-6", "addr", "show", "to", topology.HoA.String())
		if err != nil || !strings.Contains(out, "deprecated") {
			return "the old home address is not deprecated: " + out
		}
		return ""
	})
	another := startPing(t, func() (*traffic.Ping, error) {
		return traffic.StartPing(w.CN, topology.CNAddr, moved, 20*time.Millisecond)
	})
	answered(t, another, time.Now(), 10*time.Second)
	answered(t, ping, time.Now(), 5*time.Second)

	// On the wire: a solicitation with the Home Address option, and its answer.
	asked, err := w.wire.Wait(within(t, time.Second), begin, sent(capture.ICMP(byte(icmp6.TypeMobilePrefixSolicitation))))
	if err != nil {
		t.Fatal(err)
	}
	told, err := w.wire.Wait(within(t, time.Second), asked.Time, received(capture.ICMP(byte(icmp6.TypeMobilePrefixAdvertisement))))
	if err != nil {
		t.Fatal(err)
	}
	if asked.IP.HomeAddress != topology.HoA || asked.IP.Dst != topology.HAAddr {
		t.Errorf("solicitation from %v for %v to %v", asked.IP.Src, asked.IP.HomeAddress, asked.IP.Dst)
	}
	if told.IP.Src != topology.HAAddr || told.IP.Dst != asked.IP.Src || told.IP.RoutingHome != topology.HoA || told.IP.HopLimit > 64 {
		t.Errorf("advertisement from %v to %v for %v, hop limit %d", told.IP.Src, told.IP.Dst, told.IP.RoutingHome, told.IP.HopLimit)
	}
	q, err := icmp6.Parse(asked.IP.Payload)
	if err != nil {
		t.Fatal(err)
	}
	a, err := icmp6.Parse(told.IP.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if q.(*icmp6.MobilePrefixSolicitation).Identifier != a.(*icmp6.MobilePrefixAdvertisement).Identifier || len(a.Base().Options) != 2 {
		t.Errorf("%+v answers %+v", a, q)
	}
	up, err := w.Move(topology.Foreign2) // and on it goes, with both
	if err != nil {
		t.Fatal(err)
	}
	answered(t, another, up, 10*time.Second)
	answered(t, ping, up, 10*time.Second)
}
