package doctor

// Key names a probe. Keys are kept: programs depend on them.
type Key string

// Level is how much a role needs what a probe tries.
type Level string

const (
	Must   Level = "must"   // mip6d does not work in this role without, and does not start
	Should Level = "should" // it works, and something is worse
	May    Level = "may"    // mip6d makes no use of it; a network around it may
)

// Need is what one role wants with something.
type Need struct {
	Role    Role
	Level   Level
	Without string // what happens without, a sentence without a full stop
}

// Remedy is how to get what is missing.
type Remedy struct {
	Option string // of the kernel's configuration, several joined by a comma
	Module string // that the kernel loads by itself where it is installed; empty: built in, or nothing to load
	Also   string // what else there is to do; may be empty
}

// Probe is one thing that is tried.
type Probe struct {
	Key   Key
	Group string // a heading
	What  string // is tried, in a few words
	Needs []Need // roles that are not here do not care

	// Instead is another probe that is enough by itself; empty: none. A Must is
	// then one of the two, and Neither is what happens without both.
	Instead Key
	Neither string

	// Waits: a packet has to come, which may take a moment. A daemon does not make
	// its start depend on that.
	Waits bool

	Get Remedy
}

// need is what a role wants with the probe; false: nothing.
func (p Probe) need(r Role) (Need, bool) {
	for _, n := range p.Needs {
		if n.Role == r {
			return n, true
		}
	}
	return Need{}, false
}

// all is one need of every role.
func all(l Level, without string) []Need {
	return []Need{{HomeAgent, l, without}, {MobileNode, l, without}, {CorrespondentNode, l, without}}
}
