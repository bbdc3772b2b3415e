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

// The picture's IPv4 side: the core, and addresses behind the home agent.
var (
	homeNet4 = netip.MustParsePrefix("192.0.2.0/24")
	hoa4     = netip.MustParseAddr("192.0.2.100")
	haHome4  = netip.MustParseAddr("192.0.2.1")
	haCore4  = netip.MustParseAddr("198.51.100.1")
	router4  = netip.MustParseAddr("198.51.100.254")
	cn4      = netip.MustParseAddr("203.0.113.2")
	routerC4 = netip.MustParseAddr("203.0.113.1")
)

// withIPv4 gives home agent, router and correspondent node IPv4 addresses. The links
// that the mobile node visits have none.
func withIPv4(t *testing.T) func(*topology.Topology) {
	return func(topo *topology.Topology) {
		t.Helper()
		for _, err := range []error{
			topo.Router.Sysctl("net/ipv4/ip_forward", "1"),
			topo.HA.AddAddress(topology.HAHomeInterface, netip.PrefixFrom(haHome4, 24)),
			topo.HA.AddAddress(topology.HACoreInterface, netip.PrefixFrom(haCore4, 24)),
			topo.Router.AddAddress("ha", netip.PrefixFrom(router4, 24)),
			topo.Router.AddAddress("cn", netip.PrefixFrom(routerC4, 24)),
			topo.CN.AddAddress(topology.CNInterface, netip.PrefixFrom(cn4, 24)),
			topo.HA.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), router4),
			topo.Router.AddRoute(homeNet4, haCore4),
			topo.CN.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), routerC4),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// newIPv4World is a world whose mobile node asks for an IPv4 home address.
func newIPv4World(t *testing.T, ask, agent string) *world {
	ha, mn := daemon.HomeAgent(), daemon.MobileNode()
	ha.Text += agent
	mn.Text = strings.Replace(mn.Text, "      auth:", "      ipv4_home_address: "+ask+"\n      auth:", 1)
	return newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, haConfig: &ha, mnConfig: &mn, before: withIPv4(t)})
}

// agentOf4 has the home agent give the picture's mobile node an IPv4 home address.
const agentOf4 = "      ipv4_home_address: 192.0.2.100\n"

func (w *world) ping4(t *testing.T) (toMN, toCN *traffic.Ping) {
	t.Helper()
	return startPing(t, func() (*traffic.Ping, error) { return traffic.StartPing(w.CN, cn4, hoa4, 10*time.Millisecond) }),
		startPing(t, func() (*traffic.Ping, error) { return traffic.StartPing(w.MN, hoa4, cn4, 10*time.Millisecond) })
}

