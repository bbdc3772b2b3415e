package admission

import (
	"time"

	"mip6d/internal/engine"
	"mip6d/internal/role"
)

// Either is for a daemon with several roles: an event is of the best class that one of them
// has for it.
func Either(roles ...engine.Classify) engine.Classify {
	if len(roles) == 1 {
		return roles[0]
	}
	return func(now time.Time, ev role.Event) engine.Class {
		best := engine.ClassStranger
		for _, classify := range roles {
			best = min(best, classify(now, ev))
		}
		return best
	}
}
