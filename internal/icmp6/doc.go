// Package icmp6 reads and writes the ICMPv6 messages that Mobile IPv6 adds or
// changes: neighbour discovery (RFC 4861 §4) with the flags and options of RFC
// 6275 §7, Home Agent Address Discovery and Mobile Prefix messages (§6.5–6.8),
// and Parameter Problem (RFC 4443 §3.4).
//
// What Parse accepts, Marshal writes again byte for byte, with unknown options
// and reserved bits. Lifetimes are time.Durations; all ones is Infinite.
//
// The files: message.go the values, parse.go and marshal.go the two directions,
// options.go the options, validate.go the rules of RFC 4861 that need the IPv6
// header, checksum.go.
package icmp6
