package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/ha"
	"mip6d/internal/homelink"
	"mip6d/internal/role"
)

// Reload implements ctl.Source.
func (d *daemon) Reload(context.Context) error {
	if err := d.reload(); err != nil {
		return ctl.NotNow("reload refused, the old configuration stays in force: %v", err)
	}
	return nil
}

// mustBeHomeAgent is for the other roles.
func (c *correspondent) mustBeHomeAgent() (*homeAgent, error) {
	return nil, ctl.NotNow("this daemon is no home agent, and only those hold home registrations that can be drained or deleted")
}

func (h *homeAgent) mustBeHomeAgent() (*homeAgent, error) { return h, nil }

// drainProblem is told as long as new bindings are refused: nobody should forget that.
const drainProblem = "drain"

// Draining implements ctl.Source.
func (d *daemon) Draining(ctx context.Context) (out ctl.Drain, err error) {
	h, err := d.role.mustBeHomeAgent()
	if err != nil {
		return out, err
	}
	err = d.engine.Do(ctx, func() { out.Draining, out.Bindings = h.machine.Draining(), h.machine.Len() })
	if since := d.drained.Load(); since != nil && out.Draining {
		out.Since = *since
	}
	return out, err
}

// SetDrain implements ctl.Source.
func (d *daemon) SetDrain(ctx context.Context, on bool) (ctl.Drain, error) {
	if _, err := d.role.mustBeHomeAgent(); err != nil {
		return ctl.Drain{}, err
	}
	was, err := d.Draining(ctx)
	if err != nil || was.Draining == on {
		return was, err
	}
	// First nobody is told of us any more, then mobile nodes are refused: who looks for
	// another home agent then is not sent here again.
	for _, ev := range []role.Event{homelink.Drain{On: on}, ha.Drain{On: on}} {
		if err := d.engine.Step(ctx, ev); err != nil {
			return ctl.Drain{}, err
		}
	}
	if on {
		now := time.Now()
		d.drained.Store(&now)
		d.problems.set(drainProblem, errors.New("new bindings are refused; mip6ctl drain --cancel, or a restart, ends that"))
		d.log.Warn("draining: new bindings are refused, and mobile nodes asked to leave", "bindings", was.Bindings)
	} else {
		d.problems.set(drainProblem, nil)
		d.log.Info("no longer draining", "bindings", was.Bindings)
	}
	return d.Draining(ctx)
}

// DeleteBinding implements ctl.Source. Kernel and store are done with it when it
// returns.
func (d *daemon) DeleteBinding(ctx context.Context, home netip.Addr) (was ctl.Binding, err error) {
	h, err := d.role.mustBeHomeAgent()
	if err != nil {
		return was, err
	}
	bound := false
	err = d.engine.Do(ctx, func() {
		var b role.Binding
		if b, bound = h.machine.Binding(home); bound {
			was = h.show(b, time.Now())
		}
	})
	switch {
	case err != nil:
		return was, err
	case !bound:
		return was, ctl.NotThere("there is no binding of %s here", home)
	}
	if err := d.engine.Step(ctx, ha.Delete{HomeAddress: home}); err != nil {
		return was, err
	}
	settled := false
	if err := d.engine.Do(ctx, func() { settled = h.machine.Settled(home) }); err != nil {
		return was, err
	}
	if !settled {
		return was, fmt.Errorf("the binding of %s has ended, but kernel or store have refused to forget it, and are asked again each second; the log says why", home)
	}
	return was, nil
}
