// Package directspeed measures what route optimisation does to the throughput
// of TCP on a real kernel, beside the tunnel and beside no mobility at all.
//
//	MN ──── router = HA ──── CN
//
// The home agent is the router, so that all ways cost the same hops. No daemon
// runs: addresses, routes, the tunnel, states and policies are set as mip6d sets
// them.
//
// The files: world_test.go the network and the ways through it, filters_test.go
// an experiment with a way that spares xfrm, device_test.go what devices and
// queues are told, flow_test.go one TCP connection and what the kernel says about
// it, profile_test.go where the CPUs are meanwhile, speed_bench_test.go the
// measurement, promises_test.go what else the way by a device promises.
// docs/speed.md has the figures.
package directspeed
