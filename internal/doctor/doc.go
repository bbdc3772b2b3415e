// Package doctor knows what mip6d wants of a kernel: a table of probes, with what
// each role loses without and how to get it, and the judgement of what a kernel
// answered. The probing itself is internal/probe's.
//
// The files: probe.go what a probe is; a table for each family, xfrm.go, tunnels.go,
// addresses.go, routing.go, filters.go, joined in table.go; judge.go from findings to a Report;
// report.go its form as JSON; roles.go the roles' names.
//
// `mip6ctl doctor` prints a Report, and mip6d refuses to start with the same
// sentences.
package doctor
