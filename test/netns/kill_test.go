package netns

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"mip6d/internal/bul"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

var killsUnderLoad = flag.Int("kills", 20, "how often a home agent is killed under load; make soak does it 1000 times")

// TestKernelKillsUnderLoad kills a home agent at random moments while mobile nodes
// move. After each, the next run has every binding that was acknowledged, or a later
// one of that mobile node, and the kernel has just those: routes and source check.
func TestKernelKillsUnderLoad(t *testing.T) {
	const nodes = 100
	kills := *killsUnderLoad
	topo := topology.New(t, topology.Config{Unplug: true})
	w := &world{Topology: topo, ha: daemon.New(t, topo.HA, load.HomeAgent(nodes, nodes))}
	g, err := load.New(topo, nodes, nodes)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	l := newLedger(t, g, nodes)
	rng := rand.New(rand.NewPCG(6275, uint64(time.Now().UnixNano())))
	total := 0
	for kill := range kills {
		before := len(l.acked)
		answered := make(map[netip.Addr]uint16)
		for i := range nodes {
			if err := l.send(kill+1, i); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(rng.IntN(80_000)) * time.Microsecond)
		w.ha.Kill()
		time.Sleep(50 * time.Millisecond) // what has left has arrived
		g.Drain(answered)
		for home, sequence := range answered {
			l.acked[home] = sequence
		}
		total += len(answered)
		if err := w.ha.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		bound := make(map[netip.Addr]netip.Addr)
		for _, b := range w.bindings(t) {
			bound[b.HomeAddress] = b.CareOf
			if wrong := l.wrong(b); wrong != "" {
				t.Errorf("kill %d: %s", kill, wrong)
			}
		}
		if len(bound) != before {
			t.Errorf("kill %d: %d bindings, want %d", kill, len(bound), before)
		}
		w.kernelHas(t, fmt.Sprintf("kill %d", kill), bound)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills, %d of %d moves acknowledged before", kills, total, kills*nodes)
	if total == 0 || total == kills*nodes {
		t.Error("the kills came at no interesting moment")
	}
	if err := g.Round(kills+1, nodes, nodes, 30*time.Second); err != nil {
		t.Error(err)
	}
}

var routeOf = regexp.MustCompile(`(?m)^(\S+)\s+encap ip6 .*\bdst (\S+) .*`)

// kernelHas compares the home agent's routes and its source check with bindings.
func (w *world) kernelHas(t *testing.T, when string, bound map[netip.Addr]netip.Addr) {
	t.Helper()
	if wrong := w.kernelDiffers(t, bound); wrong != "" {
		t.Errorf("%s: %s", when, wrong)
	}
}

// kernelDiffers says in what the kernel's do; "": in nothing.
func (w *world) kernelDiffers(t *testing.T, bound map[netip.Addr]netip.Addr) string {
	t.Helper()
	out, err := w.HA.Run(t.Context(), "ip", "-6", "route", "show", "proto", "75")
	if err != nil {
		t.Fatal(err)
	}
	routes := make(map[netip.Addr]netip.Addr)
	for _, m := range routeOf.FindAllStringSubmatch(out, -1) {
		routes[netip.MustParseAddr(strings.TrimSuffix(m[1], "/128"))] = netip.MustParseAddr(m[2])
	}
	var wrong []string
	for what, got := range map[string]map[netip.Addr]netip.Addr{"routes": routes, "source check": w.sourceCheck(t)} {
		if len(got) != len(bound) {
			wrong = append(wrong, fmt.Sprintf("%s: %d entries for %d bindings", what, len(got), len(bound)))
		}
		for home, careOf := range bound {
			if got[home] != careOf {
				wrong = append(wrong, fmt.Sprintf("%s: %s at %s, bound at %s", what, home, got[home], careOf))
			}
		}
	}
	return strings.Join(wrong, "\n")
}

// sourceCheck is what the BPF map in force holds; there is no other of that name.
func (w *world) sourceCheck(t *testing.T) map[netip.Addr]netip.Addr {
	t.Helper()
	found := make(map[netip.Addr]netip.Addr)
	maps := 0
	for id, err := ebpf.MapGetNextID(0); err == nil; id, err = ebpf.MapGetNextID(id) {
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			continue // gone meanwhile
		}
		if info, err := m.Info(); err == nil && info.Name == "mip6_bindings" {
			maps++
			var key, value [16]byte
			it := m.Iterate()
			for it.Next(&key, &value) {
				found[netip.AddrFrom16(key)] = netip.AddrFrom16(value)
			}
			if err := it.Err(); err != nil {
				t.Error(err)
			}
		}
		m.Close()
	}
	if maps != 1 {
		t.Errorf("%d maps of bindings, want the one in force", maps)
	}
	return found
}

