package netns

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
)

// withPayload turns route optimisation off, which payload in a tunnel excludes.
func withPayload(_, mn *daemon.Config) { mn.Text += "  route_optimization: {default: off}\n" }

// tunnelEnds are the mobile node's ends of the tunnels that a daemon shows: of its
// policies and of its security associations.
func tunnelEnds(t *testing.T, d *daemon.Daemon) map[netip.Addr]bool {
	t.Helper()
	c := d.Client()
	defer c.Close()
	i, err := c.IPsec(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ends := make(map[netip.Addr]bool)
	add := func(from, to netip.Addr) {
		if from == topology.HAAddr {
			from = to
		}
		ends[from] = true
	}
	policies, associations := 0, 0
	for _, p := range i.Policies {
		if p.Mode == "tunnel" {
			add(p.TunnelFrom, p.TunnelTo)
			policies++
		}
	}
	for _, a := range i.Associations {
		if a.Mode == "tunnel" {
			add(a.Source, a.Destination)
			associations++
		}
	}
	if policies == 0 || associations != 4 {
		ends[netip.Addr{}] = true
	}
	return ends
}

// consistent waits until both sides' tunnels end at the care-of address, and nowhere
// else.
func (w *protected) consistent(t *testing.T) {
	t.Helper()
	careOf := netip.Addr{}
	eventually(t, 10*time.Second, func() string {
		c := w.mn.Client()
		defer c.Close()
		list, err := c.BUL(t.Context())
		if err != nil || len(list) != 1 || !list[0].Registered || list[0].BoundCareOf != list[0].CareOf {
			return fmt.Sprintf("not registered: %+v %v", list, err)
		}
		careOf = list[0].CareOf
		for _, d := range []*daemon.Daemon{w.ha, w.mn} {
			if ends := tunnelEnds(t, d); len(ends) != 1 || !ends[careOf] {
				return fmt.Sprintf("%s: the tunnels end at %v, the care-of address is %s", d.Node.Name, ends, careOf)
			}
		}
		return ""
	})
	if !w.At().Prefix().Contains(careOf) {
		t.Errorf("the care-of address %s is not on %s", careOf, w.At())
	}
}

// boundAgain waits until a home agent that has forgotten its bindings has one, and moves
// on where the mobile node had its acknowledgement already and has no reason to ask.
func (w *protected) boundAgain(t *testing.T, up time.Time) time.Time {
	t.Helper()
	c := w.ha.Client()
	defer c.Close()
	for range 30 {
		list, err := c.Bindings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > 0 {
			return up
		}
		time.Sleep(100 * time.Millisecond)
	}
	to := topology.Foreign1
	if w.At() == to {
		to = topology.Foreign2
	}
	up, err := w.Move(to)
	if err != nil {
		t.Fatal(err)
	}
	return up
}

// Either side is killed at some moment around the move, before, between or after its
// migration, its Binding Update and the acknowledgement. Once it is back, both sides'
// tunnels end at the new care-of address, packets go both ways, and none was in clear.
//
// Requirements: 6275-11.6.3-2
func TestKernelIPsecCrashAroundAMigration(t *testing.T) {
	for _, side := range []string{"mobile node", "home agent"} {
		t.Run(side, func(t *testing.T) {
			w := newProtected(t, topology.Foreign1, ", payload: on", withPayload)
			fromCN := w.pingMN(t)
			answered(t, fromCN, time.Time{}, 15*time.Second)
			victim := w.mn
			if side == "home agent" {
				victim = w.ha
			}
			begin := time.Now()
			for _, after := range []time.Duration{0, 15 * time.Millisecond, 30 * time.Millisecond, 45 * time.Millisecond, 60 * time.Millisecond, 100 * time.Millisecond} {
				to := topology.Foreign2
				if w.At() == to {
					to = topology.Foreign1
				}
				up, err := w.Move(to)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(after)
				victim.Kill()
				if err := victim.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				if side == "home agent" {
					up = w.boundAgain(t, up)
				}
				answered(t, fromCN, up, 15*time.Second)
				w.consistent(t)
			}
			w.clear(t, begin, "payload", func(ip *capture.IPv6) bool {
				return ip.Proto != capture.ProtoESP && (ip.Src == topology.HoA || ip.Dst == topology.HoA)
			})
		})
	}
}

// While its daemon is down, and when it is back, a mobile node's payload stays in its
// tunnel. A stop leaves the policies; cleanup leaves nothing.
func TestKernelIPsecCleanup(t *testing.T) {
	w := newProtected(t, topology.Foreign1, ", payload: on", withPayload)
	fromMN := w.pingCN(t)
	answered(t, fromMN, time.Time{}, 15*time.Second)
	begin := time.Now()
	for _, d := range []*daemon.Daemon{w.mn, w.ha} {
		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
		answered(t, fromMN, time.Now(), 5*time.Second)
	}
	w.clear(t, begin, "payload", func(ip *capture.IPv6) bool {
		return ip.Proto != capture.ProtoESP && (ip.Src == topology.HoA || ip.Dst == topology.HoA)
	})
	for _, d := range []*daemon.Daemon{w.mn, w.ha} {
		if err := d.Cleanup(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, what := range []string{"policy", "state"} {
			out, err := d.Node.Run(t.Context(), "ip", "xfrm", what)
			if err != nil || strings.TrimSpace(out) != "" {
				t.Errorf("%s, %s after cleanup: %v\n%s", d.Node.Name, what, err, out)
			}
		}
	}
}
