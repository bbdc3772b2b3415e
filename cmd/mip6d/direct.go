package main

import (
	"context"

	"mip6d/internal/role"
	"mip6d/internal/xfrmmig"
)

// openDirect prepares xfrm for direct paths at either end, beside what the role
// needs there for itself, and sweeps those of an earlier run that are not kept.
func (d *daemon) openDirect(kept []role.Direct, own ...xfrmmig.Signalling) (*xfrmmig.Paths, error) {
	x, err := xfrmmig.Dial()
	if err != nil {
		return nil, err
	}
	defer x.Close()
	for _, s := range append(own, xfrmmig.CorrespondentSignalling()) {
		if err := x.Set(s); err != nil {
			return nil, err
		}
	}
	paths, err := xfrmmig.OpenPaths(func(ev role.Event) { d.engine.Post(ev) }, kept)
	if err != nil {
		return nil, err
	}
	d.keep(paths)
	return paths, nil
}

// keptDirect are the direct paths of an earlier run with which a mobile node may go on.
func keptDirect(left role.Restored) (list []role.Direct) {
	for _, e := range left.Entries {
		if !e.Home && e.Granted > 0 {
			list = append(list, role.Direct{Pair: role.Pair{Local: e.HomeAddress, Peer: e.Peer}, Side: role.Ours, CareOf: e.CareOf})
		}
	}
	return list
}

// hearReports has the kernel tell of Home Address options without a binding.
func (d *daemon) hearReports() error {
	r, err := xfrmmig.OpenReports()
	if err != nil {
		return err
	}
	d.keep(r)
	d.task(func(ctx context.Context) error { return r.Run(ctx, d.engine.Offer) })
	return nil
}
