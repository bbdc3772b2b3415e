package netns

import (
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/topology"
)

// An operator drains a home agent: the mobile node is asked in the tunnel, refused with
// status 130, and has no binding when the command ends. It comes back when the home agent
// serves again. A binding that is deleted by hand is gone from kernel and store.
func TestKernelDrainAndDelete(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 20*time.Second)
	answered(t, w.pingMN(t), time.Time{}, 10*time.Second)

	// The mobile node's side of the story so far.
	if story, err := w.mn.Ctl(t.Context(), "trace", topology.HoA.String()); err != nil || !strings.Contains(story, "set path") || !strings.Contains(story, "status 0") {
		t.Errorf("the mobile node's story (%v):\n%s", err, story)
	}
	start := time.Now()
	out, err := w.ha.Ctl(t.Context(), "drain", "--timeout", "60s")
	if err != nil || !strings.Contains(out, "drained: no binding is left") {
		t.Fatalf("drain: %v: %s", err, out)
	}
	t.Logf("drained in %v", time.Since(start))
	request := func(p capture.Packet) bool {
		if p.IP == nil {
			return false
		}
		kind, ok := p.IP.Innermost().MHType()
		return ok && kind == capture.MHBindingRefreshRequest && capture.Tunnelled(p) && p.IP.Innermost().Dst == topology.HoA
	}
	if len(w.wire.Select(start, received(request))) == 0 {
		t.Error("the mobile node was not asked in the tunnel")
	}
	if status := w.acknowledged(t, start, 10*time.Second); status != 130 {
		t.Errorf("the mobile node was told status %d, want 130", status)
	}
	w.noRoute(t)
	if wrong := w.shows(t, w.ha, "drain: new bindings are refused", "status"); wrong != "" {
		t.Error(wrong)
	}

	story, err := w.ha.Ctl(t.Context(), "trace", topology.HoA.String())
	for _, want := range []string{"Binding Refresh Request", "clear binding", "status 130", "store registration"} {
		if err != nil || !strings.Contains(story, want) {
			t.Errorf("the story has no %q (%v):\n%s", want, err, story)
		}
	}
	t.Logf("trace:\n%s", story)

	again := time.Now()
	if out, err := w.ha.Ctl(t.Context(), "drain", "--cancel"); err != nil || !strings.Contains(out, "serving") {
		t.Fatalf("drain --cancel: %v: %s", err, out)
	}
	w.registered(t, again, 90*time.Second)

	deleted := time.Now()
	if out, err := w.ha.Ctl(t.Context(), "delete", "binding", topology.HoA.String()); err != nil {
		t.Fatalf("delete binding: %v: %s", err, out)
	}
	w.registered(t, deleted, 30*time.Second) // it was told, and comes back
	w.mn.Kill()
	if out, err := w.ha.Ctl(t.Context(), "delete", "binding", topology.HoA.String()); err != nil {
		t.Fatalf("delete binding: %v: %s", err, out)
	}
	w.noRoute(t)
	w.ha.Kill()
	if err := w.ha.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if wrong := w.shows(t, w.ha, "[]", "show", "bindings", "-o", "json"); wrong != "" {
		t.Error("after a crash: " + wrong)
	}
	if out, err := w.ha.Ctl(t.Context(), "delete", "binding", topology.HoA.String()); err == nil {
		t.Errorf("nothing is deleted: %s", out)
	}
}

// noRoute wants that the home agent's kernel sends nothing of the home address into a
// tunnel.
func (w *world) noRoute(t *testing.T) {
	t.Helper()
	out, err := w.HA.Run(t.Context(), "ip", "-6", "route", "show", "table", "all", topology.HoA.String())
	if err != nil || strings.Contains(out, "mip6") {
		t.Errorf("the home agent has a route yet: %s (%v)", out, err)
	}
}
