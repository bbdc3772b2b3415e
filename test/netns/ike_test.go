package netns

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/charon"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// managed is a world whose security associations are made by strongSwan, configured as
// configs/strongswan has it.
type managed struct {
	*protected
	haIKE, mnIKE *charon.Charon
}

const ikeSecret = `secrets {
	ike-mn100 {
		id-ha = ha.example.org
		id-mn = mn100.example.org
		secret = "of the test bed"
	}
}
`

// plan is what a managed world is to be; the zero value is the one with a shared secret.
type plan struct {
	swanctl          string         // a file of configs/strongswan, for both sides
	haFixed, mnFixed bool           // strongSwan is said not to follow there
	late             bool           // the mobile node's strongSwan is not told of its connections
	prepare          func(*managed) // changes what strongSwan is to read
}

// newManaged begins with a mobile node on a foreign link. strongSwan is there before mip6d,
// as docs/ipsec.md has it.
func newManaged(t *testing.T, p plan) *managed {
	t.Helper()
	w := &managed{protected: new(protected)}
	mobility := map[bool]string{false: "on", true: "off"}
	ha, mn := daemon.HomeAgentIKE(mobility[p.haFixed]), daemon.MobileNodeIKE(mobility[p.mnFixed])
	if p.swanctl == "" {
		p.swanctl = "swanctl.conf"
	}
	w.world = newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, haConfig: &ha, mnConfig: &mn, before: func(topo *topology.Topology) {
		var err error
		if w.cable, err = capture.Start(topo.Switch, topology.MNPort, nil); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.cable.Close() })
		with := map[string][]byte{"etc/swanctl/conf.d/mip6d-secrets.conf": []byte(ikeSecret)}
		w.haIKE = newIKE(t, topo.HA, "home-agent", p.swanctl, with)
		w.mnIKE = newIKE(t, topo.MN, "mobile-node", p.swanctl, with)
		if p.prepare != nil {
			p.prepare(w)
		}
		start := w.mnIKE.Start
		if p.late {
			start = w.mnIKE.Launch
		}
		if err := errors.Join(w.haIKE.Start(t.Context()), start(t.Context())); err != nil {
			t.Fatal(err)
		}
	}})
	return w
}

// saysIKE are packets of IKE on the mobile node's cable.
func (w *managed) saysIKE(since time.Time) []capture.Packet {
	const udp, port = 17, 500
	return w.cable.Select(since, func(p capture.Packet) bool {
		for ip := p.IP; ip != nil; ip = ip.Inner {
			if ip.Proto == udp && len(ip.Payload) >= 4 && (port2(ip.Payload) == port || port2(ip.Payload[2:]) == port) {
				return true
			}
		}
		return false
	})
}

func port2(b []byte) int { return int(b[0])<<8 | int(b[1]) }

// associations waits until both sides' strongSwan has a tunnel's security association,
// and IKE, between the home agent and an address.
func (w *managed) associations(t *testing.T, with netip.Addr) {
	t.Helper()
	for c, want := range map[*charon.Charon]string{
		w.haIKE: "remote 'mn100.example.org' @ " + with.String() + "[500]",
		w.mnIKE: "local  'mn100.example.org' @ " + with.String() + "[500]",
	} {
		eventually(t, 20*time.Second, func() string {
			out, err := c.Swanctl(t.Context(), "--list-sas")
			if err != nil || !strings.Contains(out, want) || strings.Count(out, "ESTABLISHED") != 1 {
				return c.Node.Name + ": no " + want + " in\n" + out
			}
			out, err = c.Node.Run(t.Context(), "ip", "xfrm", "state")
			if err != nil || !strings.Contains(out, "src "+with.String()+" dst "+topology.HAAddr.String()+"\n\tproto esp") ||
				!strings.Contains(out, "src "+topology.HAAddr.String()+" dst "+with.String()+"\n\tproto esp") {
				return c.Node.Name + ": no security associations with " + with.String() + " in\n" + out
			}
			return ""
		})
	}
}

// selectors: associations are for the home address, not for the one that IKE is at, and
// refuse what is replayed.
func (w *managed) selectors(t *testing.T) {
	t.Helper()
	out, err := w.mnIKE.Swanctl(t.Context(), "--list-sas")
	if err != nil || strings.Count(out, "    local  "+topology.HoA.String()+"/128[") != 2 {
		t.Errorf("want two children for the home address: %v\n%s", err, out)
	}
	for _, c := range []*charon.Charon{w.haIKE, w.mnIKE} {
		if out, err := c.Node.Run(t.Context(), "ip", "xfrm", "state"); err != nil || strings.Count(out, "replay-window 32") != 2 {
			t.Errorf("%s: want protection from replay for what comes in: %v\n%s", c.Node.Name, err, out)
		}
	}
}

