package netns

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
)

func TestKernelMobileNodeCrashesAndComesBack(t *testing.T) {
	for name, s := range hostsAndRouters(t, nil) {
		t.Run(name, func(t *testing.T) { crashMobileNode(t, s) })
	}
}

// hostsAndRouters are the picture with a mobile host and with a mobile router.
func hostsAndRouters(t *testing.T, before func(*topology.Topology)) map[string]settings {
	homeAgent, router := daemon.HomeAgentOfRouters(), daemon.MobileRouter("explicit")
	start := topology.Config{Start: topology.Foreign1}
	return map[string]settings{
		"host": {Config: start, before: before},
		"router": {Config: start, haConfig: &homeAgent, mnConfig: &router, before: func(topo *topology.Topology) {
			if err := topo.AddNetwork(car, topo.MN, daemon.Within(daemon.MobileNetwork)); err != nil {
				t.Fatal(err)
			}
			if before != nil {
				before(topo)
			}
		}},
	}
}

func crashMobileNode(t *testing.T, s settings) {
	w := newWorld(t, s)
	w.registered(t, time.Time{}, 10*time.Second)
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 5*time.Second)
	before := kernelState(t, w.MN)
	w.mn.Kill()
	restarted := time.Now()
	if err := w.mn.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.registered(t, restarted, 10*time.Second)
	answered(t, fromCN, time.Now(), 5*time.Second)
	w.noLeak(t, time.Time{})
	eventually(t, 5*time.Second, func() string {
		return cmp.Diff(before, kernelState(t, w.MN))
	})
	// And it goes on working.
	up, err := w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	w.registered(t, up, 5*time.Second)
	answered(t, fromCN, up, 5*time.Second)
}

func TestKernelHomeAgentCrashesAndComesBack(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 5*time.Second)
	w.ha.Kill()
	answered(t, fromCN, time.Now(), 2*time.Second) // the data path outlives the daemon
	if err := w.ha.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	up, err := w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	w.registered(t, up, 10*time.Second)
	answered(t, fromCN, up, 5*time.Second)
	answered(t, w.pingCN(t), up, 5*time.Second)
}

// TestKernelCleanupLeavesNothing compares what the kernel of each machine
// holds before the first start and after --cleanup.
func TestKernelCleanupLeavesNothing(t *testing.T) {
	var ha, mn map[string]string
	before := func(topo *topology.Topology) {
		eventually(t, 10*time.Second, func() string { // the kernel's own address is ready
			s := kernelState(t, topo.MN)["ip addr"]
			if strings.Contains(s, topology.Foreign1Prefix.Addr().String()) && !strings.Contains(s, "tentative") {
				return ""
			}
			return "no address on foreign1:\n" + s
		})
		ha, mn = kernelState(t, topo.HA), kernelState(t, topo.MN)
	}
	for name, s := range hostsAndRouters(t, before) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, s)
			cleanup(t, w, ha, mn)
		})
	}
}

func cleanup(t *testing.T, w *world, ha, mn map[string]string) {
	w.registered(t, time.Time{}, 10*time.Second)
	answered(t, w.pingMN(t), time.Time{}, 5*time.Second)
	if cmp.Equal(ha, kernelState(t, w.HA)) || cmp.Equal(mn, kernelState(t, w.MN)) {
		t.Error("running daemons leave no trace: this test sees nothing")
	}
	w.mn.Kill()
	w.ha.Kill()
	for _, d := range []struct {
		cleanup func() error
		name    string
		n       *node.Node
		want    map[string]string
	}{
		{func() error { return w.mn.Cleanup(t.Context()) }, "mobile node", w.MN, mn},
		{func() error { return w.ha.Cleanup(t.Context()) }, "home agent", w.HA, ha},
	} {
		if err := d.cleanup(); err != nil {
			t.Errorf("%s: mip6d --cleanup: %v", d.name, err)
		}
		eventually(t, 10*time.Second, func() string { // the kernel configures its own address again
			if diff := cmp.Diff(d.want, kernelState(t, d.n)); diff != "" {
				return d.name + " after --cleanup:\n" + diff
			}
			return ""
		})
	}
}

// volatile are parts of iproute2's output that change by themselves: remaining
// lifetimes, and whole lines of learned neighbours.
var volatile = regexp.MustCompile(`expires \d+sec|valid_lft \d+sec|preferred_lft \d+sec|(?m)^.* (REACHABLE|STALE|DELAY|PROBE|INCOMPLETE|FAILED).*\n`)

// kernelState is everything that mip6d could leave behind.
func kernelState(t *testing.T, n *node.Node) map[string]string {
	t.Helper()
	state := map[string]string{}
	for _, command := range []string{
		"ip -d link", "ip addr", "ip -6 route show table all", "ip -6 rule", "ip addrlabel",
		"ip xfrm state", "ip xfrm policy", "ip -6 neigh", "ip -6 neigh show proxy", "tc qdisc",
	} {
		words := strings.Fields(command)
		out, err := n.Run(t.Context(), words[0], words[1:]...)
		if err != nil {
			t.Fatal(err)
		}
		state[command] = volatile.ReplaceAllString(out, "")
	}
	for _, conf := range []string{"autoconf", "accept_ra", "optimistic_dad", "use_optimistic", "accept_dad", "forwarding", "router_solicitations", "accept_ra_defrtr", "accept_ra_pinfo"} {
		v, err := n.ReadSysctl("net/ipv6/conf/eth0/" + conf)
		if err != nil {
			t.Fatal(err)
		}
		state["sysctl "+conf] = v
	}
	return state
}
