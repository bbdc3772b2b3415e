package netns

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// world is the picture with both daemons running.
type world struct {
	*topology.Topology
	ha, mn *daemon.Daemon
	wire   *capture.Capture // of the mobile node's interface
}

// settings of a world; the zero value is the picture with matching keys.
type settings struct {
	topology.Config
	haConfig, mnConfig *daemon.Config
	before             func(*topology.Topology) // before the daemons start
}

func newWorld(t testing.TB, s settings) *world {
	t.Helper()
	w := &world{Topology: topology.New(t, s.Config)}
	if s.before != nil {
		s.before(w.Topology)
	}
	var err error
	if w.wire, err = capture.Start(w.MN, topology.MNInterface, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.wire.Close(); err != nil {
			t.Error(err)
		}
	})
	ha, mn := daemon.HomeAgent(), daemon.MobileNode()
	if s.haConfig != nil {
		ha = *s.haConfig
	}
	if s.mnConfig != nil {
		mn = *s.mnConfig
	}
	w.ha = daemon.New(t, w.HA, ha)
	w.mn = daemon.New(t, w.MN, mn)
	return w
}

// patience is how much longer than a test's limit, which is for a quiet machine, within and eventually wait. Some
// machines that run this have two cores for several such guests.
const patience = 3

// within bounds how long a test waits for something.
func within(t testing.TB, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience*limit)
	t.Cleanup(cancel)
	return ctx
}

// acknowledged waits for a Binding Acknowledgement on the mobile node's wire
// and returns its status.
func (w *world) acknowledged(t testing.TB, since time.Time, limit time.Duration) uint8 {
	t.Helper()
	p, err := w.wire.Wait(within(t, limit), since, received(capture.MH(capture.MHBindingAcknowledgement)))
	if err != nil {
		t.Fatalf("no Binding Acknowledgement: %v", err)
	}
	return baStatus(p.IP)
}

// baStatus is the Status field, RFC 6275 §6.1.8.
func baStatus(p *capture.IPv6) uint8 { return p.Payload[6] }

func received(want func(capture.Packet) bool) func(capture.Packet) bool {
	return func(p capture.Packet) bool { return !p.Out && want(p) }
}

func sent(want func(capture.Packet) bool) func(capture.Packet) bool {
	return func(p capture.Packet) bool { return p.Out && want(p) }
}

// registered waits until a Binding Update was accepted.
func (w *world) registered(t testing.TB, since time.Time, limit time.Duration) {
	t.Helper()
	accepted := func(p capture.Packet) bool {
		return capture.MH(capture.MHBindingAcknowledgement)(p) && baStatus(p.IP) < 128
	}
	if _, err := w.wire.Wait(within(t, limit), since, received(accepted)); err != nil {
		t.Fatalf("no accepting Binding Acknowledgement: %v", err)
	}
}

// ping starts an echo stream that ends with the test.
func (w *world) pingMN(t testing.TB) *traffic.Ping {
	t.Helper()
	return startPing(t, func() (*traffic.Ping, error) {
		return traffic.StartPing(w.CN, topology.CNAddr, topology.HoA, 10*time.Millisecond)
	})
}

func (w *world) pingCN(t testing.TB) *traffic.Ping {
	t.Helper()
	return startPing(t, func() (*traffic.Ping, error) {
		return traffic.StartPing(w.MN, topology.HoA, topology.CNAddr, 10*time.Millisecond)
	})
}

func startPing(t testing.TB, start func() (*traffic.Ping, error)) *traffic.Ping {
	t.Helper()
	p, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(0) })
	return p
}

// answered waits until a stream gets a reply after since.
func answered(t testing.TB, p *traffic.Ping, since time.Time, limit time.Duration) {
	t.Helper()
	eventually(t, limit, func() string {
		if p.Answered(since) {
			return ""
		}
		return p.Name + ": no reply"
	})
}

// eventually polls until nothing is wrong any more.
func eventually(t testing.TB, limit time.Duration, wrong func() string) {
	t.Helper()
	end := time.Now().Add(patience * limit)
	for {
		what := wrong()
		if what == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %v: %s", patience*limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// silent checks that a stream gets no reply for a while.
func silent(t testing.TB, p *traffic.Ping, d time.Duration) {
	t.Helper()
	since := time.Now()
	time.Sleep(d)
	if p.Answered(since) {
		t.Errorf("%s is answered", p.Name)
	}
}

// left is when the mobile node heard that it has left home, after a move, and has had a moment to
// act on it. What it sends before goes as at home (README, Honest limits).
func (w *world) left(t testing.TB, moved time.Time) (heard time.Time) {
	t.Helper()
	eventually(t, 5*time.Second, func() string {
		for line := range strings.Lines(w.mn.Log()) {
			at, rest, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
			when, err := time.Parse(time.RFC3339Nano, at)
			if err == nil && !when.Before(moved.Truncate(time.Millisecond)) && strings.Contains(rest, "event=link_") {
				heard = when
				return ""
			}
		}
		return "the mobile node has not heard of its move"
	})
	const moment = 50 * time.Millisecond
	return heard.Add(moment)
}

// noLeak checks that no packet of the home address left untunnelled while the
// mobile node was away.
func (w *world) noLeak(t testing.TB, since time.Time) {
	t.Helper()
	leaks := w.wire.Select(since, sent(capture.Untunnelled(topology.HoA)))
	if len(leaks) > 0 {
		p := leaks[0].IP
		t.Errorf("%d packets of the home address left untunnelled on a foreign link, first %s → %s protocol %d", len(leaks), p.Src, p.Dst, p.Proto)
	}
}

// careOf is the source of the last Binding Update sent.
func (w *world) careOf(t testing.TB, since time.Time) netip.Addr {
	t.Helper()
	bus := w.wire.Select(since, sent(capture.MH(capture.MHBindingUpdate)))
	if len(bus) == 0 {
		t.Fatal("no Binding Update was sent")
	}
	return bus[len(bus)-1].IP.Src
}
