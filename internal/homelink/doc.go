// Package homelink is what a home agent does for its home links besides binding:
// it advertises itself there (RFC 6275 §7, §10.5), keeps the list of the other home
// agents (§10.5.1), answers those who ask for home agents (§10.5, RFC 3963 §7), and
// tells mobile nodes that are away of the links' prefixes (§10.6).
//
// The files: params.go what it is told, reload.go changes of that, drain.go its leave, advertise.go its
// own Router Advertisements, list.go those of the others, discovery.go the answers
// to those who ask for home agents, prefixes.go what a link's prefixes are,
// deliver.go when mobile nodes hear of them.
//
// Bindings are internal/ha's.
package homelink
