package netns

import (
	"slices"
	"testing"
	"time"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// A home agent is drained that another one stands beside: its mobile node goes there, and
// comes back when that one is drained. The first time it knows the other one from its own
// discovery; the second time it has to look, and is not told of the one that drains.
func TestKernelDrainToTheOtherHomeAgent(t *testing.T) {
	p := newAgentPair(t)
	w := &world{Topology: p.Topology}
	lists := func(who int, other string) func() string {
		return func() string { return w.shows(t, p.daemons[who], other, "show", "home-agents") }
	}
	for i := range p.daemons {
		eventually(t, 10*time.Second, lists(i, p.addresses[1-i].String()))
	}
	w.mn = daemon.New(t, p.MN, discovering())
	at := func(i int) func() string {
		return func() string {
			if wrong := w.shows(t, w.mn, p.addresses[i].String()+" ", "show", "bul"); wrong != "" {
				return wrong
			}
			return w.shows(t, w.mn, "registered", "show", "bul")
		}
	}
	eventually(t, 15*time.Second, at(1))
	ping := startPing(t, func() (*traffic.Ping, error) {
		return traffic.StartPing(p.CN, topology.CNAddr, topology.HoA, 20*time.Millisecond)
	})
	for _, from := range []int{1, 0} {
		to := 1 - from
		answered(t, ping, time.Now(), 10*time.Second)
		start := time.Now()
		if out, err := p.daemons[from].Ctl(t.Context(), "drain", "--timeout", "60s"); err != nil {
			t.Fatalf("drain: %v: %s", err, out)
		}
		eventually(t, 20*time.Second, at(to))
		answered(t, ping, time.Now(), 10*time.Second)
		t.Logf("drained: no reply for %v", longestGap(ping, start))
		if wrong := lists(from, "nobody new")(); wrong != "" {
			t.Error(wrong)
		}
		eventually(t, 10*time.Second, func() string { // by an advertisement without the H bit
			if lists(to, p.addresses[from].String())() == "" {
				return "the one that drains is listed"
			}
			return ""
		})
		if out, err := p.daemons[from].Ctl(t.Context(), "drain", "--cancel"); err != nil {
			t.Fatalf("drain --cancel: %v: %s", err, out)
		}
		eventually(t, 10*time.Second, lists(to, p.addresses[from].String()))
	}
}

// longestGap is the longest time between two replies since then.
func longestGap(p *traffic.Ping, since time.Time) (gap time.Duration) {
	var replies []time.Time
	for _, x := range p.Probes() {
		if x.Replied.After(since) {
			replies = append(replies, x.Replied)
		}
	}
	slices.SortFunc(replies, time.Time.Compare)
	for i := 1; i < len(replies); i++ {
		gap = max(gap, replies[i].Sub(replies[i-1]))
	}
	return gap
}
