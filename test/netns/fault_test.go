package netns

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/fault"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
)

var (
	faultRounds = flag.Int("fault.rounds", 4, "how often every mobile node moves while system calls fail")
	faultSeed   = flag.Uint64("fault.seed", uint64(time.Now().UnixNano()), "which of them fail")
)

// TestSoakFaults has a home agent's system calls fail at random while mobile nodes move. It
// answers what it could not do, keeps what it has promised, and when nothing fails any more it
// sets kernel and store right by itself: both have what was acknowledged last, or what came
// later, also in the next run.
func TestSoakFaults(t *testing.T) {
	const nodes = 40
	inj, err := fault.New(t.TempDir(), *faultSeed)
	if err != nil {
		t.Fatal(err)
	}
	topo := topology.New(t, topology.Config{Unplug: true})
	cfg := load.HomeAgent(nodes, nodes)
	if cfg.Wrap, err = inj.Wrap(); err != nil {
		t.Fatal(err)
	}
	w := &world{Topology: topo, ha: daemon.New(t, topo.HA, cfg)}
	t.Cleanup(func() {
		w.ha.Kill()
		if err := inj.Close(); err != nil {
			t.Error(err)
		}
	})
	g, err := load.New(topo, nodes, nodes)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	l := newLedger(t, g, nodes)
	inj.Arm(fault.Rates{Request: 0.3, Answer: 0.02, Map: 0.05, Disk: 0.05, Send: 0.02}) // few requests carry many routes
	answers, accepted, lost := 0, 0, 0
	for round := range *faultRounds {
		for i := range nodes {
			if err := l.send(round+1, i); err != nil {
				t.Fatal(err)
			}
			if i%8 == 7 {
				time.Sleep(20 * time.Millisecond) // several batches
			}
		}
		eventually(t, 10*time.Second, func() string {
			n, yes := g.Note(l.acked)
			answers, accepted = answers+n, accepted+yes
			if left := (round+1)*nodes - lost - answers; left > nodes/4 {
				return fmt.Sprintf("%d are not answered", left)
			}
			return ""
		})
		lost = (round+1)*nodes - answers // some answers can't be sent
	}
	failed := inj.Counts()
	inj.Arm(fault.Rates{})
	if !w.ha.Running() {
		t.Fatal("mip6d has ended")
	}
	t.Logf("seed %d: %d Binding Updates, %d answered, %d accepted; failed: %v", *faultSeed, *faultRounds*nodes, answers, accepted, failed)
	for _, k := range []fault.Kind{fault.Request, fault.Map, fault.Disk} {
		if failed[k] == 0 {
			t.Errorf("nothing of kind %s has failed", k)
		}
	}
	bound := make(map[netip.Addr]netip.Addr)
	agree := func(when string) {
		t.Helper()
		eventually(t, 20*time.Second, func() string {
			g.Note(l.acked)
			clear(bound)
			for _, b := range w.bindings(t) {
				bound[b.HomeAddress] = b.CareOf
				if wrong := l.wrong(b); wrong != "" {
					return when + ": " + wrong
				}
			}
			if len(bound) != nodes {
				return fmt.Sprintf("%s: %d bindings, want %d", when, len(bound), nodes)
			}
			return w.kernelDiffers(t, bound)
		})
	}
	agree("when nothing fails any more")
	// What the store has by now is told by the next run.
	before := make(map[netip.Addr]netip.Addr)
	time.Sleep(2 * time.Second) // what could not be stored is stored a second later
	for home, careOf := range bound {
		before[home] = careOf
	}
	w.ha.Kill()
	if err := w.ha.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	agree("in the next run")
	for home, careOf := range before {
		if bound[home] != careOf {
			t.Errorf("%s was at %s, and is at %s in the next run", home, careOf, bound[home])
		}
	}
	if err := g.Round(*faultRounds+1, nodes, nodes, 30*time.Second); err != nil {
		t.Error(err)
	}
}

// TestSoakFaultsOfMobileNodeAndCorrespondent has system calls of both fail while the mobile node moves and
// packets go both ways. Neither ends; when nothing fails any more, the mobile node is registered
// where it is, and packets arrive.
func TestSoakFaultsOfMobileNodeAndCorrespondent(t *testing.T) {
	injector := func(cfg *daemon.Config) *fault.Injector {
		t.Helper()
		inj, err := fault.New(t.TempDir(), *faultSeed)
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Wrap, err = inj.Wrap(); err != nil {
			t.Fatal(err)
		}
		return inj
	}
	mnConfig, cnConfig := daemon.MobileNode(), daemon.Correspondent()
	atMN, atCN := injector(&mnConfig), injector(&cnConfig)
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, mnConfig: &mnConfig})
	cn := daemon.New(t, w.CN, cnConfig)
	t.Cleanup(func() {
		w.mn.Kill()
		cn.Kill()
		if err := errors.Join(atMN.Close(), atCN.Close()); err != nil {
			t.Error(err)
		}
	})
	w.registered(t, time.Time{}, 10*time.Second)
	w.pingMN(t)
	pings := w.pingCN(t)
	rates := fault.Rates{Request: 0.05, Answer: 0.02, Map: 0.05, Disk: 0.05, Send: 0.02}
	atMN.Arm(rates)
	atCN.Arm(rates)
	places := []topology.Link{topology.Foreign2, topology.Foreign1, topology.Home, topology.Foreign1, topology.Foreign2}
	for _, to := range places {
		if _, err := w.Move(to); err != nil {
			t.Fatal(err)
		}
		time.Sleep(700 * time.Millisecond) // whatever comes of it
	}
	t.Logf("seed %d: failed at the mobile node: %v; at the correspondent: %v", *faultSeed, atMN.Counts(), atCN.Counts())
	atMN.Arm(fault.Rates{})
	atCN.Arm(fault.Rates{})
	if !w.mn.Running() || !cn.Running() {
		t.Fatal("a mip6d has ended")
	}
	if atMN.Counts()[fault.Request] == 0 {
		t.Error("no request of the mobile node has failed")
	}
	up, err := w.Move(topology.Foreign1)
	if err != nil {
		t.Fatal(err)
	}
	w.registered(t, up, 30*time.Second)
	answered(t, pings, up, 30*time.Second)
}
