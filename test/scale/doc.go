// Package scale measures a home agent with many bindings.
//
// model_test.go has the home agent's machine, engine and store with a kernel that is a map,
// for profiles without a VM; BenchmarkHomeAgent prints what a registration costs there
// (docs/performance.md), idle_test.go what it costs to have bindings at rest. The daemon on a real
// kernel is measured by test/netns.
package scale
