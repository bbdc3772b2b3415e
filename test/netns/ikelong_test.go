package netns

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/charon"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
)

// Both sides prove who they are by certificates.
func TestIKELongCertificates(t *testing.T) {
	w := newManaged(t, plan{swanctl: "swanctl-certificates.conf", prepare: func(w *managed) { certify(t, w.haIKE, w.mnIKE) }})
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 90*time.Second)
	w.move(t, fromCN, topology.Foreign2)
}

// edit changes a file below a root, in which old must be.
func edit(t *testing.T, c *charon.Charon, name, old, new string) {
	t.Helper()
	name = filepath.Join(c.Root, name)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		t.Fatalf("%s has no %q", name, old)
	}
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(string(b), old, new)), 0o600); err != nil {
		t.Fatal(err)
	}
}

const (
	swanctlFile    = "etc/swanctl/conf.d/mip6d.conf"
	strongswanFile = "etc/strongswan.d/mip6d.conf"

	// impatient has strongSwan give a peer up after 6 s, not 165.
	impatient = "charon {\n retransmit_tries = 1\n retransmit_timeout = 2"
)

// What the kernel has asked of strongSwan before that knew its connections is asked again with the next Binding Update, long
// before the kernel's question expires.
func TestIKELongConnectionsAreLoadedLate(t *testing.T) {
	w := newManaged(t, plan{late: true})
	eventually(t, 20*time.Second, func() string {
		out, err := w.MN.Run(t.Context(), "ip", "xfrm", "state")
		if err == nil && strings.Contains(out, "proto esp spi 0x00000000 reqid 1651834884 ") {
			return ""
		}
		return "the kernel has asked for nothing: " + out
	})
	if expires, err := w.MN.ReadSysctl("net/core/xfrm_acq_expires"); err != nil || expires != "165" {
		t.Errorf("a question expires after %s s: %v", expires, err)
	}
	loaded := time.Now()
	if err := w.mnIKE.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	answered(t, w.pingMN(t), loaded, 40*time.Second) // Binding Updates are 32 s apart at the most
	t.Logf("registered %v after the connections were loaded", time.Since(loaded))
}

// What a mobile node has proven to be decides whose security associations it gets: with
// its own identity, none of another home address.
//
// Requirements: 4877-4.2-1
func TestIKELongAnothersHomeAddress(t *testing.T) {
	w := newManaged(t, plan{prepare: func(w *managed) {
		edit(t, w.haIKE, swanctlFile, topology.HoA.String(), topology.HoA.Next().String())
	}})
	eventually(t, 90*time.Second, func() string {
		if strings.Contains(w.haIKE.Log(), "traffic selectors") && strings.Contains(w.mnIKE.Log(), "TS_UNACCEPTABLE") {
			return ""
		}
		return "the home agent has not refused another's home address"
	})
	for _, c := range []*charon.Charon{w.haIKE, w.mnIKE} {
		if out, err := c.Node.Run(t.Context(), "ip", "xfrm", "state"); err != nil || strings.Contains(out, "aead") || strings.Contains(out, "enc cbc") {
			t.Errorf("%s: %v\n%s", c.Node.Name, err, out)
		}
	}
}

// Where one side's strongSwan does not follow, or neither does, the mobile node's authenticates anew from each care-of address, and
// nothing of the last one is kept on either side.
//
// Requirements: 6275-10.3.1-22, 6275-11.7.3-15, 4877-7.4-1
func TestIKELongWithoutMobility(t *testing.T) {
	for name, p := range map[string]plan{"neither": {haFixed: true, mnFixed: true}, "not the home agent's": {haFixed: true}} {
		t.Run(name, func(t *testing.T) {
			p.prepare = func(w *managed) {
				edit(t, w.mnIKE, strongswanFile, "roam_events = no", "roam_events = yes")
				edit(t, w.haIKE, swanctlFile, "dpd_delay = 60s", "dpd_delay = 3s")
				for _, c := range []*charon.Charon{w.haIKE, w.mnIKE} { // who has left can't always say so, nor answer
					edit(t, c, strongswanFile, "charon {", impatient)
				}
			}
			w := newManaged(t, p)
			daemon.New(t, w.CN, daemon.Correspondent())
			fromCN := w.pingMN(t)
			answered(t, fromCN, time.Time{}, 90*time.Second)
			w.tested(t)
			w.associations(t, careOfOn(topology.Foreign1))
			for _, to := range []topology.Link{topology.Foreign2, topology.Foreign1} {
				w.beginsAnew(t, w.move(t, fromCN, to), careOfOn(to))
			}
		})
	}
}

// beginsAnew waits until IKE is at a care-of address, by an authentication from there since a moment, and at no other. It may be there
// twice: what is asked of strongSwan while it begins anew has it begin beside that.
func (w *managed) beginsAnew(t *testing.T, since time.Time, careOf netip.Addr) {
	t.Helper()
	w.tested(t)
	const peer = "'mn100.example.org' @ "
	for _, c := range []*charon.Charon{w.haIKE, w.mnIKE} {
		eventually(t, 30*time.Second, func() string {
			out, err := c.Swanctl(t.Context(), "--list-sas")
			if n := strings.Count(out, peer); err != nil || n == 0 || n != strings.Count(out, peer+careOf.String()) || n != strings.Count(out, "ESTABLISHED") {
				return c.Node.Name + ": IKE is not at " + careOf.String() + " alone:\n" + out
			}
			return ""
		})
	}
	if !slices.ContainsFunc(w.saysIKE(since), func(p capture.Packet) bool {
		const saInit, udpHeader, exchange = 34, 8, 18 // RFC 7296 §3.1
		b := p.IP.Payload
		return p.IP.Src == careOf && len(b) > udpHeader+exchange && b[udpHeader+exchange] == saInit
	}) {
		t.Errorf("no IKE_SA_INIT from %s", careOf)
	}
}

// strongSwan at the home agent is killed and knows nothing any more. The mobile node's
// finds out (dead peer detection), and the next Binding Update has it begin anew.
func TestIKELongDeadPeer(t *testing.T) {
	w := newManaged(t, plan{prepare: func(w *managed) {
		edit(t, w.mnIKE, swanctlFile, "dpd_delay = 30s", "dpd_delay = 3s")
		edit(t, w.mnIKE, strongswanFile, "charon {", impatient)
	}})
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 90*time.Second)
	w.haIKE.Kill()
	if err := w.haIKE.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, 60*time.Second, func() string {
		out, err := w.mnIKE.Swanctl(t.Context(), "--list-sas")
		if err == nil && !strings.Contains(out, "ESTABLISHED") {
			return ""
		}
		return "the peer's death is not noticed: " + out
	})
	w.move(t, fromCN, topology.Foreign2)
	eventually(t, 20*time.Second, func() string {
		out, err := w.haIKE.Swanctl(t.Context(), "--list-sas")
		if err == nil && strings.Contains(out, "ESTABLISHED") {
			return ""
		}
		return "strongSwan has not begun anew: " + out
	})
}
