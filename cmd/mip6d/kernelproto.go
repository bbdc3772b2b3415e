package main

import (
	"mip6d/internal/engine"
	"mip6d/internal/role"
)

type joined struct{ main, direct engine.Applier }

func (j joined) Apply(effects []role.Effect) []error {
	errs := make([]error, len(effects))
	for i, e := range effects {
		a := j.main
		switch e.(type) {
		case role.SetDirect, role.ClearDirect, role.AskTraffic:
			a = j.direct
		}
		if r := a.Apply([]role.Effect{e}); r != nil {
			errs[i] = r[0]
		}
	}
	return errs
}
