package netns

import (
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// newTwoInterfaces is the picture whose mobile node has a second, better interface,
// wlan0, without carrier.
func newTwoInterfaces(t testing.TB) *world {
	t.Helper()
	mobile := daemon.MobileNode()
	mobile.Text = strings.Replace(mobile.Text, "{name: "+topology.MNInterface+"}",
		"{name: "+topology.MNInterface+", preference: 20}, {name: wlan0, preference: 10}", 1)
	w := newWorld(t, settings{
		Config: topology.Config{Start: topology.Foreign1}, mnConfig: &mobile,
		before: func(topo *topology.Topology) {
			if err := topo.AddInterface("wlan0"); err != nil {
				t.Fatal(err)
			}
		},
	})
	w.registered(t, time.Time{}, 10*time.Second)
	return w
}

// A better interface takes over while the present one works: not a packet is lost, in
// either direction (RFC 6275 §11.5.4).
//
// Requirements: 6275-11.5.4-4
func TestKernelPlannedSwitchLosesNothing(t *testing.T) {
	w := newTwoInterfaces(t)
	const every = time.Millisecond
	pings := []*traffic.Ping{
		startPing(t, func() (*traffic.Ping, error) {
			return traffic.StartPing(w.CN, topology.CNAddr, topology.HoA, every)
		}),
		startPing(t, func() (*traffic.Ping, error) {
			return traffic.StartPing(w.MN, topology.HoA, topology.CNAddr, every)
		}),
	}
	for _, p := range pings {
		answered(t, p, time.Now(), 10*time.Second)
	}
	time.Sleep(300 * time.Millisecond)
	from := time.Now()
	if err := w.PlugInterface("wlan0", topology.Foreign2); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, func() string {
		if wrong := w.shows(t, w.mn, "wlan0", "show", "bul"); wrong != "" {
			return wrong
		}
		return w.shows(t, w.mn, "registered", "show", "bul")
	})
	time.Sleep(time.Second)
	to := time.Now()
	for _, p := range pings {
		lost, sent := 0, 0
		for _, x := range p.Stop(time.Second) {
			if x.Sent.Before(from) || x.Sent.After(to) {
				continue
			}
			sent++
			if x.Replied.IsZero() {
				lost++
			}
		}
		t.Logf("%s: %d of %d lost", p.Name, lost, sent)
		if lost > 0 || sent < 100 {
			t.Errorf("%s: %d of %d lost", p.Name, lost, sent)
		}
	}
}

// The interface in use goes: the other, whose care-of address is ready, takes over.
func TestKernelOtherInterfaceTakesOver(t *testing.T) {
	w := newTwoInterfaces(t)
	ping := w.pingMN(t)
	if err := w.PlugInterface("wlan0", topology.Foreign2); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, func() string { return w.shows(t, w.mn, "wlan0", "show", "bul") })
	answered(t, ping, time.Now(), 5*time.Second)
	lost := time.Now()
	if err := w.PlugInterface("wlan0", ""); err != nil {
		t.Fatal(err)
	}
	answered(t, ping, lost.Add(50*time.Millisecond), 5*time.Second)
	if wrong := w.shows(t, w.mn, topology.MNInterface, "show", "bul"); wrong != "" {
		t.Error(wrong)
	}
}
