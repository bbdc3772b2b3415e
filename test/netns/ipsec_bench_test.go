package netns

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/radv"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// protections are what the benchmarks compare, by the beginning of their metrics' names.
// Route optimisation is off in all of them, as payload in a tunnel has it.
var protections = []struct {
	name   string
	ha, mn daemon.Config
}{
	{"plain", daemon.HomeAgent(), daemon.MobileNode()},
	{"signalling", daemon.HomeAgentIPsec(""), daemon.MobileNodeIPsec("")},
	{"payload", daemon.HomeAgentIPsec(", payload: on"), daemon.MobileNodeIPsec(", payload: on")},
}

// protectedWorlds are one of each protection, side by side with the mobile node away, so that what is compared is measured in
// turn: whatever else the machine does, it does to all of them. Routers are quiet until they are solicited.
func protectedWorlds(b *testing.B) []*world {
	var list []*world
	for _, p := range protections {
		mn := p.mn // this is run more than once
		mn.Text += "  route_optimization: {default: off}\n"
		w := newWorld(b, settings{Config: topology.Config{Start: topology.Foreign1, Interval: radv.Usual}, haConfig: &p.ha, mnConfig: &mn})
		ping := w.pingMN(b)
		answered(b, ping, time.Time{}, 20*time.Second)
		ping.Stop(0)
		list = append(list, w)
	}
	return list
}

// handover is how long a stream to the mobile node was interrupted, and parts of that: until the Binding Update left, from
// there to the Binding Acknowledgement, and to the next reply.
type handover struct {
	Gap, Update, Acknowledgement, Reply time.Duration
}

// BenchmarkKernelIPsecHandover is the interruption of a stream to the mobile node when it moves
// between foreign links: without IPsec, with protected signalling, with payload in the
// tunnel as well. 21 moves of each, medians.
func BenchmarkKernelIPsecHandover(b *testing.B) {
	const moves = 21
	worlds := protectedWorlds(b)
	seen := make([][]handover, len(worlds))
	for b.Loop() {
		for i := range 1 + moves {
			for k, w := range worlds {
				h := w.handover(b, [...]topology.Link{topology.Foreign2, topology.Foreign1}[i%2])
				if i > 0 { // the first has caches filled
					seen[k] = append(seen[k], h)
				}
			}
		}
	}
	medians := make([]time.Duration, len(worlds))
	for k, p := range protections {
		for what, part := range map[string]func(handover) time.Duration{
			"interruption": func(h handover) time.Duration { return h.Gap },
			"to-BU":        func(h handover) time.Duration { return h.Update },
			"BU-to-BA":     func(h handover) time.Duration { return h.Acknowledgement },
			"BA-to-reply":  func(h handover) time.Duration { return h.Reply },
		} {
			var list []time.Duration
			for _, h := range seen[k] {
				list = append(list, part(h))
			}
			slices.Sort(list)
			quartile := func(n int) float64 { return float64(list[len(list)*n/4].Microseconds()) / 1000 }
			b.ReportMetric(quartile(2), p.name+"-"+what+"-ms")
			if what == "interruption" {
				b.ReportMetric(quartile(1), p.name+"-lower-quartile-ms")
				b.ReportMetric(quartile(3), p.name+"-upper-quartile-ms")
				medians[k] = list[len(list)/2]
			}
		}
	}
	for k, p := range protections[1:] {
		b.ReportMetric(float64(medians[k+1])/float64(medians[0]), p.name+"-times-plain")
	}
}

