package netns

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

const car topology.Link = "car"

// newRouterWorld is the picture whose mobile node is a router, with a host behind
// it. The world knows that the mobile networks are by the home agent.
func newRouterWorld(t testing.TB, mode string) (w *world, host *node.Node, addr netip.Addr) {
	t.Helper()
	homeAgent, router := daemon.HomeAgentOfRouters(), daemon.MobileRouter(mode)
	inside := daemon.Within(daemon.MobileNetwork)
	addr = inside.Addr().Next().Next()
	w = newWorld(t, settings{
		Config: topology.Config{Start: topology.Foreign1}, haConfig: &homeAgent, mnConfig: &router,
		before: func(topo *topology.Topology) {
			for _, n := range []netip.Prefix{daemon.MobileNetwork, daemon.SecondMobileNetwork} {
				if err := topo.Router.AddRoute(n, topology.HACoreAddr); err != nil {
					t.Fatal(err)
				}
			}
			if err := topo.AddNetwork(car, topo.MN, inside); err != nil {
				t.Fatal(err)
			}
			var err error
			if host, err = topo.AddHostBy("host", car, addr, inside.Addr().Next()); err != nil {
				t.Fatal(err)
			}
		},
	})
	w.registered(t, time.Time{}, 10*time.Second)
	return w, host, addr
}

// RFC 3963: a host in a mobile network keeps its connections while the mobile
// router moves, and nothing of the network leaves a foreign link untunnelled.
//
// Requirements: 3963-5.5-1, 3963-5.6-3, 3963-5.6-4, 3963-5.7-1, 3963-6.4-1, 3963-6.5-1
func TestKernelMobileNetworkMoves(t *testing.T) {
	for _, mode := range []string{"explicit", "implicit"} {
		t.Run(mode, func(t *testing.T) {
			w, host, addr := newRouterWorld(t, mode)
			// At home it is a router like any other (docs/nemo.md).
			home, err := w.HA.Link(topology.HAHomeInterface)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.HA.NL.RouteAdd(&netlink.Route{
				Dst: &net.IPNet{IP: daemon.MobileNetwork.Addr().AsSlice(), Mask: net.CIDRMask(daemon.MobileNetwork.Bits(), 128)},
				Gw:  topology.HoA.AsSlice(), LinkIndex: home.Attrs().Index, Priority: 2048,
			}); err != nil {
				t.Fatal(err)
			}
			ping := startPing(t, func() (*traffic.Ping, error) {
				return traffic.StartPing(w.CN, topology.CNAddr, addr, 10*time.Millisecond)
			})
			answered(t, ping, time.Now(), 5*time.Second)
			transfer, err := traffic.StartTransfer(t.Context(), host, addr, w.CN, topology.CNAddr)
			if err != nil {
				t.Fatal(err)
			}
			if wrong := w.shows(t, w.ha, daemon.MobileNetwork.String(), "show", "bindings"); wrong != "" {
				t.Error(wrong)
			}
			for _, to := range []topology.Link{topology.Foreign2, topology.Home, topology.Foreign1} {
				before := transfer.Bytes()
				since, err := w.Move(to)
				if err != nil {
					t.Fatal(err)
				}
				answered(t, ping, since, 10*time.Second)
				eventually(t, 10*time.Second, func() string {
					if transfer.Bytes() > before {
						return ""
					}
					return "the transfer stands still at " + string(to)
				})
				time.Sleep(500 * time.Millisecond)
				switch to {
				case topology.Home:
					continue
				case topology.Foreign1: // from home
					since = w.left(t, since)
				}
				if leaks := w.wire.Select(since, sent(capture.Untunnelled(addr))); len(leaks) > 0 {
					t.Errorf("%s: %d packets of the mobile network left untunnelled", to, len(leaks))
				}
				w.noLeak(t, since)
			}
			if n, err := transfer.Stop(5 * time.Second); err != nil || n == 0 {
				t.Errorf("transfer: %d bytes, %v", n, err)
			}
			// RFC 3963 §5.7: on a visited link it is a host.
			var groups []byte
			if err := w.MN.Do(func() (err error) { groups, err = os.ReadFile("/proc/thread-self/net/igmp6"); return err }); err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(string(groups), "\n") {
				if f := strings.Fields(line); len(f) > 2 && f[1] == topology.MNInterface && f[2] == "ff020000000000000000000000000002" {
					t.Error("the group of all routers is joined on a foreign link")
				}
			}
		})
	}
}

