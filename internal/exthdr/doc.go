// Package exthdr reads and writes the two extension headers of Mobile IPv6: the
// Destination Options header with a Home Address option (RFC 6275 §6.3) and the
// type 2 routing header (§6.4).
//
// What a Parse function accepts, Append writes again byte for byte. An extension
// header that is not accepted is answered with silence (§9.3.1, §11.3.3); the
// answers of RFC 8200 §4.2 to options that nobody knows are the kernel's.
//
// The files: destopts.go the header and its options as they stand, homeaddress.go
// the one option that matters, routing.go, errors.go.
package exthdr
