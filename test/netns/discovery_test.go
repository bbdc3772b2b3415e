package netns

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/mhsock"
	"mip6d/internal/role"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// answerDiscovery answers for the home agents of the home link, in the place of the
// one in the picture: with a list, to whoever asks their anycast address.
func answerDiscovery(t *testing.T, n *node.Node, agents ...netip.Addr) {
	t.Helper()
	anycast := icmp6.HomeAgentsAnycast(topology.HomePrefix)
	if err := n.AddAddress(topology.HAHomeInterface, netip.PrefixFrom(anycast, 128)); err != nil {
		t.Fatal(err)
	}
	var sock *mhsock.ICMP
	if err := n.Do(func() (err error) { sock, err = mhsock.ListenICMP(nil); return err }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- sock.Run(ctx, func(ev role.Event) {
			in := ev.(role.ICMPIn)
			msg, err := icmp6.Parse(in.Raw)
			q, ok := msg.(*icmp6.HomeAgentDiscoveryRequest)
			if err != nil || !ok || in.Dst != anycast {
				return
			}
			raw, err := icmp6.Marshal(&icmp6.HomeAgentDiscoveryReply{Identifier: q.Identifier, HomeAgents: agents})
			if err == nil {
				err = sock.Send(role.SendICMP{Src: topology.HAAddr, Dst: in.Src, Raw: raw})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		sock.Close()
	})
}

// A mobile node that knows no home agent finds one, and another when the machine of
// the first dies.
func TestKernelHomeAgentDiscoveryAndFailover(t *testing.T) {
	topo := topology.New(t, topology.Config{Start: topology.Foreign1})
	agents := []netip.Addr{netip.MustParseAddr("2001:db8:1::21"), netip.MustParseAddr("2001:db8:1::22")}
	var nodes []*node.Node
	for i, a := range agents {
		n, err := topo.AddHost(fmt.Sprintf("ha%d", i+2), topology.Home, a)
		if err != nil {
			t.Fatal(err)
		}
		cfg := daemon.HomeAgent()
		cfg.Text = strings.NewReplacer(topology.HAHomeInterface, "eth0", topology.HAAddr.String()+"\n", a.String()+"\n").Replace(cfg.Text)
		daemon.New(t, n, cfg)
		nodes = append(nodes, n)
	}
	answerDiscovery(t, topo.HA, agents...)
	cfg := daemon.MobileNode()
	cfg.Text = strings.Replace(cfg.Text, fmt.Sprintf("      home_agent: %s\n", topology.HAAddr), "", 1)
	mn := daemon.New(t, topo.MN, cfg)
	w := &world{Topology: topo, mn: mn}
	at := func(want netip.Addr) func() string {
		return func() string {
			if wrong := w.shows(t, mn, want.String()+" ", "show", "bul"); wrong != "" {
				return wrong
			}
			return w.shows(t, mn, "registered", "show", "bul")
		}
	}
	eventually(t, 15*time.Second, at(agents[0]))
	ping := startPing(t, func() (*traffic.Ping, error) {
		return traffic.StartPing(topo.CN, topology.CNAddr, topology.HoA, 20*time.Millisecond)
	})
	answered(t, ping, time.Now(), 10*time.Second)
	if err := nodes[0].SetUp("eth0", false); err != nil { // its machine dies
		t.Fatal(err)
	}
	if _, err := topo.Move(topology.Foreign2); err != nil {
		t.Fatal(err)
	}
	eventually(t, 40*time.Second, at(agents[1]))
	answered(t, ping, time.Now(), 10*time.Second)
}
