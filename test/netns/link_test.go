package netns

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/radv"
	"mip6d/test/netns/topology"
)

func TestKernelInterfaceDownAndUp(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	fromCN, fromMN := w.pingMN(t), w.pingCN(t)
	answered(t, fromCN, time.Time{}, 5*time.Second)
	if err := w.MN.SetUp(topology.MNInterface, false); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	up := time.Now()
	if err := w.MN.SetUp(topology.MNInterface, true); err != nil {
		t.Fatal(err)
	}
	// The kernel has thrown the care-of address away with everything else. The
	// binding may still be good; the packets are what counts.
	answered(t, fromCN, up, 10*time.Second)
	answered(t, fromMN, up, 10*time.Second)
	w.noLeak(t, time.Time{})
}

// The router renumbers: the old prefix is deprecated, a new one advertised.
func TestKernelPrefixChanges(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 5*time.Second)
	renumbered := netip.MustParsePrefix("2001:db8:f3::/64")
	if err := w.Router.AddAddress(string(topology.Foreign1), netip.MustParsePrefix("2001:db8:f3::1/64")); err != nil {
		t.Fatal(err)
	}
	changed := time.Now()
	cfg := w.RA[topology.Foreign1].Config()
	old := cfg.Prefixes[0]
	old.Preferred, old.Valid = 0, 7200
	cfg.Prefixes = []radv.Prefix{old, {Prefix: renumbered, OnLink: true, Autonomous: true, Valid: 86400, Preferred: 14400}}
	w.RA[topology.Foreign1].Set(cfg)
	fromNew := func(p capture.Packet) bool {
		return capture.MH(capture.MHBindingUpdate)(p) && renumbered.Contains(p.IP.Src)
	}
	if _, err := w.wire.Wait(within(t, 10*time.Second), changed, sent(fromNew)); err != nil {
		t.Fatalf("no Binding Update from the new prefix: %v", err)
	}
	answered(t, fromCN, changed.Add(time.Second), 5*time.Second)
	w.noLeak(t, time.Time{})
}

// A router that advertises every 3 to 10 s only: a solicitation finds it.
//
// Requirements: 6275-7.5-1
func TestKernelSolicitationFindsAQuietRouter(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1, Interval: radv.Usual}})
	w.registered(t, time.Time{}, 10*time.Second)
	up, err := w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	w.registered(t, up, 2500*time.Millisecond) // less than the shortest interval
}
