package netns

import (
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
)

var overloadTime = flag.Duration("overload.time", 700*time.Millisecond, "how long mobile nodes refresh their bindings in each flood")

// A flood: packets made beforehand, injected right before the home agent, one after another.
type flood struct {
	out    *capture.Injector
	frames [][]byte
	rate   float64 // packets per second that are wanted; what the machine can do is less
	sent   atomic.Int64
	end    chan struct{}
	err    chan error
}

// Of the router's neighbours.
const (
	haMAC = "02:00:00:00:0a:01"
	cnMAC = "02:00:00:00:0c:02"
)

// startFlood floods a machine at one end of the router until stop.
func startFlood(t *testing.T, w *world, port, mac string, packets [][]byte, rate float64) *flood {
	t.Helper()
	out, err := capture.OpenInjector(w.Router, port)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Unseen(); err != nil {
		t.Fatal(err)
	}
	f := &flood{out: out, rate: rate, end: make(chan struct{}), err: make(chan error, 1)}
	for _, p := range packets {
		f.frames = append(f.frames, capture.EthernetFrame(mac, p))
	}
	go func() { f.err <- f.run() }()
	return f
}

func (f *flood) run() error {
	began := time.Now()
	for n := 0; ; n++ {
		select {
		case <-f.end:
			return f.out.Close()
		default:
		}
		if due := time.Duration(float64(n) / f.rate * 1e9); n%32 == 0 && time.Since(began) < due {
			time.Sleep(due - time.Since(began))
		}
		if err := f.out.Send(f.frames[n%len(f.frames)]); err != nil {
			return err
		}
		f.sent.Add(1)
	}
}

func (f *flood) stop(t *testing.T) int {
	t.Helper()
	close(f.end)
	if err := <-f.err; err != nil {
		t.Error(err)
	}
	return int(f.sent.Load())
}

// refreshes has every mobile node refresh its binding once, spread over a time, and sends again
// as a mobile node does (RFC 6275 §11.8: after one second, two, four). first counts those that
// the first one did it for, all those who were served in the end; latency is from the first.
type refreshes struct {
	nodes, first, all int
	latency           []time.Duration
}

func (r refreshes) String() string {
	return fmt.Sprintf("%d of %d served, %d at the first try; %s", r.all, r.nodes, r.first, percentiles(r.latency))
}

