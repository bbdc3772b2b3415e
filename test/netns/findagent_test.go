package netns

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/topology"
)

// The home link's router says neither that it is the home agent nor what its link-layer
// address is. The mobile node that comes home asks by its home address, from nowhere, and
// the home agent's defence is the answer (RFC 6275 §11.5.5).
//
// Requirements: 6275-11.5.5-5
func TestKernelHomeAgentIsAskedForByTheHomeAddress(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	ping := w.pingMN(t)
	answered(t, ping, time.Time{}, 5*time.Second)
	ra := w.RA[topology.Home].Config()
	ra.HomeAgent, ra.NoLinkAddr, ra.Prefixes[0].RouterAddress = false, true, netip.Addr{}
	w.RA[topology.Home].Set(ra)
	link, err := w.HA.Link(topology.HAHomeInterface)
	if err != nil {
		t.Fatal(err)
	}
	up, err := w.Move(topology.Home)
	if err != nil {
		t.Fatal(err)
	}
	asks := func(p capture.Packet) bool {
		return capture.ICMP(135)(p) && p.IP.Src.IsUnspecified() && len(p.IP.Payload) == 24 &&
			netip.AddrFrom16([16]byte(p.IP.Payload[8:24])) == topology.HoA
	}
	ns, err := w.wire.Wait(within(t, 10*time.Second), up, sent(asks))
	if err != nil {
		t.Fatalf("no solicitation: %v", err)
	}
	if want := netip.MustParseAddr("ff02::1:ff00:100"); ns.IP.Dst != want || ns.IP.HopLimit != 255 {
		t.Errorf("it went to %s, hop limit %d", ns.IP.Dst, ns.IP.HopLimit)
	}
	bu, err := w.wire.Wait(within(t, 5*time.Second), ns.Time, sent(capture.MH(capture.MHBindingUpdate)))
	if err != nil {
		t.Fatalf("no de-registration: %v", err)
	}
	if bu.IP.Src != topology.HoA || !bytes.Equal(bu.Frame[:6], link.Attrs().HardwareAddr) {
		t.Errorf("it is from %s, to %x; the home agent is %s", bu.IP.Src, bu.Frame[:6], link.Attrs().HardwareAddr)
	}
	if took := bu.Time.Sub(ns.Time); took > time.Second {
		t.Errorf("the answer took %v: it was not waited for", took)
	}
	eventually(t, 10*time.Second, func() string { return w.shows(t, w.mn, "home", "show", "bul") })
	answered(t, ping, bu.Time, 5*time.Second)
}
