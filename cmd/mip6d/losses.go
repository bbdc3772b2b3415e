package main

import (
	"context"

	"mip6d/internal/loss"
)

// watchRoutes has routes and rules of ours set again when somebody deletes them: network managers do that with all
// that they don't know (docs/network-managers.md).
func (d *daemon) watchRoutes(open func() (*loss.Watch, error), reinstate func() error) error {
	w, err := open()
	if err != nil {
		return err
	}
	d.keep(w)
	d.task(func(ctx context.Context) error {
		return w.Run(ctx, func() {
			if d.engine.Do(ctx, func() { d.problems.set("routes", reinstate()) }) == nil {
				d.log.Warn("routes or rules of ours were deleted by another program; they are there again (docs/network-managers.md)")
			}
		})
	})
	return nil
}
