// Package mh is the codec of the Mobility Header and its options: RFC 6275
// §6.1 and §6.2, and options of RFC 3963, RFC 4283, RFC 4285 and RFC 5555.
//
// Parse and Marshal are inverse to each other: what Parse accepts, Marshal
// writes again byte for byte, with unknown options, padding and reserved bits.
// Messages that we make ourselves carry no padding options; Marshal puts in
// what alignment needs. Time on the wire is in units of four seconds; here it
// is a time.Duration at once.
//
// The files: types.go wire numbers and the unit of lifetimes, status.go status
// codes, message.go, options.go and ipv4.go the values, body.go and optiondata.go their
// octets, parse.go and marshal.go the two directions, order.go where options may
// stand, checksum.go, auth.go the bytes that authenticators cover, errors.go the
// protocol's answer to what is malformed.
//
// It computes no authenticator (internal/rr) and knows no extension header
// (internal/exthdr).
package mh
