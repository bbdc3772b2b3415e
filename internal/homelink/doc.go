// Package homelink is what a home agent does for its home links besides binding:
// it advertises itself there (RFC 6275 §7, §10.5), keeps the list of the other home
// agents (§10.5.1), and answers those who ask for home agents (§10.5, RFC 3963
// §7).
//
// The files: params.go what it is told, advertise.go its own Router
// Advertisements, list.go those of the others, discovery.go the answers, reload.go changes
// of what it is told.
//
// Bindings are internal/ha's.
package homelink
