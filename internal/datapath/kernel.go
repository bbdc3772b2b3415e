package datapath

import (
	"fmt"

	"mip6d/internal/role"
)

// Applier carries out a batch of effects in their order; see engine.Applier.
type Applier interface {
	Apply([]role.Effect) []error
}

// Kernel joins the applier of direct paths with that of everything else that a
// role has in the kernel.
type Kernel struct {
	Main   Applier // nil: the role has nothing else there
	Direct Applier
}

// Apply hands each run of effects to the one whose they are.
func (k Kernel) Apply(effects []role.Effect) []error {
	errs := make([]error, len(effects))
	for from := 0; from < len(effects); {
		to := from + 1
		for to < len(effects) && isDirect(effects[to]) == isDirect(effects[from]) {
			to++
		}
		applier := k.Main
		if isDirect(effects[from]) {
			applier = k.Direct
		}
		if applier == nil {
			errs[from] = fmt.Errorf("%T is nothing that this role has in the kernel", effects[from])
			from++
			continue
		}
		copy(errs[from:to], applier.Apply(effects[from:to]))
		from = to
	}
	return errs
}

func isDirect(e role.Effect) bool {
	switch e.(type) {
	case role.SetDirect, role.ClearDirect, role.AskTraffic:
		return true
	}
	return false
}
