// Package ctl is the control socket: HTTP and JSON over a Unix socket, server
// and client with one set of types. The JSON is a contract with programs: keys
// are snake_case and stay, new ones may come.
//
// routes.go lists what can be asked. docs/openapi.yaml is written from it and the types
// by a test; docs/api.md is for people.
//
// The files: status.go, binding.go, interface.go, stats.go, event.go the
// types, seconds.go their durations, source.go what the server asks of the
// daemon and fake.go a fake of it, hub.go events to many watchers, history.go
// what is kept of them and events.go the question for it, change.go what root may change, listen.go
// the socket, access.go who may change something, server.go, routes.go, client.go, and
// failure.go what the client says when it gets no answer.
//
// Who may open the socket may ask everything: permission is the file's mode. Only root
// may change anything.
package ctl
