// Package archtest keeps the rooms of docs/architecture.md apart: its test
// fails when a package imports what it has no business with, when a pure one
// reads a clock, or when a package stands in no room.
//
// The files: rooms.go the table, check.go compares it with the source.
//
// It reads files and not packages, so that a file is checked whatever its build
// tags say. Tests (_test.go) may import anything.
package archtest
