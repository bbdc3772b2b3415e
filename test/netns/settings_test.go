package netns

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
)

// mobileWith is the picture's mobile node with more keys in its section.
func mobileWith(keys string) *daemon.Config {
	c := daemon.MobileNode()
	c.Text = strings.TrimRight(c.Text, "\n") + "\n" + keys + "\n"
	return &c
}

// from is where the kernel sends a packet to the correspondent node from, if it may
// choose.
func (w *world) from(t testing.TB) string {
	t.Helper()
	out, err := w.MN.Run(t.Context(), "ip", "-6", "route", "get", topology.CNAddr.String())
	if err != nil {
		return err.Error()
	}
	return out
}

// The mobile node's new connections come from the home address, or the care-of address,
// as configured. Labels and sysctls are what they were when it has released everything.
func TestKernelAddressPolicy(t *testing.T) {
	var before map[string]string
	w := newWorld(t, settings{
		Config:   topology.Config{Start: topology.Foreign1},
		before:   func(topo *topology.Topology) { before = kernelState(t, topo.MN) },
		mnConfig: mobileWith("  address_policy: {prefer: care_of, labels: [{prefix: \"2001:db8:1::/64\", label: 50}, {prefix: \"fc00::/7\", label: 1}]}\n  release_on_stop: true"),
	})
	w.registered(t, time.Time{}, 10*time.Second)
	eventually(t, 5*time.Second, func() string {
		if out := w.from(t); !strings.Contains(out, "src "+w.careOf(t, time.Time{}).String()) {
			return out
		}
		return ""
	})
	answered(t, w.pingCN(t), time.Time{}, 5*time.Second) // bound to the home address
	if s := kernelState(t, w.MN)["ip addrlabel"]; !strings.Contains(s, "2001:db8:1::/64 label 50") || !strings.Contains(s, "fc00::/7 label 1 ") {
		t.Errorf("labels:\n%s", s)
	}
	if err := w.mn.Stop(); err != nil {
		t.Fatal(err)
	}
	after := kernelState(t, w.MN)
	for what := range before {
		if what == "ip addrlabel" || strings.HasPrefix(what, "sysctl ") {
			if diff := cmp.Diff(before[what], after[what]); diff != "" {
				t.Errorf("%s after the stop:\n%s", what, diff)
			}
		}
	}
	if err := w.mn.Configure(daemon.MobileNode().Text); err != nil {
		t.Fatal(err)
	}
	if err := w.mn.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, func() string {
		if out := w.from(t); !strings.Contains(out, "src "+topology.HoA.String()) {
			return out
		}
		return ""
	})
}
