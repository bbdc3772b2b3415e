// Package icmp6 reads and writes the ICMPv6 messages that Mobile IPv6 adds or
// changes: neighbour discovery (RFC 4861 §4) with the flags and options of RFC
// 6275 §7, Home Agent Address Discovery and Mobile Prefix messages (§6.5–6.8),
// and the error messages (RFC 4443 §3).
//
// What Parse accepts, Marshal writes again byte for byte, with unknown options
// and reserved bits. Lifetimes are time.Durations; all ones is Infinite.
//
// The files: message.go and errors.go the values, body.go their fixed parts,
// options.go the options, parse.go and marshal.go the two directions, validate.go the rules of RFC 4861 that need the IPv6
// header, checksum.go.
package icmp6
