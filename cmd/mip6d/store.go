package main

import (
	"fmt"

	"mip6d/internal/config"
	"mip6d/internal/store"
)

// openStore opens what outlives this run. A store that can't be read is put aside,
// and what that means is said in docs/persistence.md; one that can't be opened or
// written ends the run, as nothing could be promised.
func (d *daemon) openStore(cfg *config.Config) (*store.Keeper, error) {
	aside := func(name string, err error) {
		d.log.Error("the store can't be read; it was put aside, and this run begins with an empty one", "kept_as", name, "err", err)
		d.problems.set("store", fmt.Errorf("%w; it is kept as %s, and bindings of earlier runs are forgotten", err, name))
	}
	failing := false
	health := func(err error) {
		if err == nil && !failing {
			return // what was put aside stays a problem until the next start
		}
		failing = err != nil
		d.problems.set("commit", err)
	}
	k, err := store.Open(cfg.StateDir, health, aside)
	if err != nil {
		return nil, err
	}
	d.keep(k)
	return k, nil
}
