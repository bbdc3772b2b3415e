// Package exthdr reads and writes the two extension headers of Mobile IPv6: the
// Destination Options header with a Home Address option (RFC 6275 §6.3) and the
// type 2 routing header (§6.4).
package exthdr
