// Package listener is a home agent's machine for multicast membership of mobile nodes
// that are away (RFC 6275 §10.4.3): it asks each for its groups with MLD queries through
// the tunnel, keeps what they report, and has packets to these groups tunnelled to them.
//
// The files: machine.go the machine and its time table, params.go what it is told, node.go
// mobile nodes and queries, report.go what they say, view.go what people see.
//
// What a packet to a group goes through is internal/mcast's, the bindings are internal/ha's.
package listener
