package netns

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/internal/icmp6"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// TestKernelMobileRouterAmongOthers: what a mobile router is to its visited link, to
// its own network, and to its home agent's routing table.
func TestKernelMobileRouterAmongOthers(t *testing.T) {
	w, host, addr := newRouterWorld(t, "explicit")
	ping := startPing(t, func() (*traffic.Ping, error) {
		return traffic.StartPing(w.CN, topology.CNAddr, addr, 10*time.Millisecond)
	})
	answered(t, ping, time.Now(), 5*time.Second)
	coa := w.careOf(t, time.Time{})
	routes := func() string {
		t.Helper()
		out, err := w.HA.Run(t.Context(), "ip", "-6", "route", "show", "table", "all", daemon.MobileNetwork.String())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}

	// Requirements: 3963-9-3, 3963-6.4-1, 3963-6.5-1, 3963-6.5-2
	t.Run("the tunnel", func(t *testing.T) {
		inside := func(p capture.Packet) bool {
			return p.IP.Inner != nil && (p.IP.Inner.Src == addr || p.IP.Inner.Dst == addr)
		}
		time.Sleep(500 * time.Millisecond)
		got := w.wire.Select(time.Time{}, inside)
		if len(got) < 10 {
			t.Fatalf("%d packets", len(got))
		}
		for _, p := range got {
			if p.Out && (p.IP.Src != coa || p.IP.Dst != topology.HAAddr) || !p.Out && (p.IP.Src != topology.HAAddr || p.IP.Dst != coa) {
				t.Fatalf("out %v: %s → %s", p.Out, p.IP.Src, p.IP.Dst)
			}
		}
		if out := routes(); !strings.Contains(out, "dev mip6t") {
			t.Errorf("the home agent's route is %q", out)
		}
	})

	// Requirements: 3963-5.6-2, 3963-5.6-3
	t.Run("the visited link", func(t *testing.T) {
		attacker, err := w.AddHost("neighbour", topology.Foreign1, hostOnForeign1)
		if err != nil {
			t.Fatal(err)
		}
		settled(t, attacker, hostOnForeign1, topology.Foreign1.Router())
		l := newLab(t, attacker, "eth0", mnLinkAddr)
		allRouters := netip.MustParseAddr("ff02::2")
		rs := []byte{133, 0, 0, 0, 0, 0, 0, 0}
		icmp6.SetChecksum(rs, hostOnForeign1, allRouters)
		for _, to := range []string{mnLinkAddr, "33:33:00:00:00:02"} {
			packet := capture.IPv6Packet(netip.MustParseAddr("fe80::77"), allRouters, capture.ProtoICMPv6, rs)
			icmp6.SetChecksum(packet[40:], netip.MustParseAddr("fe80::77"), allRouters)
			packet[7] = 255
			if err := capture.Inject(attacker, "eth0", capture.EthernetFrame(to, packet)); err != nil {
				t.Fatal(err)
			}
		}
		ns := append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, coa.AsSlice()...)
		ns = append(ns, 1, 1, 2, 0, 0, 0, 0xee, 1)
		icmp6.SetChecksum(ns, hostOnForeign1, coa)
		packet := capture.IPv6Packet(hostOnForeign1, coa, capture.ProtoICMPv6, ns)
		packet[7] = 255
		since := time.Now()
		l.inject(packet)
		na := func(p capture.Packet) bool {
			return capture.ICMP(capture.ICMPNeighborAdvertisement)(p) && p.IP.Dst == hostOnForeign1
		}
		if _, err := w.wire.Wait(within(t, 3*time.Second), since, sent(na)); err != nil {
			t.Error(err)
		}
		time.Sleep(500 * time.Millisecond) // MAX_RA_DELAY_TIME of RFC 4861
		if n := len(w.wire.Select(time.Time{}, sent(capture.ICMP(capture.ICMPRouterAdvertisement)))); n != 0 {
			t.Errorf("%d router advertisements from the mobile router", n)
		}
	})

	// What hosts behind it forge does not get into the tunnel, nor passes for the tunnel.
	//
	// Requirements: 3963-9-2, 3963-9-2b
	t.Run("forged from behind", func(t *testing.T) {
		inside, err := w.MN.Link(topology.MobileInterface)
		if err != nil {
			t.Fatal(err)
		}
		udp := []byte{0, 7, 0, 9, 0, 8, 0, 0}
		plain := func(src netip.Addr) []byte { return capture.IPv6Packet(src, topology.CNAddr, unix.IPPROTO_UDP, udp) }
		stranger := netip.MustParseAddr("2001:db8:9::9")
		isUDP := func(p *capture.IPv6) bool { return p != nil && p.Proto == unix.IPPROTO_UDP }
		for _, c := range []struct {
			what   string
			packet []byte
			passes bool // in the tunnel
		}{
			{"its own address", plain(addr), true},
			{"the router's home address", plain(topology.HoA), false},
			{"the router's care-of address", plain(coa), false},
			{"an address from elsewhere", plain(stranger), false},
			{"a tunnel that ends at the router", capture.IPv6Packet(addr, coa, unix.IPPROTO_IPV6, plain(topology.HoA)), false},
			{"a tunnel of its own making", capture.IPv6Packet(coa, topology.HAAddr, unix.IPPROTO_IPV6, plain(topology.HoA)), false},
		} {
			since := time.Now()
			if err := capture.Inject(host, "eth0", capture.EthernetFrame(inside.Attrs().HardwareAddr.String(), c.packet)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(500 * time.Millisecond)
			tunnelled := w.wire.Select(since, sent(func(p capture.Packet) bool { return p.IP != nil && isUDP(p.IP.Inner) }))
			if (len(tunnelled) > 0) != c.passes {
				t.Errorf("from %s: %d packets in the tunnel", c.what, len(tunnelled))
			}
			ours := w.wire.Select(since, sent(func(p capture.Packet) bool {
				return p.IP != nil && isUDP(p.IP) && (p.IP.Src == coa || p.IP.Src == topology.HoA)
			}))
			if len(ours) > 0 {
				t.Errorf("from %s: %d packets left as the router's own", c.what, len(ours))
			}
		}
	})

	// Requirements: 3963-6.7-2
	t.Run("after the return", func(t *testing.T) {
		up, err := w.Move(topology.Home)
		if err != nil {
			t.Fatal(err)
		}
		w.registered(t, up, 10*time.Second)
		if out := routes(); strings.Contains(out, "mip6t") {
			t.Errorf("the home agent has still %q", out)
		}
	})
}
