package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/internal/engine"
)

// statusInterval is how often systemd is told how we do where no watchdog sets the pace.
const statusInterval = time.Minute

// tellSystemd says READY=1 once the engine has taken the start, and from then on that
// its loop is alive and how we do; STOPPING=1 at the end. All but that is said on
// the engine's goroutine: while that hangs the watchdog is not fed.
func (d *daemon) tellSystemd(ctx context.Context) error {
	defer func() { d.told(d.manager.Stopping(d.roleNames() + ", stopping")) }()
	interval := statusInterval
	if w := d.manager.Watchdog(); w > 0 {
		interval = max(w/4, time.Millisecond)
	}
	if err := d.engine.Do(ctx, func() { d.told(d.manager.Ready(d.health())) }); err != nil {
		return ending(ctx, err)
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := d.engine.Do(ctx, d.alive); err != nil {
				return ending(ctx, err)
			}
		}
	}
}

// ending: the engine stops because everything does.
func ending(ctx context.Context, err error) error {
	if ctx.Err() != nil || err == engine.ErrStopped {
		return nil
	}
	return err
}

// alive is called on the engine's goroutine.
func (d *daemon) alive() {
	d.look()
	d.told(d.manager.Alive())
	d.told(d.manager.Status(d.health()))
}

// reloading tells of a reload, and returns what tells of its end.
func (d *daemon) reloading() (done func()) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		d.told(err)
	}
	d.told(d.manager.Reloading(time.Duration(t.Nano())))
	return func() { d.told(d.manager.Ready(d.health())) }
}

// told logs once that systemd can't be reached: nobody would miss what follows.
func (d *daemon) told(err error) {
	if err != nil {
		d.unheard.Do(func() { d.log.Warn("systemd does not hear us", "err", err) })
	}
}

// health is the line of `systemctl status`.
func (d *daemon) health() string {
	s := d.roleNames()
	switch wrong := d.problems.list(); len(wrong) {
	case 0:
	case 1:
		s += "; " + wrong[0].Text
	default:
		s += fmt.Sprintf("; %s, and %d more (mip6ctl status)", wrong[0].Text, len(wrong)-1)
	}
	return s
}

func (d *daemon) roleNames() string { return strings.Join(d.role.roles(), ", ") }