// RFC 5555 §4.4.3, §4.5.1: IPv4 packets of the mobile node travel in the IPv6 tunnel
// both ways, on links that have no IPv4 at all, and a connection outlives moves.
func TestKernelRFC5555_IPv4GoesThroughTheTunnel(t *testing.T) {
	start := time.Now()
	w := newIPv4World(t, "192.0.2.100", agentOf4)
	w.registered(t, start, 10*time.Second)
	toMN, toCN := w.ping4(t)
	answered(t, toMN, time.Now(), 5*time.Second)
	answered(t, toCN, time.Now(), 5*time.Second)
	host, err := w.AddHost("neighbour", topology.Home, netip.MustParseAddr("2001:db8:1::77"))
	if err != nil {
		t.Fatal(err)
	}
	if err := host.AddAddress("eth0", netip.MustParsePrefix("192.0.2.77/24")); err != nil {
		t.Fatal(err)
	}
	answered(t, startPing(t, func() (*traffic.Ping, error) { // by the home agent's ARP (§4.5)
		return traffic.StartPing(host, netip.MustParseAddr("192.0.2.77"), hoa4, 20*time.Millisecond)
	}), time.Now(), 5*time.Second)
	tcp, err := traffic.StartTransfer(within(t, time.Minute), w.MN, netip.IPv4Unspecified(), w.CN, cn4)
	if err != nil {
		t.Fatal(err) // without a source address: the default route has one
	}
	for _, to := range []topology.Link{topology.Foreign2, topology.Foreign1} {
		since, err := w.Move(to)
		if err != nil {
			t.Fatal(err)
		}
		answered(t, toMN, since, 10*time.Second)
		answered(t, toCN, since, 10*time.Second)
	}
	if n, err := tcp.Stop(20 * time.Second); err != nil || n == 0 {
		t.Errorf("TCP: %d octets, %v", n, err)
	}
	inside := func(p capture.Packet) bool {
		return p.IP != nil && p.IP.Proto == 4 && (p.IP.Src == topology.HAAddr || p.IP.Dst == topology.HAAddr)
	}
	if n := len(w.wire.Select(start, inside)); n < 20 {
		t.Errorf("%d packets with IPv4 inside were seen", n)
	}
	bare := func(p capture.Packet) bool {
		return len(p.Frame) > 30 && p.Frame[12] == 8 && p.Frame[13] == 0 // ETH_P_IP
	}
	if list := w.wire.Select(start, sent(bare)); len(list) != 0 {
		t.Errorf("%d IPv4 packets left untunnelled, first %x", len(list), list[0].Frame)
	}
	w.noLeak(t, start)
	for _, d := range []*daemon.Daemon{w.ha, w.mn} {
		verb := map[*daemon.Daemon]string{w.ha: "bindings", w.mn: "bul"}[d]
		if wrong := w.shows(t, d, "192.0.2.100", "show", verb); wrong != "" {
			t.Error(wrong)
		}
	}

	// At home there is no IPv4 home address (§4.4.4), and the home agent lets go.
	if _, err := w.Move(topology.Home); err != nil {
		t.Fatal(err)
	}
	eventually(t, 15*time.Second, func() string { return w.shows(t, w.ha, "No bindings.", "show", "bindings") })
	silent(t, toMN, time.Second)
	for n, args := range map[string][]string{
		"rules": {"ip", "-4", "rule", "show"}, "addresses": {"ip", "-4", "addr", "show", "scope", "global"},
	} {
		out, err := w.MN.Run(t.Context(), args[0], args[1:]...)
		if err != nil || strings.Contains(out, "192.0.2.100") || strings.Contains(out, "0.0.0.0") {
			t.Errorf("%s at home: %v\n%s", n, err, out)
		}
	}
}

// RFC 5555 §2.5: the home agent assigns an address, which stays the mobile node's.
func TestKernelRFC5555_2_5_AssignedAddress(t *testing.T) {
	start := time.Now()
	w := newIPv4World(t, "dynamic", "  ipv4_pool: [192.0.2.100/32]\n")
	w.registered(t, start, 10*time.Second)
	toMN, _ := w.ping4(t)
	answered(t, toMN, time.Now(), 5*time.Second)
	if err := w.mn.Stop(); err != nil {
		t.Fatal(err)
	}
	since := time.Now()
	if err := w.mn.Start(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	w.registered(t, since, 10*time.Second)
	answered(t, toMN, time.Now(), 5*time.Second)
}

// A home agent that has no IPv4 home address for a mobile node says so, and serves it
// as before; one that is reconfigured takes it away.
func TestKernelRFC5555_4_5_RefusedIPv4HomeAddress(t *testing.T) {
	start := time.Now()
	w := newIPv4World(t, "192.0.2.100", agentOf4)
	w.registered(t, start, 10*time.Second)
	toMN, _ := w.ping4(t)
	answered(t, toMN, time.Now(), 5*time.Second)
	if err := w.ha.Configure(daemon.HomeAgent().Text); err != nil {
		t.Fatal(err)
	}
	if err := w.ha.Reload(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, func() string {
		if w.shows(t, w.ha, "192.0.2.100", "show", "bindings") == "" {
			return "the home agent still has it"
		}
		return ""
	})
	silent(t, toMN, time.Second)
	if _, err := w.Move(topology.Foreign2); err != nil {
		t.Fatal(err)
	}
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Now(), 10*time.Second)
	eventually(t, 5*time.Second, func() string {
		return w.shows(t, w.mn, "none: incorrect IPv4 home address", "show", "bul")
	})
	if out, err := w.MN.Run(t.Context(), "ip", "-4", "rule", "show"); err != nil || strings.Contains(out, "192.0.2.100") {
		t.Errorf("%v\n%s", err, out)
	}
	if out := fmt.Sprint(w.mn.Log()); !strings.Contains(out, "no IPv4 home address") {
		t.Error("the log says nothing")
	}
}
