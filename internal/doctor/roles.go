package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// Role is a role of RFC 6275, by the name that it has in JSON everywhere.
type Role string

// The roles.
const (
	HomeAgent         Role = "home_agent"
	MobileNode        Role = "mobile_node"
	CorrespondentNode Role = "correspondent_node"
)

// Roles are all of them, in the order in which they are told of.
var Roles = []Role{HomeAgent, MobileNode, CorrespondentNode}

// Short is the RFC's abbreviation.
func (r Role) Short() string {
	switch r {
	case HomeAgent:
		return "HA"
	case MobileNode:
		return "MN"
	case CorrespondentNode:
		return "CN"
	}
	return string(r)
}

// String is the name for people.
func (r Role) String() string { return strings.ReplaceAll(string(r), "_", " ") }

// ParseRoles reads a list such as "ha,cn" or "mobile_node", each once.
func ParseRoles(list []string) ([]Role, error) {
	var roles []Role
	for _, name := range list {
		i := slices.IndexFunc(Roles, func(r Role) bool {
			return strings.EqualFold(name, r.Short()) || strings.EqualFold(name, string(r))
		})
		if i < 0 {
			return nil, fmt.Errorf("there is no role %q; there are ha, mn, cn", name)
		}
		if !slices.Contains(roles, Roles[i]) {
			roles = append(roles, Roles[i])
		}
	}
	slices.SortFunc(roles, func(a, b Role) int { return slices.Index(Roles, a) - slices.Index(Roles, b) })
	return roles, nil
}
