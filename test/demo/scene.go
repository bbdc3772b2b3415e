// Package demo plays what mip6d is for: home agent, mobile node and
// correspondent node in namespaces; the mobile node moves about while a TCP
// transfer and an echo stream in each direction go on.
//
// The files: scene.go sets the machines up, play.go moves the mobile node and
// tells it live, watch.go hears the kernel's address news. The rooms: measure
// computes the figures, report writes them, cmd/demo is `make demo`.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/radv"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// Options of a performance.
type Options struct {
	Interval radv.Interval // between router advertisements
	Moves    int           // between the foreign links, at least 1
	Dwell    time.Duration // after each move
	Dir      string        // for logs and the capture
	Out      io.Writer     // the live timeline
	IPsec    bool          // signalling is protected by it, with static keys
}

// pingInterval is that of the echo streams.
const pingInterval = 10 * time.Millisecond

// scene is everything that runs during a performance.
type scene struct {
	topo     *topology.Topology
	ha       *daemon.Daemon
	mn, cn   *daemon.Daemon
	wire     *capture.Capture // the mobile node's interface
	news     *addressWatch
	fromMN   *traffic.Ping
	fromCN   *traffic.Ping
	directMN *traffic.Ping // the same with the CN's other address, whose path is optimised
	directCN *traffic.Ping
	transfer *traffic.Transfer
	closers  []func() error
}

// setUp builds the network, starts the daemons, waits until the mobile node is
// at home, and starts the traffic.
func setUp(ctx context.Context, o Options) (s *scene, err error) {
	s = new(scene)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
			s = nil
		}
	}()
	if s.topo, err = topology.Build(topology.Config{Interval: o.Interval}); err != nil {
		return s, err
	}
	s.closers = append(s.closers, s.topo.Close)
	agent, mobile := daemon.HomeAgent(), daemon.MobileNode()
	if o.IPsec {
		agent, mobile = daemon.HomeAgentIPsec(""), daemon.MobileNodeIPsec("")
	}
	if s.ha, err = startDaemon(ctx, s, s.topo.HA, agent, o.Dir); err != nil {
		return s, err
	}
	if _, err = s.topo.CN.Run(ctx, "ip", "addr", "add", topology.CNDirectAddr.String()+"/64", "dev", "eth0", "nodad"); err != nil {
		return s, err
	}
	if s.cn, err = startDaemon(ctx, s, s.topo.CN, daemon.Config{Text: "correspondent_node: {}\n"}, o.Dir); err != nil {
		return s, err
	}
	mobile.Text += fmt.Sprintf("  route_optimization: {deny: [%s]}\n", topology.CNAddr)
	if s.mn, err = startDaemon(ctx, s, s.topo.MN, mobile, o.Dir); err != nil {
		return s, err
	}
	if s.wire, err = capture.Start(s.topo.MN, topology.MNInterface, nil); err != nil {
		return s, err
	}
	s.closers = append(s.closers, s.wire.Close)
	if s.news, err = watchAddresses(s.topo.MN, topology.MNInterface); err != nil {
		return s, err
	}
	s.closers = append(s.closers, s.news.close)
	if s.fromCN, err = traffic.StartPing(s.topo.CN, topology.CNAddr, topology.HoA, pingInterval); err != nil {
		return s, err
	}
	if err = firstReply(ctx, s.fromCN, 20*time.Second); err != nil {
		return s, fmt.Errorf("the mobile node does not answer at home: %w", err)
	}
	if s.fromMN, err = traffic.StartPing(s.topo.MN, topology.HoA, topology.CNAddr, pingInterval); err != nil {
		return s, err
	}
	if err = firstReply(ctx, s.fromMN, 10*time.Second); err != nil {
		return s, fmt.Errorf("the CN does not answer the mobile node at home: %w", err)
	}
	if s.directMN, err = traffic.StartPing(s.topo.MN, topology.HoA, topology.CNDirectAddr, pingInterval); err != nil {
		return s, err
	}
	if s.directCN, err = traffic.StartPing(s.topo.CN, topology.CNDirectAddr, topology.HoA, pingInterval); err != nil {
		return s, err
	}
	s.transfer, err = traffic.StartTransfer(ctx, s.topo.MN, topology.HoA, s.topo.CN, topology.CNAddr)
	return s, err
}

func startDaemon(ctx context.Context, s *scene, n *node.Node, cfg daemon.Config, dir string) (*daemon.Daemon, error) {
	d, err := daemon.Prepare(n, filepath.Join(dir, n.Name), cfg)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error {
		d.Kill()
		return os.WriteFile(filepath.Join(dir, n.Name+".log"), []byte(d.Log()), 0o644)
	})
	return d, d.Start(ctx)
}

// close ends everything, last started first.
func (s *scene) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// firstReply waits until a stream gets a reply.
func firstReply(ctx context.Context, p *traffic.Ping, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return answeredSince(ctx, time.Time{}, p)
}

// answeredSince waits until each stream got a reply after a moment.
func answeredSince(ctx context.Context, since time.Time, streams ...*traffic.Ping) error {
	for _, p := range streams {
		for !p.Answered(since) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s: no reply", p.Name)
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	return nil
}
