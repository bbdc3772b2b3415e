// Package sighting tells a mobile node of new peers: who sends to one of its home
// addresses through the tunnel, and to whom it sends (RFC 6275 §11.7.2). An xfrm
// acquire would tell of the second only.
//
// A BPF program on both hooks of each tunnel device keeps a table of the pairs of
// home address and peer, and writes a record when one is new. A packet of a pair
// that is known costs a lookup and no event, however many there are. The same
// table counts what the tunnel carries for each peer.
//
// The files: watch.go the table and its reader, program.go the program, attach.go
// its place on a device.
//
// It decides nothing: whether a peer is worth a direct path is internal/mn's to
// say. Every packet passes.
package sighting
