package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mip6d/internal/loadgen"
	"mip6d/test/bench/report"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
)

// Options of a run.
type Options struct {
	Sizes        []int // numbers of bindings of the home agent, ascending
	ForwardSizes []int
	PerInterface []int // numbers of interfaces, ascending
	Rounds       int
	Sample       int    // registrations in a round
	Dir          string // for configurations and logs
	Packages     string // directory of test binaries
	Seconds      int    // of one stream
	Out          io.Writer
}

// scene is a network with a home agent, a load generator and one mobile node
// that has links and addresses.
type scene struct {
	topo   *topology.Topology
	ha     *daemon.Daemon
	gen    *loadgen.Generator
	nodes  int
	before int64 // the kernel's memory without any binding
}

// careOf is the real mobile node's, on the first foreign link; plainCareOf that of
// its tunnel of the ordinary kind.
var (
	careOfPrefix = netip.MustParsePrefix("2001:db8:f8::/64")
	careOf       = netip.MustParseAddr("2001:db8:f8::1")
	plainCareOf  = netip.MustParseAddr("2001:db8:f8::2")
)

// setUp builds the network and starts a home agent that knows n mobile nodes and
// one more, the real one.
func setUp(ctx context.Context, o Options, n int) (s *scene, err error) {
	s = &scene{nodes: n}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
			s = nil
		}
	}()
	s.topo, err = topology.Build(topology.Config{Unplug: true, Silent: map[topology.Link]bool{
		topology.Home: true, topology.Foreign1: true, topology.Foreign2: true}})
	if err != nil {
		return s, err
	}
	if err := load.Prepare(s.topo); err != nil {
		return s, err
	}
	if s.before, err = settled(ctx); err != nil {
		return s, err
	}
	cfg := load.HomeAgent(n+1, n+1)
	cfg.Patience = 5 * time.Minute // it reads 100,000 mobile nodes
	s.ha, err = daemon.Prepare(s.topo.HA, filepath.Join(o.Dir, fmt.Sprint(n)), cfg)
	if err != nil {
		return s, err
	}
	if err := s.ha.Start(ctx); err != nil {
		return s, err
	}
	return s, s.topo.CN.Do(func() error {
		s.gen, err = loadgen.Open(load.Population(n, n), loadgen.Options{NoResend: true, Patience: 20 * time.Second})
		return err
	})
}

// firstWindow is how many first registrations are under way, as each waits a second
// for DAD. More would wait so long on a slow machine that their timestamps are
// refused (RFC 4285 §6: 7 s).
const firstWindow = 512

// fill registers all mobile nodes.
func (s *scene) fill(ctx context.Context) (loadgen.Result, error) {
	r, err := s.run(ctx, loadgen.Load{Order: loadgen.Each(loadgen.First, 0, s.nodes), Window: firstWindow})
	if err == nil && r.Accepted != s.nodes {
		err = fmt.Errorf("%d of %d mobile nodes were accepted: %+v", r.Accepted, s.nodes, r)
	}
	return r, err
}

// run has one load of one kind pass.
func (s *scene) run(ctx context.Context, l loadgen.Load) (loadgen.Result, error) {
	results, err := s.gen.Run(ctx, l)
	if err != nil || len(results) == 0 {
		return loadgen.Result{}, errors.Join(err, ctx.Err())
	}
	return results[0], nil
}

func (s *scene) close() error {
	var errs []error
	if s.gen != nil {
		errs = append(errs, s.gen.Close())
	}
	if s.ha != nil {
		s.ha.Kill()
		errs = append(errs, os.WriteFile(filepath.Join(s.ha.Dir, "log"), []byte(s.ha.Log()), 0o644))
	}
	if s.topo != nil {
		errs = append(errs, s.topo.Close())
	}
	return errors.Join(errs...)
}

// HomeAgent measures a home agent of each size: registrations, memory, and for
// ForwardSizes forwarding.
func HomeAgent(ctx context.Context, o Options, r *report.Report) error {
	idle, err := idleMemory(ctx, o)
	if err != nil {
		return err
	}
	sizes := slices.Concat(o.Sizes, o.ForwardSizes)
	slices.Sort(sizes)
	for _, n := range slices.Compact(sizes) {
		fmt.Fprintf(o.Out, "home agent with %d bindings\n", n)
		if err := homeAgent(ctx, o, n, idle, r); err != nil {
			return fmt.Errorf("home agent with %d bindings: %w", n, err)
		}
	}
	return nil
}

// idleMemory is that of a mip6d that knows two mobile nodes and has no binding.
func idleMemory(ctx context.Context, o Options) (octets int64, err error) {
	s, err := setUp(ctx, o, 1)
	if err != nil {
		return 0, err
	}
	octets, err = s.ha.Memory()
	return octets, errors.Join(err, s.close())
}

func homeAgent(ctx context.Context, o Options, n int, idle int64, r *report.Report) (err error) {
	s, err := setUp(ctx, o, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	filled, err := s.fill(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "  filled with %.1f/s\n", filled.PerSecond)
	if slices.Contains(o.Sizes, n) {
		m, err := s.memory(ctx, idle)
		if err != nil {
			return err
		}
		fmt.Fprintf(o.Out, "  memory of a binding: %d octets mip6d, %d kernel\n", m.Daemon, m.Kernel)
		r.Memory = append(r.Memory, m)
		lines, err := s.registrations(ctx, o)
		if err != nil {
			return err
		}
		r.Registrations = append(r.Registrations, lines...)
	}
	if slices.Contains(o.ForwardSizes, n) {
		f, err := s.forwarding(ctx, o)
		if err != nil {
			return err
		}
		r.Forwarding = append(r.Forwarding, f)
	}
	return nil
}
