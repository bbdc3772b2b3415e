package config

import (
	"net/netip"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

const (
	defaultMaxGroups        = 1024
	maxMaxGroups            = 65536
	defaultMaxGroupsPerNode = 32
	maxMaxGroupsPerNode     = 1024
	defaultQueryInterval    = 125 * time.Second // RFC 3810 §9.2
	minQueryInterval        = 12 * time.Second  // longer than mobile nodes take to answer (RFC 3810 §9.3)
	maxQueryInterval        = 31744 * time.Second
)

// multicast reads on, off, or what differs from the defaults.
func (d *decoder) multicast(dst **Multicast, path string, n *yaml.Node) {
	m := &Multicast{MaxGroups: defaultMaxGroups, MaxGroupsPerNode: defaultMaxGroupsPerNode, QueryInterval: defaultQueryInterval}
	*dst = m
	if enter(n).Kind != yaml.MappingNode {
		on := false
		if d.onOff(&on)(path, n); !on {
			*dst = nil
		}
		return
	}
	d.mapping(path, n,
		optional("scopes", func(path string, n *yaml.Node) {
			d.list(path, n, func(path string, n *yaml.Node) {
				var s Scope
				choice(d, &s, ScopeAdminLocal, ScopeSiteLocal, ScopeOrganizationLocal)(path, n)
				if s != "" && !slices.Contains(m.Scopes, s) {
					m.Scopes = append(m.Scopes, s)
				}
			})
		}),
		optional("max_groups", integer(d, &m.MaxGroups, 1, maxMaxGroups)),
		optional("max_groups_per_node", integer(d, &m.MaxGroupsPerNode, 1, maxMaxGroupsPerNode)),
		optional("query_interval", d.duration(&m.QueryInterval, minQueryInterval, maxQueryInterval)),
	)
}

// maxHomeGroups is how many groups a home address may have: as many as a home agent takes from
// it by default.
const maxHomeGroups = defaultMaxGroupsPerNode

// groups reads a list of multicast groups that can be listened to from elsewhere.
func (d *decoder) groups(dst *[]netip.Addr) reader {
	return func(path string, n *yaml.Node) {
		d.list(path, n, func(path string, n *yaml.Node) {
			const want = "an IPv6 multicast address"
			n, ok := d.scalar(path, n, want)
			if !ok {
				return
			}
			a, err := netip.ParseAddr(n.Value)
			switch {
			case err != nil || !a.Is6() || !a.IsMulticast() || a.Zone() != "":
				d.failf(path, n, "wants %s and is %s", want, describe(n))
			case a.As16()[1]&0x0f <= linkLocalScope:
				d.failf(path, n, "%s is a group of one link: no home agent sends on what comes to it (RFC 6275 §10.4.2)", a)
			case slices.Contains(*dst, a):
				d.failf(path, n, "%s is there already", a)
			default:
				*dst = append(*dst, a)
			}
		})
		if len(*dst) > maxHomeGroups {
			d.wrongf(path, "has %d groups: at most %d are allowed", len(*dst), maxHomeGroups)
		}
	}
}

// linkLocalScope is the scop field of groups of a link (RFC 4291 §2.7).
const linkLocalScope = 2
