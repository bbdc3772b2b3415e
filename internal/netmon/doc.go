// Package netmon turns the kernel's rtnetlink news into role events: links that
// come up and go down, addresses that become usable or fail duplicate address
// detection, routers that neighbour unreachability detection gave up.
//
// The files: monitor.go the socket, and resynchronisation when news were lost;
// retry.go what is tried again; decode.go messages to news, pure; state.go news to events, pure.
package netmon
