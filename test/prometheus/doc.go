// Package prometheus has Debian's Prometheus scrape daemons of the test bed, load the
// alert rules and answer every question of the dashboard: make test-prometheus. It costs
// half a minute and a download, and so is no part of make test.
package prometheus
