package datapath

import (
	"fmt"

	"mip6d/internal/role"
)

// Applier carries out a batch of effects in their order; see engine.Applier.
type Applier interface {
	Apply([]role.Effect) []error
}

// Kernel joins the appliers of direct paths and of multicast listeners with that of
// everything else that a role has in the kernel. One that is nil has nothing there.
type Kernel struct {
	Main      Applier
	Direct    Applier
	Listeners Applier
}

// Apply hands each run of effects to the one whose they are.
func (k Kernel) Apply(effects []role.Effect) []error {
	errs := make([]error, len(effects))
	for from := 0; from < len(effects); {
		to := from + 1
		whose := roomOf(effects[from])
		for to < len(effects) && roomOf(effects[to]) == whose {
			to++
		}
		applier := [...]Applier{mainRoom: k.Main, directRoom: k.Direct, listenerRoom: k.Listeners}[whose]
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

type room uint8

const (
	mainRoom room = iota
	directRoom
	listenerRoom
)

func roomOf(e role.Effect) room {
	switch e.(type) {
	case role.SetDirect, role.ClearDirect, role.AskTraffic:
		return directRoom
	case role.SetListener, role.ClearListener:
		return listenerRoom
	}
	return mainRoom
}
