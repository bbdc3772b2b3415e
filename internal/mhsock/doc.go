// Package mhsock carries the protocol's packets: raw sockets for the Mobility
// Header (protocol 135) and for ICMPv6, with the Home Address option and the
// type 2 routing header as ancillary data (RFC 3542 §6), a listener for Router
// Advertisements, and Router Solicitations that leave while an interface has
// no usable address yet.
//
// The kernel strips extension headers and, having processed a Home Address
// option or a type 2 routing header, has exchanged the addresses: it reports
// the home address as the packet's and keeps the care-of address in the header
// (RFC 6275 §11.3.1, §9.3.2 for sending). Events carry the addresses as they
// were on the wire.
//
// The files: cmsg.go ancillary data to and from bytes, batch.go receiving many
// packets with one system call, mh.go, icmp.go and routers.go the three
// listeners, solicit.go the solicitation, inject.go packets that we build
// whole.
//
// This package is not for what the messages mean (internal/mh, the roles) and
// not for solicitations of neighbours (the kernel, internal/proxynd).
package mhsock
