// Package ctl is the control socket: HTTP and JSON over a Unix socket, server
// and client with one set of types. The JSON is a contract with programs: keys
// are snake_case and stay, new ones may come.
//
//	GET /v1/status      Status
//	GET /v1/bindings    []Binding        a home agent's binding cache
//	GET /v1/bul         []BindingUpdate  a mobile node's Binding Update List
//	GET /v1/interfaces  []Interface      what a role does with which interface
//	GET /v1/stats       Stats
//	GET /v1/watch       Event after Event, one JSON object a line, without end
//
// The files: status.go, binding.go, interface.go, stats.go, event.go the
// types, seconds.go their durations, source.go what the server asks of the
// daemon and fake.go a fake of it, hub.go events to many watchers, listen.go
// the socket, server.go, client.go, and failure.go what the client says when
// it gets no answer.
//
// Who may open the socket may ask everything; permission is the file's mode.
package ctl
