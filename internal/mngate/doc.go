// Package mngate keeps a mobile node's multicast to RFC 6275 §11.3.4 while it is away, as BPF
// programs:
//
//   - On a tunnel device: no multicast listener's message enters the tunnel before the home
//     agent has sent one out of it, and there is a binding. The kernel would report groups at
//     once when a program joins them.
//   - On the way out of the interfaces with which the node moves: packets from a home address
//     to a group beyond the link go into its tunnel instead. The kernel's table of local routes,
//     which comes before all rules, has a route for all groups on each interface, and takes the
//     first.
//
// Besides it keeps groups of the configuration joined, wherever the node is.
//
// The files: program.go the programs, gate.go their maps and where they stand, groups.go the
// groups.
package mngate
