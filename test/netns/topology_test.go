package netns

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// TestKernelTopology shows that the test bed is what its picture says, without
// any daemon: on each link the mobile node hears that link's advertisements,
// the kernel configures an address from them, and the CN answers it.
func TestKernelTopology(t *testing.T) {
	topo := topology.New(t, topology.Config{Unplug: true})
	if err := topo.MN.Sysctl("net/ipv6/conf/eth0/accept_dad", "0"); err != nil {
		t.Fatal(err)
	}
	wire, err := capture.Start(topo.MN, topology.MNInterface, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer wire.Close()
	for _, link := range []topology.Link{topology.Home, topology.Foreign1, topology.Foreign2, topology.Home} {
		// The kernel keeps the last link's default router, first in its list, and
		// address: getting rid of them is the daemon's work.
		if err := topo.Unplug(); err != nil {
			t.Fatal(err)
		}
		for _, flush := range []string{"route flush proto ra", "addr flush dev eth0 scope global"} {
			if _, err := topo.MN.Run(t.Context(), "ip", append([]string{"-6"}, strings.Fields(flush)...)...); err != nil {
				t.Fatal(err)
			}
		}
		up, err := topo.Move(link)
		if err != nil {
			t.Fatal(err)
		}
		ra, err := wire.Wait(within(t, 2*time.Second), up, capture.ICMP(capture.ICMPRouterAdvertisement))
		if err != nil {
			t.Fatalf("on %s: %v", link, err)
		}
		homeAgent := ra.IP.Payload[5]&0x20 != 0
		if homeAgent != (link == topology.Home) {
			t.Errorf("on %s: H flag %v", link, homeAgent)
		}
		if ra.IP.HopLimit != 255 || !ra.IP.Src.IsLinkLocalUnicast() {
			t.Errorf("on %s: advertisement from %s with hop limit %d", link, ra.IP.Src, ra.IP.HopLimit)
		}
		addr := autoconfigured(link)
		p, err := traffic.StartPing(topo.MN, addr, topology.CNAddr, 20*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		probes := p.Stop(100 * time.Millisecond)
		g := traffic.Measure(probes, up, time.Now(), up)
		if g.FirstReply.IsZero() || g.Lost > g.Sent/2 {
			routes, _ := topo.MN.Run(t.Context(), "ip", "-6", "route")
			t.Errorf("on %s: %d of %d pings from %s to the CN lost; routes:\n%s", link, g.Lost, g.Sent, addr, routes)
		}
	}
}

// autoconfigured is the mobile node's EUI-64 address on a link.
func autoconfigured(link topology.Link) netip.Addr {
	a := link.Prefix().Addr().As16()
	copy(a[8:], []byte{0, 0, 0, 0xff, 0xfe, 0, 0, 0x11}) // of 02:00:00:00:00:11
	return netip.AddrFrom16(a)
}

// TestKernelImpairment shows that a link's delay and loss are those asked for.
func TestKernelImpairment(t *testing.T) {
	topo := topology.New(t, topology.Config{
		Start:  topology.Foreign1,
		Impair: map[topology.Link]topology.Impairment{topology.Foreign1: {Delay: 30 * time.Millisecond}},
	})
	ping := func() (medianRTT time.Duration, g traffic.Gap) {
		start := time.Now()
		host, err := traffic.StartPing(topo.CN, topology.CNAddr, hostOnForeign1, 10*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		probes := host.Stop(200 * time.Millisecond)
		var rtts []time.Duration
		for _, p := range probes {
			if !p.Replied.IsZero() {
				rtts = append(rtts, p.Replied.Sub(p.Sent))
			}
		}
		if len(rtts) == 0 {
			t.Fatal("no reply at all")
		}
		slices.Sort(rtts)
		return rtts[len(rtts)/2], traffic.Measure(probes, start, time.Now(), start)
	}
	if _, err := topo.AddHost("host", topology.Foreign1, hostOnForeign1); err != nil {
		t.Fatal(err)
	}
	if rtt, g := ping(); rtt < 60*time.Millisecond || rtt > 100*time.Millisecond || g.Lost > g.Sent/5 {
		t.Errorf("30 ms each way: median round trip %v, %d of %d lost", rtt, g.Lost, g.Sent)
	}
	if err := topo.Impair(topology.Foreign1, topology.Impairment{Loss: 30}); err != nil {
		t.Fatal(err)
	}
	// Both directions lose 30 %: half of the round trips survive.
	if rtt, g := ping(); rtt > 30*time.Millisecond || g.Lost < g.Sent*3/10 || g.Lost > g.Sent*7/10 {
		t.Errorf("30 %% loss each way: median round trip %v, %d of %d lost", rtt, g.Lost, g.Sent)
	}
}

var hostOnForeign1 = netip.MustParseAddr("2001:db8:f1::77")

// TestKernelTransferVerifiesItsBytes has the transfer run and checks that it
// counts, and that it fails when the connection breaks.
func TestKernelTransferVerifiesItsBytes(t *testing.T) {
	topo := topology.New(t, topology.Config{Unplug: true})
	tr, err := traffic.StartTransfer(within(t, 5*time.Second), topo.HA, topology.HACoreAddr, topo.CN, topology.CNAddr)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	n, err := tr.Stop(2 * time.Second)
	if err != nil || n < 20_000 {
		t.Errorf("%d bytes verified in a second, %v", n, err)
	}
	tr, err = traffic.StartTransfer(within(t, 5*time.Second), topo.HA, topology.HACoreAddr, topo.CN, topology.CNAddr)
	if err != nil {
		t.Fatal(err)
	}
	if err := topo.HA.SetUp(topology.HACoreInterface, false); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Stop(time.Second); err == nil {
		t.Error("a broken connection was called complete")
	}
}
