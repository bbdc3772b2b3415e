// Package ha is the home agent of RFC 6275 §10, without discovery and prefix
// messages: it validates Binding Updates (§9.5.1, §10.3, RFC 4285), has duplicate
// address detection done before the first acceptance, brings bindings into force
// and answers.
//
// The way of a Binding Update: receive.go finds out what it is, validate.go
// whether it is right, auth.go whether it is its mobile node's; node.go keeps
// what is known of one home address and leads the accepted request through
// detection (detect.go), kernel (kernel.go) and store (store.go), one at a time; answer.go builds
// acknowledgements and binding errors. network.go is for mobile routers (RFC 3963), ipv4.go
// for IPv4 home addresses (RFC 5555). params.go is the configuration, reload.go
// its change, snapshot.go what people may look at, timers.go expiry.
package ha
