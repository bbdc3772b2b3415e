package netns

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
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

// Duplicate address detection, temporary addresses and the mark of home addresses are as
// the interface's configuration has them.
func TestKernelInterfaceFlags(t *testing.T) {
	for dad, want := range map[string]string{"on": "", "off": " nodad"} {
		t.Run("dad "+dad, func(t *testing.T) {
			cfg := daemon.MobileNode()
			cfg.Text = strings.Replace(cfg.Text, "{name: "+topology.MNInterface+"}",
				"{name: "+topology.MNInterface+", dad: "+dad+", use_tempaddr: leave, home_address_flag: off}", 1)
			w := newWorld(t, settings{
				Config: topology.Config{Start: topology.Foreign1}, mnConfig: &cfg,
				before: func(topo *topology.Topology) {
					if err := topo.MN.Sysctl("net/ipv6/conf/eth0/use_tempaddr", "2"); err != nil {
						t.Fatal(err)
					}
				},
			})
			start := time.Now()
			if _, err := w.Move(topology.Foreign2); err != nil {
				t.Fatal(err)
			}
			w.registered(t, start, 15*time.Second)
			coa := w.careOf(t, start)
			probes := w.wire.Select(start, sent(func(p capture.Packet) bool {
				return capture.ICMP(135)(p) && p.IP.Src.IsUnspecified() && len(p.IP.Payload) >= 24 && netip.AddrFrom16([16]byte(p.IP.Payload[8:24])) == coa
			}))
			bu := w.wire.Select(start, sent(capture.MH(capture.MHBindingUpdate)))
			switch {
			case dad == "off" && len(probes) > 0:
				t.Errorf("%d probes for %s", len(probes), coa)
			case dad == "on" && (len(probes) == 0 || bu[len(bu)-1].Time.Sub(probes[0].Time) < 500*time.Millisecond):
				t.Errorf("%d probes for %s; a Binding Update %v after the first", len(probes), coa, bu[len(bu)-1].Time.Sub(probes[0].Time))
			}
			out, err := w.MN.Run(t.Context(), "ip", "-6", "addr", "show", "dev", "eth0", "to", coa.String())
			if err != nil || !strings.Contains(out, want) || strings.Contains(out, "nodad") != (want != "") {
				t.Errorf("the care-of address (%v):\n%s", err, out)
			}
			if v, err := w.MN.ReadSysctl("net/ipv6/conf/eth0/use_tempaddr"); err != nil || v != "2" {
				t.Errorf("use_tempaddr is %s (%v)", v, err)
			}
			if _, err := w.Move(topology.Home); err != nil {
				t.Fatal(err)
			}
			eventually(t, 10*time.Second, func() string {
				out, err := w.MN.Run(t.Context(), "ip", "-6", "addr", "show", "dev", "eth0", "to", topology.HoA.String())
				if err != nil || !strings.Contains(out, topology.HoA.String()+"/64") || strings.Contains(out, " home") {
					return "the home address: " + out + errText(err)
				}
				return ""
			})
			answered(t, w.pingMN(t), time.Now(), 5*time.Second)
		})
	}
}

// The home address is made of the home subnet's prefix and the interface's link-layer
// address.
func TestKernelHomeAddressOfAnInterface(t *testing.T) {
	ha, mobile := daemon.HomeAgent(), daemon.MobileNode()
	var hoa netip.Addr
	w := newWorld(t, settings{
		Config: topology.Config{Start: topology.Foreign1}, haConfig: &ha, mnConfig: &mobile,
		before: func(topo *topology.Topology) {
			b, iid := topology.HomePrefix.Addr().As16(), linkLocalOf(t, topo.MN, topology.MNInterface).As16()
			copy(b[8:], iid[8:])
			hoa = netip.AddrFrom16(b)
			ha.Text = strings.Replace(ha.Text, topology.HoA.String(), hoa.String(), 1)
			mobile.Text = strings.Replace(mobile.Text, topology.HoA.String()+"/64", "{prefix: "+topology.HomePrefix.String()+", interface_id: eui64}", 1)
		},
	})
	w.registered(t, time.Time{}, 10*time.Second)
	if wrong := w.shows(t, w.ha, hoa.String(), "show", "bindings"); wrong != "" {
		t.Error(wrong)
	}
	answered(t, startPing(t, func() (*traffic.Ping, error) {
		return traffic.StartPing(w.CN, topology.CNAddr, hoa, 10*time.Millisecond)
	}), time.Time{}, 5*time.Second)
}
