// Package store is what survives a run: a home agent's bindings with what must not
// be accepted again (RFC 6275 §9.5.1, §10.3.1, §15.3; RFC 4285 §6), and the
// essentials of a mobile node's Binding Update List (§11.1).
//
// A Store keeps octets by key and commits changes all or nothing; store.go is its
// interface, fake.go one that fails on demand, journaled.go the one on disk: a tree
// (bolt.go, identity.go) and the journals before it (journal.go, frame.go). Keeper
// (keeper.go) is the engine's applier before it: it turns effects into records
// (record.go), one commit for a batch, and records into what role.Restored hands
// over. clock.go carries lifetimes from one run, or one boot of the machine, to the
// next; aside.go puts away what can't be read.
//
// It decides nothing about the protocol, and keeps no keys.
package store
