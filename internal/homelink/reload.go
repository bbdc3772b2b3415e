package homelink

import (
	"slices"

	"mip6d/internal/role"
)

// Reconfigured changes the parameters of a running machine: all but which links
// there are, on which interfaces.
type Reconfigured struct {
	role.External
	Params Params
}

// reconfigured takes new parameters over. What is new is advertised at once.
func (m *Machine) reconfigured(p Params) {
	m.p = p.withDefaults()
	m.replies.Max = m.p.MaxReplies
	for i, l := range m.links {
		if i < len(p.Links) {
			if !slices.Equal(l.Prefixes, p.Links[i].Prefixes) {
				m.news(l)
			}
			l.Link = p.Links[i]
			l.sent = 0
		}
	}
	m.begin()
}
