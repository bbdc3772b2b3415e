// Package mld is the codec of Multicast Listener Discovery, version 1 (RFC 2710)
// and version 2 (RFC 3810), as far as a home agent needs it for mobile nodes that
// are away (RFC 6275 §10.4.3): it writes queries and reads what listeners say.
//
// The files: message.go what the messages mean, parse.go and marshal.go their wire
// form, packet.go the IPv6 packets they travel in: hop limit 1, with a Router Alert.
//
// What a listener's kernel sends is not written here, and queries are not read:
// hosts do that by themselves.
package mld
