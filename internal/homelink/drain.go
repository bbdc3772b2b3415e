package homelink

import "mip6d/internal/role"

// Drain has us leave the home agents of our links, or come back. While we leave, nobody is
// told of us: answers to discovery leave us out, and our advertisements are a router's that
// is no home agent, by which the others take us out of their lists (RFC 6275 §10.5.1). A
// Home Agent Lifetime of zero would say the same, and MUST NOT be used (§7.4). Prefixes keep
// their R bit: mobile nodes that are still bound come home by it.
type Drain struct {
	role.External
	On bool
}

// drain advertises at once what has changed.
func (m *Machine) drain(on bool) {
	if m.leaving == on {
		return
	}
	m.leaving = on
	for _, l := range m.links {
		l.sent = 0
	}
	m.begin()
}
