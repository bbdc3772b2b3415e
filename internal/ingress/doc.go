// Package ingress keeps the home agent's two gates, as BPF programs on the
// clsact hooks of its interfaces:
//
//   - On the shared tunnel device: a decapsulated packet passes only if the
//     source of the tunnel header is the care-of address bound to the inner
//     source (RFC 6275 §10.4.5). Everything else is dropped and counted.
//   - On a home link: Neighbor Solicitations and Advertisements for a home
//     address that we defend (RFC 6275 §10.4.1) are kept from the kernel, which
//     would learn a neighbour for it or route the solicitation into the tunnel.
//     Packet sockets see them before this gate, so internal/proxynd still
//     answers.
//
// Both gates share one map, home address → care-of address. Gate and map
// outlive the process: a restart finds them and changes the map under the
// running filter, so that there is no moment with an open or an empty one.
//
// The files: program.go the two programs, gate.go their maps and the wanted
// state, attach.go the clsact hooks, recover.go what an earlier run left,
// counters.go, flower.go the source check where BPF is not allowed, open.go
// which of the two it is.
//
// This package is not for policy between bound mobile nodes and the rest of
// the world: that is the firewall's.
package ingress
