package netns

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
)

// TestKernelOverloadOfACorrespondent floods a correspondent node with ten times what it can do: test
// init messages from everywhere, and Binding Updates in the name of its mobile nodes. Those
// renew their bindings all the same, return routability included.
func TestKernelOverloadOfACorrespondent(t *testing.T) {
	const peers = 60
	topo := topology.New(t, topology.Config{Unplug: true})
	w := &world{Topology: topo}
	cn := daemon.New(t, topo.CN, daemon.Correspondent())
	p, err := load.NewPeers(topo.Router, peers)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	refresh := func(spread time.Duration) load.Served {
		t.Helper()
		s, err := p.Refresh(spread)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := refresh(0); s.All != peers {
		t.Fatalf("%d of %d peers registered", s.All, peers)
	}
	began := time.Now()
	refresh(0) // as fast as it can
	capacity := peers / time.Since(began).Seconds()
	quiet := refresh(*overloadTime)
	before := rss(t, cn.PID())
	t.Logf("capacity %.0f registrations/s, of three messages each; without a flood: %d of %d at the first try, %s; mip6d has %d KiB",
		capacity, quiet.First, peers, percentiles(quiet.Latency), before)

	for _, c := range []struct {
		name   string
		packet func(n int, rng *rand.Rand) ([]byte, error)
	}{
		{"test init messages from everywhere", func(n int, rng *rand.Rand) ([]byte, error) {
			from := somewhere(rng)
			if n%2 == 0 {
				return load.TestInit(&mh.HomeTestInit{}, from)
			}
			return load.TestInit(&mh.CareOfTestInit{}, from)
		}},
		{"binding updates in the name of mobile nodes", func(n int, rng *rand.Rand) ([]byte, error) {
			return load.RouteOptimizing(load.HomeAddress(n%peers), somewhere(rng), uint16(1000+n), [20]byte{1}, mh.NonceIndices{Home: uint16(n)})
		}},
	} {
		rng := rand.New(rand.NewPCG(6275, 9))
		var packets [][]byte
		for n := range 2000 {
			packet, err := c.packet(n, rng)
			if err != nil {
				t.Fatal(err)
			}
			packets = append(packets, packet)
		}
		stats := counters(t, cn)
		f := startFlood(t, w, "cn", cnMAC, packets, 30*capacity)
		start := time.Now()
		s := refresh(*overloadTime)
		took := time.Since(start)
		during := rss(t, cn.PID())
		n := f.stop(t)
		after := counters(t, cn)
		delta := func(name string) uint64 { return after[name] - stats[name] }
		t.Logf("%s: %.0f/s, %.1f times the messages it can do: %d of %d served, %d at the first try; %s; mip6d has %d KiB; dropped in the socket %d, strangers %d, known %d; answered %d tests",
			c.name, float64(n)/took.Seconds(), float64(n)/took.Seconds()/capacity/3, s.All, peers, s.First, percentiles(s.Latency), during,
			delta("mh_dropped_socket_full"), delta("strangers_dropped_queue_full"), delta("known_dropped_queue_full"), delta("rr_test_init_in"))
		if s.All*100 < peers*99 {
			t.Errorf("%s: %d of %d peers are served", c.name, s.All, peers)
		}
		if during > before+64<<10 {
			t.Errorf("%s: mip6d has grown from %d to %d KiB", c.name, before, during)
		}
		calm := refresh(*overloadTime / 2)
		t.Logf("%s: afterwards %d of %d, %d at the first try; %s", c.name, calm.All, peers, calm.First, percentiles(calm.Latency))
		if calm.All != peers {
			t.Errorf("%s: afterwards %d of %d", c.name, calm.All, peers)
		}
	}
}

// somewhere is an address of nobody's.
func somewhere(rng *rand.Rand) netip.Addr {
	a := netip.MustParseAddr("2001:db8:bad::").As16()
	binary.BigEndian.PutUint64(a[8:], rng.Uint64())
	binary.BigEndian.PutUint16(a[6:], uint16(rng.Uint32()))
	return netip.AddrFrom16(a)
}
