package main

import (
	"net/netip"

	"mip6d/internal/admission"
	"mip6d/internal/engine"
	"mip6d/internal/ha"
	"mip6d/internal/mhsock"
	"mip6d/internal/role"
)

// openMH opens the Mobility Header socket.
func (d *daemon) openMH(tunnel func(ifindex int, sa uint32) bool) (*mhsock.MH, error) {
	mh, err := mhsock.ListenMH(tunnel, d.counters.Add)
	if err != nil {
		return nil, err
	}
	d.keep(mh)
	d.mh = mh
	return mh, nil
}

// classify sorts what comes in an overload, for a home agent and a correspondent beside it.
func (h *homeAgent) classify() engine.Classify {
	if h.correspondent.machine == nil {
		return h.admission.Classify
	}
	return admission.Either(h.admission.Classify, h.correspondent.admission.Classify)
}

// keysOf is by what a home agent's mobile nodes are known.
func keysOf(p ha.Params) admission.Keys {
	roster := ha.NewRoster(p.MobileNodes)
	return func(home netip.Addr) (k admission.Key, configured bool) {
		m := roster.Find(home)
		if m == nil {
			return k, false
		}
		if k.SA = m.SA; m.Auth != nil {
			k.SPI, k.Key = m.Auth.SPI, m.Auth.Key
		}
		return k, true
	}
}

// socketDrops is what the kernel dropped before we could look at it.
func (d *daemon) socketDrops(into map[role.Counter]uint64) error {
	if d.mh == nil {
		return nil // not open yet
	}
	n, err := d.mh.Dropped()
	if err != nil {
		return err
	}
	into[role.CountSocketFull] = n
	return nil
}
