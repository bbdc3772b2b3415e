package netns

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
)

// SIGTERM ends a daemon at once and cleanly; the data path stays.
func TestKernelStopLeavesTheDataPath(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 5*time.Second)
	for _, d := range []*daemon.Daemon{w.mn, w.ha} {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	}
	answered(t, fromCN, time.Now(), 2*time.Second)
	for _, d := range []*daemon.Daemon{w.ha, w.mn} {
		if err := d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	restarted := time.Now()
	w.registered(t, restarted.Add(-time.Second), 10*time.Second)
	answered(t, fromCN, restarted, 10*time.Second)
}

// A reload takes mobile nodes over: one that is no longer configured loses its
// binding, and comes back with the next reload. A wrong file changes nothing.
func TestKernelReload(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 5*time.Second)
	good := daemon.HomeAgent().Text
	reload := func(text string) {
		t.Helper()
		if err := w.ha.Configure(text); err != nil {
			t.Fatal(err)
		}
		if err := w.ha.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	reload(strings.Replace(good, "home_agent:", "home_agnet:", 1))
	eventually(t, 5*time.Second, func() string { return w.shows(t, w.ha, "reload", "status") })
	answered(t, fromCN, time.Now(), 2*time.Second)

	nobody := good[:strings.Index(good, "  mobile_nodes:")]
	reload(nobody)
	eventually(t, 5*time.Second, func() string { return w.shows(t, w.ha, "[]", "show", "bindings", "-o", "json") })
	silent(t, fromCN, time.Second)

	reload(good)
	if _, err := w.Move(topology.Foreign2); err != nil { // a refused mobile node tries again when it moves
		t.Fatal(err)
	}
	answered(t, fromCN, time.Now(), 10*time.Second)
}

// shows runs mip6ctl and returns "" if it prints a text.
func (w *world) shows(t testing.TB, d *daemon.Daemon, want string, args ...string) string {
	t.Helper()
	out, err := d.Ctl(t.Context(), args...)
	if err != nil || !strings.Contains(out, want) {
		return strings.Join(args, " ") + " does not print " + want + " but " + out
	}
	return ""
}

// Somebody sets the shared tunnel device down, or deletes it.
func TestKernelTunnelDeviceIsMadeAgain(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	fromCN, fromMN := w.pingMN(t), w.pingCN(t)
	for _, harm := range []string{"set mip6t down", "del mip6t"} {
		answered(t, fromCN, time.Time{}, 5*time.Second)
		if out, err := w.HA.Run(t.Context(), "ip", append([]string{"link"}, strings.Fields(harm)...)...); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		harmed := time.Now().Add(100 * time.Millisecond)
		answered(t, fromCN, harmed, 5*time.Second)
		answered(t, fromMN, harmed, 5*time.Second)
	}
	eventually(t, 5*time.Second, func() string { return w.shows(t, w.ha, "mip6t", "show", "interfaces") })
}

// What mip6ctl says of a mobile node that is away is what the packets say.
//
// Requirements: 6275-8.4-1, 6275-8.5-1
func TestKernelControlTool(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	careOf := w.careOf(t, time.Time{}).String()
	for _, c := range []struct {
		d    *daemon.Daemon
		want string
		args []string
	}{
		{w.ha, "home_agent", []string{"status", "-o", "json"}},
		{w.ha, careOf, []string{"show", "bindings"}},
		{w.ha, topology.HoA.String(), []string{"show", "bindings", "-o", "json"}},
		{w.ha, "bu_accepted", []string{"show", "stats"}},
		{w.mn, "mobile_node", []string{"status", "-o", "json"}},
		{w.mn, "registered", []string{"show", "bul"}},
		{w.mn, careOf, []string{"show", "bul", "-o", "json"}},
		{w.mn, topology.MNInterface, []string{"show", "interfaces"}},
	} {
		eventually(t, 5*time.Second, func() string { return w.shows(t, c.d, c.want, c.args...) })
	}
}

// TestKernelOthersDeleteWhatIsOurs: as network managers do with routes and rules that they don't know.
func TestKernelOthersDeleteWhatIsOurs(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	ping := w.pingMN(t)
	answered(t, ping, time.Time{}, 5*time.Second)
	for _, n := range []*node.Node{w.HA, w.MN} {
		state := func() string {
			t.Helper()
			out, err := n.Run(within(t, 10*time.Second), "sh", "-c", "ip -6 rule; ip -6 route show table all proto 75")
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(out, "\n")
			slices.Sort(lines)
			return strings.Join(lines, "\n")
		}
		want := state()
		for name, harm := range map[string]string{
			"routes": "ip -6 route flush table all proto 75",
			"rules":  "ip -6 rule flush proto 75",
		} {
			if _, err := n.Run(within(t, 10*time.Second), "sh", "-c", harm); err != nil {
				t.Fatal(err)
			}
			eventually(t, 10*time.Second, func() string {
				if got := state(); got != want {
					return n.Name + ": " + name + " were deleted, want\n" + want + "got\n" + got
				}
				return ""
			})
		}
		answered(t, ping, time.Now(), 10*time.Second)
	}
	for _, d := range []*daemon.Daemon{w.ha, w.mn} {
		if !strings.Contains(d.Log(), "deleted by another program; they are there again") {
			t.Errorf("%s has not noticed", d.Node.Name)
		}
	}
}
