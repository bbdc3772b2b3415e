// Package metrics is what mip6d tells Prometheus: https://prometheus.io. It is off
// unless the configuration has a metrics section. docs/metrics.md lists the names;
// they are kept, as dashboards and alert rules depend on them.
//
// Nothing is computed per packet. What happens (a batch, a change of state, a
// registration) is observed as it happens, by Meter; what is (bindings, the kernel's
// counters, queues) is asked when somebody scrapes, by the collector. No label holds
// an address of a mobile node: labels stay few, and who scrapes learns nobody's
// whereabouts.
//
// The files: family.go and names.go the metrics, counters.go the roles' counters in
// Prometheus's words, meter.go and latency.go what happens, source.go and collector.go
// what is, fake.go a fake daemon, server.go the listener.
package metrics
