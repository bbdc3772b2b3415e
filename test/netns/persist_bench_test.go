package netns

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mip6d/test/netns/daemon"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// BenchmarkKernelRestart is a home agent that is killed and started again, with bindings in the store and in the
// kernel: the time from its start until it says READY=1, what it changed in the kernel, and what was lost meanwhile of
// a stream through the tunnel. With that, what it costs to have the bindings: memory, and the CPU while nothing happens.
func BenchmarkKernelRestart(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("bindings=%d", n), func(b *testing.B) { benchmarkRestart(b, n) })
	}
}

func benchmarkRestart(b *testing.B, n int) {
	ready := listenNotify(b)
	cfg := homeAgentOf(n, n)
	cfg.Wrap = []string{"sh", "-c", `NOTIFY_SOCKET=` + ready.path + ` exec "$0" "$@"`}
	cfg.Patience = 2 * time.Minute
	topo := topology.New(b, topology.Config{Start: topology.Foreign1, Silent: map[topology.Link]bool{topology.Home: true}})
	ha := daemon.New(b, topo.HA, cfg)
	ready.wait(b)
	empty := ownMemory(b, ha) // with the configuration of as many mobile nodes
	g, err := load.New(topo, n, n)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	if err := g.Round(0, n, 128, 120*time.Second); err != nil {
		b.Fatal(err)
	}
	daemon.New(b, topo.MN, daemon.MobileNode())
	ping := startPing(b, func() (*traffic.Ping, error) {
		return traffic.StartPing(topo.CN, topology.CNAddr, topology.HoA, 2*time.Millisecond)
	})
	answered(b, ping, time.Time{}, 20*time.Second)
	news := hearKernel(b, topo.HA)
	began, changes := time.Now(), 0
	var starting time.Duration
	for b.Loop() {
		ha.Kill()
		start := time.Now()
		if err := ha.Start(b.Context()); err != nil {
			b.Fatal(err)
		}
		starting += ready.wait(b).Sub(start)
		changes += len(news.changes(b))
	}
	_, lost := losses(b, ping, began)
	b.ReportMetric(float64(starting.Milliseconds())/float64(b.N), "ms/start")
	b.ReportMetric(float64(changes)/float64(b.N), "changes/start")
	b.ReportMetric(float64(lost)/float64(b.N), "lost/start")
	b.ReportMetric((ownMemory(b, ha)-empty)/float64(n), "B/binding")
	client := ha.Client()
	defer client.Close()
	if list, err := client.Bindings(b.Context()); err != nil || len(list) != n+1 {
		b.Fatalf("%d bindings of %d (%v)", len(list), n+1, err)
	}
	b.ReportMetric(idle(b, ha)*100, "%CPU-idle")
}

// ownMemory is the daemon's own memory in octets.
func ownMemory(b *testing.B, d *daemon.Daemon) float64 {
	b.Helper()
	v, err := d.Memory()
	if err != nil {
		b.Fatal(err)
	}
	return float64(v)
}

// idle is the part of a processor that the daemon uses while nothing is asked of it: for so long that one garbage
// collection, which is nearly all of it and comes every two to three minutes, does not stand for each half minute.
func idle(b *testing.B, d *daemon.Daemon) float64 {
	b.Helper()
	const settle, measured = 10 * time.Second, 4 * time.Minute
	time.Sleep(settle)
	before, err := d.CPUTime()
	time.Sleep(measured)
	after, err2 := d.CPUTime()
	if err := errors.Join(err, err2); err != nil {
		b.Fatal(err)
	}
	return float64(after-before) / float64(measured)
}

// notify plays the service manager.
type notify struct {
	path  string
	ready chan time.Time // when READY=1 came
}

func listenNotify(b *testing.B) *notify {
	b.Helper()
	n := &notify{path: filepath.Join(b.TempDir(), "notify"), ready: make(chan time.Time, 100)}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: n.path, Net: "unixgram"})
	if err != nil {
		b.Fatal(err)
	}
	var reader sync.WaitGroup
	b.Cleanup(func() { conn.Close(); reader.Wait() })
	reader.Go(func() {
		buf := make([]byte, 4096)
		for {
			k, err := conn.Read(buf)
			if err != nil {
				return
			}
			if strings.HasPrefix(string(buf[:k]), "READY=1\n") {
				n.ready <- time.Now()
			}
		}
	})
	return n
}

// wait waits for the next READY=1, and says when it came.
func (n *notify) wait(b *testing.B) time.Time {
	b.Helper()
	select {
	case at := <-n.ready:
		return at
	case <-time.After(60 * time.Second):
		b.Fatal("no READY=1")
		return time.Time{}
	}
}
