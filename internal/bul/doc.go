// Package bul is a mobile node's Binding Update List (RFC 6275 §11.1): what was
// sent to whom, what was acknowledged, and until when a peer may hold a binding
// of ours. With it come the two clocks of §11.8, the exponential back-off and
// the limit of MAX_UPDATE_RATE messages a second.
//
// The files: entry.go one entry and its life, list.go the list and the sequence
// numbers that outlive an entry, backoff.go and rate.go the clocks.
//
// Times come in as arguments; nothing here reads a clock. The package is not
// for deciding what to send (internal/mn) nor for wire formats (internal/mh).
package bul
