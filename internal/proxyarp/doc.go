// Package proxyarp defends IPv4 home addresses on a home link while their mobile
// nodes are away (RFC 5555 §4.5): it answers ARP requests for them with the home
// agent's link-layer address, and announces them when interception begins (RFC 826,
// RFC 5227 §2.3). internal/proxynd does the same for IPv6.
//
// frame.go is the pure part, links.go the sockets.
//
// It does not look for other owners of an address before: which IPv4 home addresses
// there are is the home agent's own configuration.
package proxyarp
