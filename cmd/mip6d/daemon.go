package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"mip6d/internal/config"
	"mip6d/internal/ctl"
	"mip6d/internal/engine"
	"mip6d/internal/journal"
	"mip6d/internal/metrics"
	"mip6d/internal/mhsock"
	"mip6d/internal/rtnl"
	"mip6d/internal/sdnotify"
	"mip6d/internal/xfrmmig"
)

// daemon is one run: the roles of a configuration, wired to their appliers.
type daemon struct {
	cfg      atomic.Pointer[config.Config]
	log      *slog.Logger
	since    time.Time
	loaded   atomic.Pointer[time.Time]
	hub      ctl.Hub
	journal  *journal.Journal
	problems problems
	unsent   unsent
	counters engine.Counters
	engine   *engine.Engine
	meter    *metrics.Meter // nil: nobody measures
	mh       *mhsock.MH
	guard    *xfrmmig.Guard // nil: a role that nothing is protected of
	role     wiring
	tasks    []func(context.Context) error // run until the context ends
	closers  []io.Closer
	manager  sdnotify.Notifier // none unless systemd has started us
	unheard  sync.Once

	oneReload sync.Mutex
	drained   atomic.Pointer[time.Time] // since when; nil: it is not
}

// wiring is what differs between the roles.
type wiring interface {
	roles() []string
	// reload takes over what config.NeedRestart does not name.
	reload(*config.Config) error
	source
}

func newDaemon(cfg *config.Config, log *slog.Logger) *daemon {
	d := &daemon{log: log, since: time.Now()}
	d.hub.Keep(cfg.Control.Journal, d.since)
	d.journal = journal.New(cfg.Control.Journal, d.since)
	d.setConfig(cfg)
	return d
}

func (d *daemon) setConfig(cfg *config.Config) {
	now := time.Now()
	d.cfg.Store(cfg)
	d.loaded.Store(&now)
}

// takenOver lets go of what the role has taken over from the configuration in a form of its own and
// there may be very much of, and gives back to the system what was needed for reading it.
func (d *daemon) takenOver() {
	cfg := *d.cfg.Load()
	if cfg.HomeAgent != nil {
		home := *cfg.HomeAgent
		home.MobileNodes = nil
		cfg.HomeAgent = &home
	}
	d.cfg.Store(&cfg)
	debug.FreeOSMemory()
}

func (d *daemon) run(ctx context.Context) (err error) {
	defer func() {
		for i := len(d.closers) - 1; i >= 0; i-- {
			err = errors.Join(err, d.closers[i].Close())
		}
	}()
	cfg := d.cfg.Load()
	if err := os.MkdirAll(cfg.RunDir, 0o755); err != nil {
		return fmt.Errorf("make the run directory: %w", err)
	}
	// First, so that a second daemon with this socket changes nothing.
	socket, err := d.listen(cfg)
	if err != nil {
		return err
	}
	d.closers = append(d.closers, socket)
	partly, err := d.checkKernel(cfg)
	if err != nil {
		return err
	}
	if err := d.openMetrics(cfg); err != nil {
		return err
	}
	switch {
	case cfg.HomeAgent != nil:
		d.role, err = d.homeAgent(cfg)
	case cfg.MobileNode != nil:
		d.role, err = d.mobileNode(cfg)
	default:
		d.role, err = d.correspondentNode(cfg)
	}
	if err != nil {
		if partly {
			err = fmt.Errorf("%w (mip6ctl doctor, run as root, tells whether the kernel is to blame)", err)
		}
		return err
	}
	d.takenOver()
	g, ctx := errgroup.WithContext(ctx)
	for _, task := range d.tasks {
		g.Go(func() error { return task(ctx) })
	}
	g.Go(func() error { return d.engine.Run(ctx) })
	g.Go(func() error { return ctl.NewServer(d, d.log).Serve(ctx, socket) })
	g.Go(func() error { d.hangups(ctx); return nil })
	g.Go(func() error { return d.tellSystemd(ctx) })
	d.log.Info("mip6d runs", "role", strings.Join(d.role.roles(), ","), "version", ctl.Version(), "config", d.cfg.Load().File)
	err = g.Wait()
	d.log.Info("mip6d stops", "role", strings.Join(d.role.roles(), ","))
	return err
}

func (d *daemon) listen(cfg *config.Config) (*ctl.Socket, error) {
	group := d.group(cfg)
	if group == "" {
		d.log.Warn("the group that may use mip6ctl does not exist; only root may", "group", cfg.Control.Group)
	}
	return ctl.Listen(cfg.Control.Socket, group)
}

// group is who may use our sockets beside root; empty: nobody.
func (d *daemon) group(cfg *config.Config) string {
	if !cfg.Control.GroupGiven && !ctl.GroupExists(cfg.Control.Group) {
		return ""
	}
	return cfg.Control.Group
}

// hangups reloads the configuration at each SIGHUP.
func (d *daemon) hangups(ctx context.Context) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			_ = d.reload() // it has been logged
		}
	}
}

// reload takes over the configuration as it is now. One that is wrong changes nothing.
func (d *daemon) reload() error {
	d.oneReload.Lock()
	defer d.oneReload.Unlock()
	defer d.reloading()()
	old := d.cfg.Load()
	cfg, err := config.Load(old.File)
	if err == nil {
		err = formHomeAddresses(cfg, linkAddress)
	}
	if err == nil {
		if keys := old.NeedRestart(cfg); len(keys) > 0 {
			err = fmt.Errorf("only a restart, which no mobile node notices, can change %s", strings.Join(keys, ", "))
		} else {
			err = d.role.reload(cfg)
		}
	}
	d.problems.set(reloadProblem, err)
	if err != nil {
		d.log.Error("reload refused, the old configuration stays in force", "err", err)
		return err
	}
	d.setConfig(cfg)
	d.takenOver()
	d.log.Info("configuration reloaded", "config", cfg.File)
	return nil
}

// keep has something closed at the end, in the opposite order.
func (d *daemon) keep(c io.Closer) { d.closers = append(d.closers, c) }

func (d *daemon) task(t func(context.Context) error) { d.tasks = append(d.tasks, t) }

func marks(k config.Kernel) rtnl.Marks {
	return rtnl.Marks{
		RouteProtocol: uint8(k.RouteProtocol), RulePriority: uint32(k.RulePriority),
		Table: k.Table, TunnelName: k.TunnelName, PathPrefix: k.TunnelPrefix,
	}
}