// tested has return routability done anew, whose Home Test Init and Home Test take the
// tunnel.
func (w *managed) tested(t *testing.T) {
	t.Helper()
	again := time.Now()
	// Nobody may be there to forget.
	_, _ = w.mn.Ctl(t.Context(), "flush", "bul", topology.CNAddr.String())
	if out, err := w.mn.Ctl(t.Context(), "ro", "start", topology.CNAddr.String()); err != nil {
		t.Fatal(out, err)
	}
	w.direct(t, again, 60*time.Second)
}

// First registration with keys of IKEv2: mip6d's policies have the kernel ask strongSwan
// for them. At a move, both sides' strongSwan follow by what the kernel tells of mip6d's
// migrations: security associations and IKE go on from the next care-of address without
// a packet of IKE. It renews all keys there. At home all goes back to the home
// address.
//
// Requirements: 6275-10.3.1-23, 6275-10.3.2-4, 6275-11.3.2-3, 6275-11.7.3-16, 3776-4.4-1, 3776-4.4-2, 4877-4.4-1, 4877-7.3-1
func TestKernelIKERegistersMovesAndRekeys(t *testing.T) {
	w := newManaged(t, plan{})
	daemon.New(t, w.CN, daemon.Correspondent())
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 60*time.Second)
	w.direct(t, time.Time{}, 60*time.Second)
	careOf := careOfOn(topology.Foreign1)
	w.associations(t, careOf)
	for _, p := range w.saysIKE(time.Time{}) {
		if p.IP.Inner != nil || p.IP.Src != careOf && p.IP.Dst != careOf || p.IP.HomeAddress.IsValid() || p.IP.RoutingHome.IsValid() {
			t.Errorf("IKE does not go by the care-of address as it is: %+v", p.IP)
		}
	}

	w.selectors(t)

	up := w.move(t, fromCN, topology.Foreign2)
	w.tested(t)
	careOf = careOfOn(topology.Foreign2)
	w.associations(t, careOf)
	if list := w.saysIKE(up); len(list) > 0 {
		t.Errorf("%d packets of IKE at a move, first %+v", len(list), list[0].IP)
	}

	before := time.Now()
	for _, what := range [][]string{{"--child", "mip6-100-signalling"}, {"--child", "mip6-100-return_routability"}, {"--ike", "mip6-100"}} {
		if out, err := w.mnIKE.Swanctl(t.Context(), append([]string{"--rekey"}, what...)...); err != nil {
			t.Fatal(out, err)
		}
	}
	w.associations(t, careOf)
	w.tested(t)
	for _, p := range w.saysIKE(before) {
		if p.IP.Src != careOf && p.IP.Dst != careOf {
			t.Errorf("keys are renewed with %s → %s, not with %s", p.IP.Src, p.IP.Dst, careOf)
		}
	}

	w.move(t, fromCN, topology.Home)
	w.associations(t, topology.HoA)
	for _, n := range []*charon.Charon{w.haIKE, w.mnIKE} {
		if out, err := n.Node.Run(t.Context(), "ip", "xfrm", "policy"); err != nil || strings.Contains(out, "mode tunnel") {
			t.Errorf("%s at home: %v\n%s", n.Node.Name, err, out)
		}
	}
	w.noClearSignalling(t)
	for _, d := range []*daemon.Daemon{w.ha, w.mn} {
		if n := xfrm(t, d, "ipsec_missing"); n != 0 {
			t.Errorf("%s: %d messages were unprotected", d.Node.Name, n)
		}
	}
}

// move waits for an answer on another link, and tells what that took.
func (w *managed) move(t *testing.T, ping *traffic.Ping, to topology.Link) time.Time {
	t.Helper()
	up, err := w.Move(to)
	if err != nil {
		t.Fatal(err)
	}
	answered(t, ping, up, 30*time.Second)
	g := traffic.Measure(ping.Probes(), up, time.Now(), up)
	t.Logf("%s: first reply after %v, largest gap %v", to, g.FirstReply.Sub(up), g.Largest)
	return up
}
