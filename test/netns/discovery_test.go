package netns

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// agentPair is two real home agents on the home link, which the picture's own
// leaves to them: it is only their router.
type agentPair struct {
	*topology.Topology
	addresses []netip.Addr
	nodes     []*node.Node
	daemons   []*daemon.Daemon
}

// newAgentPair starts two home agents, of which the second is preferred.
func newAgentPair(t *testing.T) *agentPair {
	t.Helper()
	p := &agentPair{
		Topology:  topology.New(t, topology.Config{Start: topology.Foreign1, Silent: map[topology.Link]bool{topology.Home: true}}),
		addresses: []netip.Addr{netip.MustParseAddr("2001:db8:1::21"), netip.MustParseAddr("2001:db8:1::22")},
	}
	for i, a := range p.addresses {
		n, err := p.AddHost(fmt.Sprintf("ha%d", i+2), topology.Home, a)
		if err != nil {
			t.Fatal(err)
		}
		cfg := daemon.HomeAgent()
		cfg.Text = strings.NewReplacer(
			topology.HAHomeInterface, "eth0", topology.HAAddr.String()+"\n", a.String()+"\n",
			"advertise: off", fmt.Sprintf("advertise: {max_interval: 1s, router_lifetime: 3s}\n      preference: %d", 10*i),
		).Replace(cfg.Text)
		p.nodes = append(p.nodes, n)
		p.daemons = append(p.daemons, daemon.New(t, n, cfg))
	}
	return p
}

// discovering is the mobile node's configuration without a home agent in it.
func discovering() daemon.Config {
	cfg := daemon.MobileNode()
	cfg.Text = strings.Replace(cfg.Text, fmt.Sprintf("      home_agent: %s\n", topology.HAAddr), "", 1)
	return cfg
}

// A mobile node that knows no home agent finds the one that is preferred, and the
// other when the machine of the first dies. The home agents know of each other by
// their own advertisements.
//
// Requirements: 6275-8.4-10, 6275-10.5.1-8, 6275-10.5.1-9, 6275-10.5.1-10, 6275-10.5.1-11
func TestKernelTwoHomeAgentsAndOneDies(t *testing.T) {
	p := newAgentPair(t)
	w := &world{Topology: p.Topology}
	for i, d := range p.daemons {
		eventually(t, 10*time.Second, func() string {
			return w.shows(t, d, p.addresses[1-i].String(), "show", "home-agents")
		})
	}
	wire, err := capture.Start(p.MN, topology.MNInterface, nil)
	if err != nil {
		t.Fatal(err)
	}
	mn := daemon.New(t, p.MN, discovering())
	w.mn = mn
	at := func(want netip.Addr) func() string {
		return func() string {
			if wrong := w.shows(t, mn, want.String()+" ", "show", "bul"); wrong != "" {
				return wrong
			}
			return w.shows(t, mn, "registered", "show", "bul")
		}
	}
	eventually(t, 15*time.Second, at(p.addresses[1]))
	reply, err := wire.Wait(within(t, time.Second), time.Time{}, received(capture.ICMP(byte(icmp6.TypeHomeAgentDiscoveryReply))))
	if err != nil {
		t.Fatal(err)
	}
	msg, err := icmp6.Parse(reply.IP.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if r := msg.(*icmp6.HomeAgentDiscoveryReply); len(r.HomeAgents) != 2 || r.HomeAgents[0] != p.addresses[1] || r.HomeAgents[1] != p.addresses[0] {
		t.Errorf("the reply lists %v", r.HomeAgents)
	}
	if err := wire.Close(); err != nil {
		t.Fatal(err)
	}
	ping := startPing(t, func() (*traffic.Ping, error) {
		return traffic.StartPing(p.CN, topology.CNAddr, topology.HoA, 20*time.Millisecond)
	})
	answered(t, ping, time.Now(), 10*time.Second)

	if err := p.nodes[1].SetUp("eth0", false); err != nil { // its machine dies
		t.Fatal(err)
	}
	if _, err := p.Move(topology.Foreign2); err != nil {
		t.Fatal(err)
	}
	eventually(t, 40*time.Second, at(p.addresses[0]))
	answered(t, ping, time.Now(), 10*time.Second)
	eventually(t, 10*time.Second, func() string {
		if w.shows(t, p.daemons[0], p.addresses[1].String(), "show", "home-agents") == "" {
			return "the dead one is still listed"
		}
		return ""
	})
}

// The home agent's own advertisements are what a mobile node comes home by: H, its
// address with R, and an answer to a solicitation.
//
// Requirements: 6275-7.2-1, 6275-7.3-2, 6275-7.5-8
func TestKernelHomeByTheHomeAgentsOwnAdvertisements(t *testing.T) {
	cfg := daemon.HomeAgent()
	cfg.Text = strings.Replace(cfg.Text, "advertise: off", "advertise: {answer_delay: 0s, min_delay: 0s}\n      home_agent_lifetime: 2h", 1)
	w := newWorld(t, settings{
		Config:   topology.Config{Start: topology.Foreign1, Silent: map[topology.Link]bool{topology.Home: true}},
		haConfig: &cfg,
	})
	w.registered(t, time.Time{}, 10*time.Second)
	ping := w.pingMN(t)
	answered(t, ping, time.Now(), 10*time.Second)
	since, err := w.Move(topology.Home)
	if err != nil {
		t.Fatal(err)
	}
	answered(t, ping, since, 15*time.Second)
	eventually(t, 10*time.Second, func() string { return w.shows(t, w.mn, "home", "show", "bul") })
	eventually(t, 10*time.Second, func() string { return w.shows(t, w.ha, "No bindings", "show", "bindings") })
	seen, err := w.wire.Wait(within(t, time.Second), since, received(capture.ICMP(byte(icmp6.TypeRouterAdvertisement))))
	if err != nil {
		t.Fatal(err)
	}
	msg, err := icmp6.Parse(seen.IP.Payload)
	if err != nil {
		t.Fatal(err)
	}
	ra := msg.(*icmp6.RouterAdvertisement)
	prefix, _ := icmp6.Find[icmp6.PrefixInformation](ra.Options)
	info, _ := icmp6.Find[icmp6.HomeAgentInformation](ra.Options)
	if !ra.HomeAgent || !prefix.RouterAddress || prefix.Prefix != topology.HAAddr || info.Lifetime != 2*time.Hour || seen.IP.HopLimit != 255 {
		t.Errorf("hop limit %d: %+v", seen.IP.HopLimit, ra)
	}
}

// Somebody sets the home link's interface down and up again: the kernel forgets the
// route to the anycast address then, and with it discovery would be over.
//
// Requirements: 6275-8.4-9
func TestKernelDiscoveryAfterTheHomeLinkWasDown(t *testing.T) {
	topo := topology.New(t, topology.Config{Start: topology.Foreign1})
	w := &world{Topology: topo, ha: daemon.New(t, topo.HA, daemon.HomeAgent())}
	for _, up := range []bool{false, true} {
		if err := topo.HA.SetUp(topology.HAHomeInterface, up); err != nil {
			t.Fatal(err)
		}
	}
	if err := topo.HA.AddAddress(topology.HAHomeInterface, netip.PrefixFrom(topology.HAAddr, topology.HomePrefix.Bits())); err != nil {
		t.Fatal(err)
	}
	w.mn = daemon.New(t, topo.MN, discovering())
	eventually(t, 20*time.Second, func() string { return w.shows(t, w.mn, "registered", "show", "bul") })
}
