package netns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mip6d/internal/ctl"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// manyNodes and manyRouters are the load's: most of them hosts.
const (
	manyNodes   = 500
	firstRouter = 480
)

// homeAgentOf serves the load of n, which are routers from one on, and the picture's mobile node.
func homeAgentOf(n, routers int) daemon.Config {
	cfg, one := load.HomeAgent(n, routers), daemon.HomeAgent()
	cfg.Text = strings.Replace(cfg.Text, "  mobile_nodes:\n",
		fmt.Sprintf("  mobile_nodes:\n    - {home_address: %s, auth: {spi: 256, key_file: $DIR/one}}\n", topology.HoA), 1)
	cfg.Files["one"] = one.Files["key"]
	return cfg
}

// loaded is a world whose home agent has many bindings.
func loaded(t *testing.T, wrap ...string) (*world, *load.Generator) {
	t.Helper()
	cfg := homeAgentOf(manyNodes, firstRouter)
	cfg.Wrap = wrap
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, haConfig: &cfg})
	g, err := load.New(w.Topology, manyNodes, firstRouter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	if err := g.Round(0, manyNodes, 128, 60*time.Second); err != nil {
		t.Fatal(err)
	}
	w.registered(t, time.Time{}, 10*time.Second)
	return w, g
}

func (w *world) bindings(t *testing.T) []ctl.Binding {
	t.Helper()
	c := w.ha.Client()
	defer c.Close()
	list, err := c.Bindings(within(t, 10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// sameBindings compares all that the next run must know. Its times come from
// another reading of the clocks.
func sameBindings(before, after []ctl.Binding) string {
	return cmp.Diff(before, after,
		cmpopts.EquateApproxTime(100*time.Millisecond), cmpopts.IgnoreFields(ctl.Binding{}, "Remaining"), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}))
}

// TestKernelHomeAgentIsUpgradedUnnoticed: with many bindings the next run finds all
// in the kernel as it is to be, touches nothing, and no packet is lost; whether the
// one before was stopped or killed.
func TestKernelHomeAgentIsUpgradedUnnoticed(t *testing.T) {
	t.Run("root", func(t *testing.T) { upgraded(t) })
	// As systemd/mip6d.service has it: the source check's map can't be taken over,
	// and a new one takes its place in one step.
	t.Run("unit", func(t *testing.T) { upgraded(t, "setpriv", "--bounding-set=-sys_admin") })
}

func upgraded(t *testing.T, wrap ...string) {
	w, _ := loaded(t, wrap...)
	ping, err := traffic.StartPing(w.CN, topology.CNAddr, topology.HoA, 2*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	answered(t, ping, time.Time{}, 5*time.Second)
	news := hearKernel(t, w.HA)
	steady := time.Now()
	var spans []string
	for _, end := range []struct {
		name string
		do   func() error
	}{
		{"stopped", w.ha.Stop},
		{"killed", func() error { w.ha.Kill(); return nil }},
		{"stopped again", w.ha.Stop},
	} {
		before := w.bindings(t)
		if len(before) != manyNodes+1 {
			t.Fatalf("%d bindings", len(before))
		}
		ended := time.Now()
		if err := end.do(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		began := time.Now()
		if err := w.ha.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		answers := time.Now()
		t.Logf("%s: answers %v after the next start", end.name, answers.Sub(began).Round(time.Millisecond))
		spans = append(spans, fmt.Sprintf("%s: ended %v, begun again %v, answered %v",
			end.name, ended.Sub(steady), began.Sub(steady), answers.Sub(steady)))
		if diff := sameBindings(before, w.bindings(t)); diff != "" {
			t.Errorf("%s: bindings before and after:\n%s", end.name, diff)
		}
		news.unchanged(t, end.name)
	}
	time.Sleep(500 * time.Millisecond)
	sent, lost := losses(t, ping, steady)
	t.Logf("%d echo requests, %d lost", sent, lost)
	if lost > 0 {
		t.Errorf("%d of %d echo requests lost over three restarts:\n%s", lost, sent, strings.Join(spans, "\n"))
	}
	// And what has changed is changed.
	up, err := w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	w.registered(t, up, 10*time.Second)
	if len(news.changes(t)) == 0 {
		t.Error("a move changes nothing in the kernel: this test sees nothing")
	}
}

// losses ends a stream, and counts what was sent since then and what of it has no
// answer. What is sent while the stream ends has no time for one.
func losses(t testing.TB, p *traffic.Ping, since time.Time) (sent, lost int) {
	t.Helper()
	end := time.Now()
	for _, x := range p.Stop(time.Second) {
		if !x.Sent.After(since) || x.Sent.After(end) {
			continue
		}
		sent++
		if x.Replied.IsZero() {
			lost++
			t.Logf("%s: lost what was sent at %v (%v)", p.Name, x.Sent.Sub(since), x.Err)
		}
	}
	return sent, lost
}

// TestKernelNoReplayAfterARestart: what was refused before is refused, what was
// ended stays so, and so does what has expired meanwhile.
func TestKernelNoReplayAfterARestart(t *testing.T) {
	const moved, ended, shortLived, stays = 0, 1, 2, 3
	topo := topology.New(t, topology.Config{Unplug: true})
	w := &world{Topology: topo, ha: daemon.New(t, topo.HA, load.HomeAgent(4, 4))}
	g, err := load.New(topo, 4, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	answer := func(i int, packet []byte, want uint8, what string) {
		t.Helper()
		if got, err := g.Answer(i, packet, 5*time.Second); err != nil || got != want {
			t.Errorf("%s: status %d (%v), want %d", what, got, err, want)
		}
	}
	update := func(round, i int, lifetime time.Duration) []byte {
		t.Helper()
		p, err := g.Update(round, i, lifetime)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, i := range []int{moved, ended, stays} {
		answer(i, update(0, i, load.Lifetime), 0, "registration")
	}
	answer(shortLived, update(0, shortLived, 4*time.Second), 0, "a short registration")
	expires := time.Now().Add(4 * time.Second)
	first := g.Last(moved)
	answer(moved, update(1, moved, load.Lifetime), 0, "a move")
	registration := g.Last(ended)
	answer(ended, update(0, ended, 0), 0, "de-registration")
	const idMismatch = 144
	check := func(when string) {
		t.Helper()
		answer(moved, first, idMismatch, when+", the first registration again")
		answer(moved, g.Last(moved), idMismatch, when+", the last again")
		answer(ended, registration, idMismatch, when+", the registration that has ended again")
		answer(ended, g.Last(ended), idMismatch, when+", its end again")
		for _, b := range w.bindings(t) {
			if b.HomeAddress == load.HomeAddress(ended) {
				t.Errorf("%s: the binding that was ended is there", when)
			}
		}
	}
	check("before")
	w.ha.Kill()
	if err := w.ha.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("after SIGKILL")
	if err := w.ha.Stop(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(expires.Add(200 * time.Millisecond)))
	if err := w.ha.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("after a stop")
	var homes []string
	for _, b := range w.bindings(t) {
		homes = append(homes, b.HomeAddress.String())
	}
	want := []string{load.HomeAddress(moved).String(), load.HomeAddress(stays).String()}
	if slices.Sort(homes); !slices.Equal(homes, want) {
		t.Errorf("bindings of %v, want %v", homes, want)
	}
	eventually(t, 2*time.Second, func() string {
		routes, err := topo.HA.Run(t.Context(), "ip", "-6", "route", "show", "proto", "75")
		if err != nil || strings.Count(routes, "\n") != 2 {
			return fmt.Sprintf("routes (%v):\n%s", err, routes)
		}
		return ""
	})
	answer(ended, update(0, ended, load.Lifetime), 0, "and it can register again")
}

// TestKernelBindingsSurviveAReboot: nothing is left in the kernel, and the store has
// it all.
func TestKernelBindingsSurviveAReboot(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 5*time.Second)
	before := w.bindings(t)
	neighbour, err := w.AddHost("neighbour", topology.Home, topology.HoA.Next().Next())
	if err != nil {
		t.Fatal(err)
	}
	w.ha.Kill()
	if err := w.ha.Cleanup(t.Context()); err != nil {
		t.Fatal(err)
	}
	silent(t, fromCN, 500*time.Millisecond)
	if err := w.ha.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	answered(t, fromCN, time.Now(), 2*time.Second)
	if _, err := neighbour.Run(t.Context(), "ping", "-c", "1", "-W", "2", topology.HoA.String()); err != nil {
		t.Errorf("a neighbour on the home link does not reach the home address, which is defended again: %v", err)
	}
	after := w.bindings(t)
	if diff := sameBindings(before, after); diff != "" {
		t.Errorf("bindings before and after:\n%s", diff)
	}
	if len(after) == 1 && after[0].Remaining >= before[0].Remaining {
		t.Errorf("%v are left, and %v were", after[0].Remaining, before[0].Remaining)
	}
}
