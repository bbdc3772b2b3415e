package netns

import (
	"regexp"
	"testing"
	"time"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// TestKernelConnectionsSurviveMoves is what the product is for: home →
// foreign1 → foreign2 → home with a TCP transfer and an echo stream each way.
//
// Requirements: 6275-7.5-1, 6275-8.5-7, 6275-11.3.1-1
func TestKernelConnectionsSurviveMoves(t *testing.T) {
	w := newWorld(t, settings{})
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 15*time.Second)
	fromMN := w.pingCN(t)
	answered(t, fromMN, time.Time{}, 5*time.Second)
	tcp, err := traffic.StartTransfer(within(t, 5*time.Second), w.MN, topology.HoA, w.CN, topology.CNAddr)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []topology.Link{topology.Foreign1, topology.Foreign2, topology.Home} {
		up, err := w.Move(to)
		if err != nil {
			t.Fatal(err)
		}
		w.registered(t, up, 10*time.Second)
		answered(t, fromCN, up, 10*time.Second)
		answered(t, fromMN, up, 10*time.Second)
		switch to {
		case topology.Foreign1: // from home
			w.noLeak(t, w.left(t, up))
		case topology.Foreign2:
			w.noLeak(t, up)
		}
		before := tcp.Bytes()
		eventually(t, 10*time.Second, func() string {
			if tcp.Bytes() > before {
				return ""
			}
			return "TCP stands still on " + string(to)
		})
		time.Sleep(time.Second)
		for _, p := range []*traffic.Ping{fromCN, fromMN} {
			end := time.Now().Add(-100 * time.Millisecond)
			g := traffic.Measure(p.Probes(), up, end, up)
			t.Logf("%s, %s: first reply after %v, largest gap %v, %d of %d lost", to, p.Name, g.FirstReply.Sub(up), g.Largest, g.Lost, g.Sent)
		}
	}
	if n, err := tcp.Stop(5 * time.Second); err != nil {
		t.Errorf("after %d bytes: %v", n, err)
	}
	reports(t, w.mn, "home → 2001:db8:f1:", "2001:db8:f2:[^ ]* → home", "<b>[0-9.]* ms</b>median interruption", "interrupted for [0-9.]* ms",
		"<b>0</b>did not end", ">RA [0-9.]* ms<", ">path in force [0-9.]* ms<")
	reports(t, w.ha, "nowhere → 2001:db8:f1:", "2001:db8:f1:[^ ]* → 2001:db8:f2:", "2001:db8:f2:[^ ]* → home",
		"<b>[0-9.]* ms</b>median from a Binding Update", "in force [0-9.]* ms after the Binding Update came")
}

// reports looks at what mip6ctl draws of a daemon's past.
func reports(t *testing.T, d *daemon.Daemon, want ...string) {
	t.Helper()
	page, err := d.Ctl(within(t, 20*time.Second), "report", "--since", "1h", "-o", "-")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if !regexp.MustCompile(w).MatchString(page) {
			t.Errorf("the report of %s has nothing of %q", d.Node.Name, w)
		}
	}
}

// After the return home the home agent must have stopped answering for the
// home address: packets from the CN reach the mobile node directly.
//
// Requirements: 6275-10.3.2-9
func TestKernelReturnHomeLeavesNoTunnel(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 5*time.Second)
	up, err := w.Move(topology.Home)
	if err != nil {
		t.Fatal(err)
	}
	w.registered(t, up, 10*time.Second)
	answered(t, fromCN, up, 10*time.Second)
	time.Sleep(500 * time.Millisecond)
	settled := time.Now()
	answered(t, fromCN, settled, time.Second)
	for _, p := range w.wire.Packets() {
		if p.Time.After(settled) && p.IP != nil && p.IP.Inner != nil {
			t.Fatalf("at home a packet is still tunnelled: %s → %s", p.IP.Src, p.IP.Dst)
		}
	}
}