// TestKernelMobileNodeGoesOnAfterAKill: above its sequence numbers, so that the home
// agent never has to correct it, and with its connections.
func TestKernelMobileNodeGoesOnAfterAKill(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	tcp, err := traffic.StartTransfer(within(t, 5*time.Second), w.MN, topology.HoA, w.CN, topology.CNAddr)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		w.mn.Kill()
		restarted := time.Now()
		if err := w.mn.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.registered(t, restarted, 10*time.Second)
		if n == 1 { // a move in between
			up, err := w.Move(topology.Foreign2)
			if err != nil {
				t.Fatal(err)
			}
			w.registered(t, up, 10*time.Second)
		}
	}
	// And one whose link changes while it is down.
	w.mn.Kill()
	up, err := w.Move(topology.Foreign1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.mn.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.registered(t, up, 10*time.Second)
	before := tcp.Bytes()
	eventually(t, 5*time.Second, func() string {
		if tcp.Bytes() == before {
			return "the connection stands still"
		}
		return ""
	})
	if _, err := tcp.Stop(time.Second); err != nil {
		t.Errorf("the connection: %v", err)
	}
	const outOfWindow = 135
	for _, p := range w.wire.Select(time.Time{}, received(capture.MH(capture.MHBindingAcknowledgement))) {
		if s := baStatus(p.IP); s == outOfWindow {
			t.Error("the home agent had to correct a sequence number")
		}
	}
	last, seen := uint16(0), false
	for _, p := range w.wire.Select(time.Time{}, sent(capture.MH(capture.MHBindingUpdate))) {
		n := uint16(p.IP.Payload[6])<<8 | uint16(p.IP.Payload[7]) // RFC 6275 §6.1.7
		if seen && !bul.Later(n, last) {
			t.Errorf("sequence number %d after %d", n, last)
		}
		last, seen = n, true
	}
}

// TestKernelFullDiskRefusesBindings: with status 130 and nothing in the kernel, until
// there is room again; the bindings that were promised stay.
func TestKernelFullDiskRefusesBindings(t *testing.T) {
	const nodes = 600
	topo := topology.New(t, topology.Config{Unplug: true})
	w := &world{Topology: topo, ha: daemon.New(t, topo.HA, load.HomeAgent(nodes, nodes))}
	g, err := load.New(topo, nodes, nodes)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := w.ha.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", w.ha.StateDir(), "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.ha.Kill()
		if err := unix.Unmount(w.ha.StateDir(), 0); err != nil {
			t.Error(err)
		}
	})
	const room = 80 << 10 // for the store's tree, and some of its journal
	filler := filepath.Join(w.ha.StateDir(), "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20-room), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.ha.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Round(0, 4, 4, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	refused := -1
	const insufficientResources = 130
	for from := 4; from < nodes && refused < 0; from += 64 {
		for i := from; i < min(from+64, nodes); i++ {
			if err := g.Send(0, i); err != nil {
				t.Fatal(err)
			}
		}
		for g.Pending() > 0 && refused < 0 {
			if err := g.Wait(10 * time.Second); err != nil {
				if !strings.Contains(err.Error(), fmt.Sprintf("status %d", insufficientResources)) {
					t.Fatal(err)
				}
				refused = from
			}
		}
	}
	if refused < 0 {
		t.Fatal("nobody was refused")
	}
	client := w.ha.Client()
	defer client.Close()
	next := refused
	eventually(t, 10*time.Second, func() string {
		// What is small may still find room, and then the store is well.
		if err := g.Send(0, next); err != nil {
			t.Fatal(err)
		}
		next = max(refused, (next+1)%nodes)
		status, err := client.Status(within(t, 5*time.Second))
		if err != nil || len(status.Problems) == 0 || !strings.Contains(status.Problems[0].Text, "no space left on device") {
			return fmt.Sprintf("mip6ctl status: %+v (%v)", status.Problems, err)
		}
		return ""
	})
	time.Sleep(2 * time.Second) // the rest of the batch
	g.Drain(make(map[netip.Addr]uint16))
	consistent := func(when string) (n int) {
		t.Helper()
		bound := make(map[netip.Addr]netip.Addr)
		for _, b := range w.bindings(t) {
			bound[b.HomeAddress] = b.CareOf
		}
		w.kernelHas(t, when, bound)
		return len(bound)
	}
	full := consistent("full")
	if full < 4 || full >= nodes {
		t.Errorf("%d bindings on a full disk", full)
	}
	w.ha.Kill()
	if err := w.ha.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := consistent("full, and killed"); n != full {
		t.Errorf("%d bindings, and %d before the kill", n, full)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	if err := g.Round(1, nodes, 128, 30*time.Second); err != nil {
		t.Error(err)
	}
	if n := consistent("room again"); n != nodes {
		t.Errorf("%d bindings, want %d", n, nodes)
	}
}

// TestKernelDamagedStoreIsKeptAside: the daemon says so, runs, and goes on with the next
// Binding Update.
func TestKernelDamagedStoreIsKeptAside(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	w.ha.Kill()
	file := filepath.Join(w.ha.StateDir(), "mip6d.db")
	garbage := []byte(strings.Repeat("not a store\n", 5000))
	if err := os.WriteFile(file, garbage, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.ha.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept, err := filepath.Glob(file + ".damaged-*")
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept aside: %v (%v)", kept, err)
	}
	if b, err := os.ReadFile(kept[0]); err != nil || string(b) != string(garbage) {
		t.Errorf("%d octets of %d are kept (%v)", len(b), len(garbage), err)
	}
	out, err := w.ha.Ctl(t.Context(), "status")
	if err != nil || !strings.Contains(out, kept[0]) {
		t.Errorf("mip6ctl status (%v):\n%s", err, out)
	}
	up, err := w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	w.registered(t, up, 10*time.Second)
	answered(t, w.pingMN(t), up, 5*time.Second)
}

// restarts has the mobile node's mip6d killed and stopped, and started again each time; then is called when it is
// registered again.
func (w *world) restarts(t *testing.T, then func(restarted time.Time)) {
	t.Helper()
	for _, end := range []func() error{func() error { w.mn.Kill(); return nil }, w.mn.Stop} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		restarted := time.Now()
		if err := w.mn.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.registered(t, restarted, 10*time.Second)
		then(restarted)
	}
}