// handover moves the mobile node under a stream.
func (w *world) handover(b *testing.B, to topology.Link) (h handover) {
	ping := startPing(b, func() (*traffic.Ping, error) {
		return traffic.StartPing(w.CN, topology.CNAddr, topology.HoA, 5*time.Millisecond)
	})
	begin := time.Now()
	time.Sleep(200 * time.Millisecond)
	answered(b, ping, begin, 20*time.Second)
	up, err := w.Move(to)
	if err != nil {
		b.Fatal(err)
	}
	answered(b, ping, up, 20*time.Second)
	time.Sleep(300 * time.Millisecond)
	g := traffic.Measure(ping.Stop(0), begin, time.Now().Add(-100*time.Millisecond), up)
	first := func(after time.Time, out bool, typ uint8, spi uint32) time.Time {
		for _, p := range w.wire.Select(after, func(p capture.Packet) bool { return p.Out == out && (capture.MH(typ)(p) || esp(spi)(p)) }) {
			return p.Time
		}
		b.Fatalf("no message of type %d after a move to %s", typ, to)
		return time.Time{}
	}
	bu := first(up, true, capture.MHBindingUpdate, spiSignallingUp)
	ba := first(bu, false, capture.MHBindingAcknowledgement, spiSignallingDown)
	return handover{g.Largest, bu.Sub(up), ba.Sub(bu), g.FirstReply.Sub(ba)}
}

// BenchmarkKernelIPsecThroughput is what TCP carries through the tunnel, from the mobile
// node and to it: medians of 5 times 2 seconds.
func BenchmarkKernelIPsecThroughput(b *testing.B) {
	worlds := protectedWorlds(b)
	for _, w := range worlds {
		w.wire.Stop() // it would keep all that is carried
	}
	seen := make([][2][]float64, len(worlds))
	for b.Loop() {
		for range 5 {
			for k, w := range worlds {
				for way := range 2 {
					from, to, src, dst := w.MN, w.CN, topology.HoA, topology.CNAddr
					if way == 1 {
						from, to, src, dst = to, from, dst, src
					}
					rate, err := carry(from, src, to, dst, 2*time.Second)
					if err != nil {
						b.Fatal(err)
					}
					seen[k][way] = append(seen[k][way], rate)
				}
			}
		}
	}
	var plain [2]float64
	for k, p := range protections {
		for way, name := range []string{"-from-mn", "-to-mn"} {
			slices.Sort(seen[k][way])
			median := seen[k][way][len(seen[k][way])/2]
			b.ReportMetric(median, p.name+name+"-Mbit/s")
			if k == 0 {
				plain[way] = median
			} else {
				b.ReportMetric(median/plain[way], p.name+name+"-of-plain")
			}
		}
	}
}

// carry sends as fast as TCP can, and returns how many Mbit/s have come within a time, the first half second not counted.
func carry(client *node.Node, from netip.Addr, server *node.Node, to netip.Addr, d time.Duration) (float64, error) {
	const slowStart = 500 * time.Millisecond
	var l *net.TCPListener
	if err := server.Do(func() (err error) {
		l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(to, 0)))
		return err
	}); err != nil {
		return 0, err
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		done <- client.Do(func() error {
			dialer := net.Dialer{Timeout: 20 * time.Second, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
			c, err := dialer.Dial("tcp", l.Addr().String())
			if err != nil {
				return err
			}
			defer c.Close()
			for b := make([]byte, 1<<16); err == nil; { // until the other end has enough
				_, err = c.Write(b)
			}
			return nil
		})
	}()
	if err := l.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return 0, err
	}
	c, err := l.AcceptTCP()
	if err != nil {
		return 0, fmt.Errorf("%w; %w", err, <-done)
	}
	n, begin := 0, time.Now()
	if err := c.SetReadDeadline(begin.Add(slowStart + d)); err != nil {
		return 0, err
	}
	for b := make([]byte, 1<<18); ; {
		got, err := c.Read(b)
		if time.Since(begin) > slowStart {
			n += got
		}
		if err != nil {
			break
		}
	}
	took := time.Since(begin) - slowStart
	_ = c.SetLinger(0) // what is under way is not wanted
	_ = c.Close()
	return float64(n) * 8 / 1e6 / took.Seconds(), <-done
}
