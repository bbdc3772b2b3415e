package engine

import "mip6d/internal/role"

// Applier carries out effects. It is called on the engine's goroutine only and
// must not wait for the engine.
type Applier interface {
	// Apply carries out a batch in its order and returns one error for each
	// effect (nil: in force), or a nil slice when all succeeded. An effect
	// must be idempotent; after an error its machine decides what to undo.
	Apply(effects []role.Effect) []error
}

// room says who carries an effect out.
type room uint8

const (
	kernelRoom room = iota // the kernel's applier: routes, addresses, policies
	storeRoom              // the store's: what the next run must know
	wireRoom               // the wire's applier: packets out
	ownRoom                // the engine itself
)

// String is what a Meter is told.
func (r room) String() string {
	switch r {
	case kernelRoom:
		return Kernel
	case storeRoom:
		return Store
	case wireRoom:
		return Wire
	default:
		return "engine"
	}
}

func roomOf(e role.Effect) room {
	switch e.(type) {
	case role.SetBinding, role.ClearBinding, role.AddCareOf, role.RemoveCareOf, role.KeepRouters, role.ShareRouters, role.SetHomePath,
		role.SetDirect, role.ClearDirect, role.AskTraffic, role.SetListener, role.ClearListener:
		return kernelRoom
	case role.StoreRegistration, role.StoreListEntry, role.StoreLease:
		return storeRoom
	case role.Count, role.Notice:
		return ownRoom
	default:
		return wireRoom
	}
}