// TestKernelMobileNodeRestartsUnnoticed: the tunnel is as it should be, so nothing is
// changed and no packet is lost, in either direction.
func TestKernelMobileNodeRestartsUnnoticed(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	pings := []*traffic.Ping{w.pingMN(t), w.pingCN(t)}
	for _, p := range pings {
		answered(t, p, time.Time{}, 5*time.Second)
	}
	time.Sleep(time.Second)
	news := hearKernel(t, w.MN)
	steady := time.Now()
	w.restarts(t, func(time.Time) {
		time.Sleep(time.Second)
		news.unchanged(t, "restart")
	})
	for _, p := range pings {
		if sent, lost := losses(t, p, steady); lost > 0 {
			t.Errorf("%s: %d of %d lost", p.Name, lost, sent)
		}
	}
}

// TestKernelMobileNodeRestartsOnADirectPath: the correspondent holds the care-of address all the time, so packets go on
// directly: none is lost, they don't take the tunnel, and nothing is deleted.
func TestKernelMobileNodeRestartsOnADirectPath(t *testing.T) {
	w, _ := newROWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	start := time.Now()
	pings := []*traffic.Ping{w.pingMN(t), w.pingCN(t)}
	w.direct(t, start, 10*time.Second)
	time.Sleep(time.Second)
	news := hearKernel(t, w.MN)
	steady := time.Now()
	w.restarts(t, func(restarted time.Time) {
		if _, err := w.wire.Wait(within(t, 10*time.Second), restarted, received(capture.MH(capture.MHCareOfTest))); err != nil {
			t.Fatalf("return routability does not begin anew: %v", err)
		}
		time.Sleep(time.Second)
		for _, what := range news.changes(t) {
			// Its new end is set in place: XFRM_MSG_UPDSA, XFRM_MSG_UPDPOLICY.
			if what != "xfrm message 0x19" && what != "xfrm message 0x1a" {
				t.Errorf("after a restart: %s", what)
			}
		}
	})
	for _, p := range w.wire.Select(steady, capture.Tunnelled) {
		// Return routability does, and what the tunnel device says for itself.
		if _, signalling := p.IP.Inner.MHType(); !signalling && !p.IP.Inner.Src.IsLinkLocalUnicast() {
			t.Errorf("a packet took the tunnel %v after the first restart: %s → %s", p.Time.Sub(steady), p.IP.Inner.Src, p.IP.Inner.Dst)
		}
	}
	for _, p := range pings {
		if sent, lost := losses(t, p, steady); lost > 0 {
			t.Errorf("%s: %d of %d lost", p.Name, lost, sent)
		}
	}
}
