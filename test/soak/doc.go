// Package soak holds what the machines are put through in volume: floods here, on a virtual
// clock; cmd/soak runs the simulation over many seeds.
package soak
