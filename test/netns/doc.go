// Package netns holds the real-kernel tests of the whole product: home agent,
// mobile node and correspondent node in network namespaces, moved about as in
// the README's picture.
//
// The rooms: node is a machine (a namespace), topology the network of the
// picture, radv its router advertisements, daemon a running mip6d, traffic the
// streams a handover is measured with, capture what crosses an interface.
package netns