func percentiles(latency []time.Duration) string {
	slices.Sort(latency)
	at := func(p int) time.Duration {
		if len(latency) == 0 {
			return 0
		}
		return latency[min(len(latency)*p/100, len(latency)-1)].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("p50 %v, p99 %v", at(50), at(99))
}

func refreshAll(t *testing.T, g *load.Generator, round, nodes int, spread time.Duration) (r refreshes) {
	t.Helper()
	type try struct {
		node         int
		begun, again time.Time
		wait         time.Duration
		tries        int
	}
	pending := make(map[netip.Addr]*try)
	r.nodes = nodes
	began := time.Now()
	for next := 0; next < nodes || len(pending) > 0; {
		now := time.Now()
		for ; next < nodes && now.Sub(began) >= spread*time.Duration(next)/time.Duration(nodes); next++ {
			pending[load.HomeAddress(next)] = &try{node: next, begun: now, again: now, wait: time.Second}
		}
		for home, x := range pending {
			if x.again.After(now) {
				continue
			}
			if x.tries == 4 {
				delete(pending, home)
				continue
			}
			packet, err := g.Update(round, x.node, load.Lifetime)
			if err == nil {
				err = g.Inject(packet)
			}
			if err != nil {
				t.Fatal(err)
			}
			x.tries++
			x.again = now.Add(x.wait)
			x.wait *= 2
		}
		for _, home := range g.Accepted(2 * time.Millisecond) {
			x, ok := pending[home]
			if !ok {
				continue
			}
			delete(pending, home)
			r.all++
			if x.tries == 1 {
				r.first++
			}
			r.latency = append(r.latency, time.Since(x.begun))
		}
	}
	return r
}

// rss is how much memory a process has, in KiB.
func rss(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	n, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// spoofed are Binding Updates that anybody could make: bound says whether for home addresses
// that have a binding, with a sequence number that would do.
func spoofed(t *testing.T, g *load.Generator, nodes, many int, bound bool) (packets [][]byte) {
	t.Helper()
	rng := rand.New(rand.NewPCG(6275, 8))
	for n := range many {
		packet, err := g.Update(60000, n%nodes, load.Lifetime)
		if err != nil {
			t.Fatal(err)
		}
		packet[len(packet)-1] ^= 1 // the authenticator is its last option
		const sequence = 40 + 24 + 6
		binary.BigEndian.PutUint16(packet[sequence:], g.Sequence(n%nodes)+1000)
		binary.BigEndian.PutUint64(packet[8+8:], rng.Uint64())
		if !bound {
			const home = 40 + 8 // in the Home Address option
			binary.BigEndian.PutUint64(packet[home+8:], rng.Uint64()|1<<63)
		}
		fixChecksum(packet)
		packets = append(packets, packet)
	}
	return packets
}

// moves are Binding Updates of mobile nodes that move faster than anybody may.
func moves(t *testing.T, g *load.Generator, first, nodes, many int) (packets [][]byte) {
	t.Helper()
	for n := range many {
		packet, err := g.Update(100+n, first+n%nodes, load.Lifetime)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, packet)
	}
	return packets
}

// fixChecksum makes the checksum of such a packet right again: over its home address.
func fixChecksum(packet []byte) {
	home, ok := netip.AddrFromSlice(packet[40+8 : 40+24])
	dst, ok2 := netip.AddrFromSlice(packet[24:40])
	if ok && ok2 {
		load.SetChecksum(packet[64:], home, dst)
	}
}

// TestKernelOverload floods a home agent with ten times what it can do: by strangers, in the name
// of its mobile nodes, and by mobile nodes of its own. Refreshes of everybody else are served;
// memory is bounded; when it is over everything is as before.
//
// The flood is as fast as the machine allows, which a busy one may not.
func TestKernelOverload(t *testing.T) {
	const nodes, insiders = 100, 10
	spread := *overloadTime
	topo := topology.New(t, topology.Config{Unplug: true})
	w := &world{Topology: topo, ha: daemon.New(t, topo.HA, load.HomeAgent(nodes+insiders, nodes+insiders))}
	g, err := load.New(topo, nodes+insiders, nodes+insiders)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.Round(0, nodes+insiders, 64, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	// What it can do: moves, one after the other as fast as they are answered.
	began := time.Now()
	const rounds = 4
	for round := range rounds {
		if err := g.Round(1+round, nodes, 64, 30*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	capacity := rounds * nodes / time.Since(began).Seconds()
	quiet := refreshAll(t, g, rounds, nodes, spread)
	before := rss(t, w.ha.PID())
	t.Logf("capacity %.0f moves/s; without a flood: %v; mip6d has %d KiB", capacity, quiet, before)

	for _, c := range []struct {
		name    string
		packets func() [][]byte
	}{
		{"unknown home addresses", func() [][]byte { return spoofed(t, g, nodes, 2000, false) }},
		{"forged in the name of mobile nodes", func() [][]byte { return spoofed(t, g, nodes, 2000, true) }},
		{"authentic, of its own mobile nodes", func() [][]byte { return moves(t, g, nodes, insiders, int(10*capacity*spread.Seconds())) }},
	} {
		packets := c.packets()
		stats := counters(t, w.ha)
		f := startFlood(t, w, "ha", haMAC, packets, 10*capacity)
		start := time.Now()
		r := refreshAll(t, g, rounds, nodes, spread)
		took := time.Since(start)
		during := rss(t, w.ha.PID())
		n := f.stop(t)
		after := counters(t, w.ha)
		delta := func(name string) uint64 { return after[name] - stats[name] }
		t.Logf("%s: %.0f/s, %.1f times the capacity: %v; mip6d has %d KiB; dropped in the socket %d, strangers %d, known %d, other %d; over budget %d, refusals kept back %d",
			c.name, float64(n)/took.Seconds(), float64(n)/took.Seconds()/capacity, r, during, delta("mh_dropped_socket_full"),
			delta("strangers_dropped_queue_full"), delta("known_dropped_queue_full"), delta("events_dropped_queue_full"),
			delta("updates_over_budget"), delta("answers_rate_limited"))
		if r.all*100 < r.nodes*99 {
			t.Errorf("%s: %d of %d mobile nodes are served", c.name, r.all, r.nodes)
		}
		if delta("known_dropped_queue_full") > 0 {
			t.Errorf("%s: %d messages of bound mobile nodes were dropped", c.name, delta("known_dropped_queue_full"))
		}
		if during > before+64<<10 {
			t.Errorf("%s: mip6d has grown from %d to %d KiB", c.name, before, during)
		}
		// At once means with what is still in the queues.
		calm := refreshAll(t, g, rounds, nodes, spread/2)
		t.Logf("%s: afterwards %v", c.name, calm)
		if calm.all != calm.nodes {
			t.Errorf("%s: afterwards %v", c.name, calm)
		}
	}
	eventually(t, 10*time.Second, func() string { // the last of the flood may be in the queue
		bound := make(map[netip.Addr]netip.Addr)
		for _, b := range w.bindings(t) {
			bound[b.HomeAddress] = b.CareOf
		}
		if len(bound) != nodes+insiders {
			return fmt.Sprintf("%d bindings, want %d", len(bound), nodes+insiders)
		}
		return w.kernelDiffers(t, bound)
	})
}

// counters are those of mip6ctl show stats.
func counters(t *testing.T, d *daemon.Daemon) map[string]uint64 {
	t.Helper()
	client := d.Client()
	defer client.Close()
	stats, err := client.Stats(within(t, 30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]uint64)
	maps.Copy(all, stats.Counters)
	maps.Copy(all, stats.DataPath)
	return all
}
