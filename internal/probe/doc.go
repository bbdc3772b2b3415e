// Package probe finds out what the running kernel can do by doing it: every probe
// of internal/doctor's table makes the thing itself, with the encoders and programs
// of the appliers, in a network namespace that is thrown away. No version and no
// configuration is read.
//
// The files: probe.go runs them, scratch.go is the namespace and what probes share
// in it, classify.go makes findings of errors; the others are one for each family, as in the table: headers.go,
// ipsec.go and migrate.go, tunnels.go, addresses.go, routing.go and protocol.go, filters.go.
package probe