// What is sent to a mobile network and is on none of its links must not go round
// between mobile router and home agent.
func TestKernelNothingGoesRoundInAMobileNetwork(t *testing.T) {
	w, _, _ := newRouterWorld(t, "explicit")
	nowhere := netip.MustParseAddr("2001:db8:cafe:7::1")
	since := time.Now()
	p := startPing(t, func() (*traffic.Ping, error) {
		return traffic.StartPing(w.CN, topology.CNAddr, nowhere, 50*time.Millisecond)
	})
	silent(t, p, time.Second)
	inside := func(out bool) int {
		return len(w.wire.Select(since, func(x capture.Packet) bool {
			return x.Out == out && x.IP != nil && x.IP.Inner != nil && x.IP.Inner.Dst == nowhere
		}))
	}
	if in, out := inside(false), inside(true); in < 5 || out != 0 {
		t.Errorf("%d packets came by the tunnel, %d went back", in, out)
	}
}

// A mobile router in the network of another, with the same home agent: what is for
// it takes both tunnels, and it notices nothing of the outer one's moves.
//
// Requirements: 3963-6.5-1
func TestKernelNestedMobileRouters(t *testing.T) {
	w, _, _ := newRouterWorld(t, "explicit")
	inner, err := w.AddHostBy("mr2", topology.Foreign2, netip.MustParseAddr("2001:db8:f2::77"), topology.Foreign2.Router())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"accept_ra": "1", "autoconf": "0", "forwarding": "0"} {
		if err := inner.Sysctl("net/ipv6/conf/eth0/"+name, value); err != nil {
			t.Fatal(err)
		}
	}
	within2 := daemon.Within(daemon.SecondMobileNetwork)
	if err := w.AddNetwork("bag", inner, within2); err != nil {
		t.Fatal(err)
	}
	addr := within2.Addr().Next().Next()
	if _, err := w.AddHostBy("host2", "bag", addr, within2.Addr().Next()); err != nil {
		t.Fatal(err)
	}
	mr2 := daemon.New(t, inner, daemon.SecondMobileRouter())
	eventually(t, 10*time.Second, func() string { return w.shows(t, mr2, "registered", "show", "bul") })
	pings := []*traffic.Ping{
		startPing(t, func() (*traffic.Ping, error) {
			return traffic.StartPing(w.CN, topology.CNAddr, addr, 10*time.Millisecond)
		}),
		startPing(t, func() (*traffic.Ping, error) {
			return traffic.StartPing(w.CN, topology.CNAddr, daemon.SecondHoA, 10*time.Millisecond)
		}),
	}
	reached := func(since time.Time) {
		t.Helper()
		for _, p := range pings {
			answered(t, p, since, 10*time.Second)
		}
	}
	reached(time.Now())
	moved := time.Now()
	if err := w.MoveHost(inner, car); err != nil {
		t.Fatal(err)
	}
	eventually(t, 15*time.Second, func() string { return w.shows(t, w.ha, " 1 ", "show", "bindings") })
	reached(moved)
	before, err := mr2.Ctl(within(t, 5*time.Second), "show", "bul", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	since, err := w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	reached(since)
	after, err := mr2.Ctl(within(t, 5*time.Second), "show", "bul", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	if sequence(before) != sequence(after) {
		t.Errorf("the inner router has registered again when the outer one moved:\n%s\n%s", before, after)
	}
	if out, err := w.ha.Ctl(context.Background(), "show", "bindings"); err == nil {
		t.Log("\n" + out)
	}
}

// sequence is the line with a Binding Update's number.
func sequence(bul string) string {
	for _, line := range strings.Split(bul, "\n") {
		if strings.Contains(line, `"sequence"`) {
			return line
		}
	}
	return ""
}
