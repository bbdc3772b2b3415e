// Package rtnl keeps our state in the kernel over rtnetlink: addresses, routes,
// rules, neighbours and tunnel devices. Its setters are idempotent: they name
// the state that is wanted, and setting what is there changes nothing.
//
// The files: marks.go what tells our state from others', message.go and
// encode.go pure encoders, conn.go the socket that writes many requests at once,
// bindings.go a home agent's routes, detour.go their way into each other, link.go
// tunnel devices, homepath.go a
// mobile node's home addresses, networks.go what is behind it, careof.go its
// care-of addresses, sysctl.go the
// settings of managed interfaces, share.go the routers that
// share load, labels.go the policy table for source addresses,
// state.go what is remembered of both, mobilenode.go the applier of these three,
// traffic.go what the kernel counts on tunnels, losses.go what others delete, cleanup.go the end of it all.
//
// It decides nothing about the protocol, and leaves xfrm to internal/xfrmmig.
package rtnl
