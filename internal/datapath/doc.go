// Package datapath joins the appliers of a role into the two that the engine
// knows: homeagent.go what one binding needs in the kernel, wire.go what is
// sent.
//
// It decides nothing about the protocol and nothing about a single kernel
// object; it knows only in which order the parts of one wanted state come into
// force, so that no packet meets half of it.
package datapath
