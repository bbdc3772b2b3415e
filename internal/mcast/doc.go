// Package mcast carries multicast packets between a home agent's home links and mobile
// nodes that are away (RFC 6275 §10.4.2, §11.3.4), in user space: it joins on each home link
// the groups that internal/listener has memberships of, once each, copies what arrives there
// into the tunnels of the members, and sends what comes out of a tunnel on to the home link.
//
// The files: forwarder.go what is wanted and who carries it out, table.go who listens,
// packet.go what is done to a packet, joins.go memberships on home links, homelink.go and
// reverse.go the packet sockets of home links and of the tunnel device, tunnel.go what goes
// into tunnels and what listeners say, filter.go the sockets' filters, counters.go.
//
// Why not the kernel's multicast routing: there may be one user of it in a network
// namespace, other daemons want to be that one, and it needs an interface of its own for each
// tunnel, of at most 32, where all our tunnels share a device (docs/multicast.md).
//
// What comes out of the tunnel has passed the source check of internal/ingress before it is
// seen here. What listeners say has not; internal/listener looks at its tunnel.
package mcast
