// Package proxynd defends home addresses on a home link while their mobile
// nodes are away: it answers Neighbor Solicitations for them with the home
// agent's link-layer address, multicasts Neighbor Advertisements when
// interception begins, and probes for duplicates before it does (RFC 6275
// §10.3.1, §10.4.1; RFC 4861 §7.2; RFC 4862 §5.4).
//
// It works on Ethernet frames of a packet socket, beside the kernel: the
// kernel's proxy_ndp answers late, not for unicast solicitations, and does not
// scale. The kernel must not see what is answered here; that is the home link
// gate of internal/ingress.
//
// The files: frame.go frames to and from messages, respond.go the pure
// responder, schedule.go what is to be sent when, conn.go the packet socket of
// one link and its goroutines, networks.go what is behind mobile routers, filter.go what the kernel hands to it, deliver.go answers for
// nodes that are back, links.go several links together, groups.go multicast groups for switches that snoop.
//
// This package is not for the tunnel routes of the addresses it defends
// (internal/rtnl) and not for a mobile node's own addresses (the kernel's).
package proxynd
