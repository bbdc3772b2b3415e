// Package bench measures what docs/benchmarks.md tells: a home agent with few
// and with very many bindings, the design with an interface for each binding
// beside it, a correspondent node's cryptography, and handovers beside those of
// WireGuard. It runs in one network of namespaces on one kernel, so that ratios
// hold where absolute figures don't.
//
// The files: homeagent.go the home agent with its load generator,
// registrations.go, memory.go, forwarding.go, streams.go what is sent for that,
// perinterface.go, hotpaths.go the benchmarks of single packages, handover.go,
// wireguard.go. The rooms: report the figures and the document, cmd/bench is
// `make bench`.
package bench
