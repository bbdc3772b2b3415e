// Package decode turns the octets of a message into named fields for people and
// programs: what `mip6ctl decode` prints. It reads everything that the codecs
// read (internal/mh, internal/icmp6, internal/exthdr), alone or in a whole IPv6
// packet, whose extension headers it follows so that a checksum is verified over
// the right addresses (RFC 6275 §6.1.1).
//
// Fields are named as in the RFCs, in snake_case, and keep the wire's order.
// Numbers are in the wire's units; a lifetime in units of four seconds has its
// seconds beside it. Octets without a meaning of their own are hexadecimal text.
//
// The files: decode.go finds out what the octets are, hex.go reads them from
// text, fields.go the result; mh.go, mhoptions.go, icmp6.go, ndoptions.go,
// exthdr.go and packet.go one kind of message each.
package decode
