package store

import "errors"

// Table is a set of keys of its own.
type Table string

// The tables. Their names are part of the format.
const (
	Registrations Table = "registrations" // a home agent's, by home address
	ListEntries   Table = "list"          // a mobile node's, by home address and peer
	Leases        Table = "leases"        // a mobile node's home addresses by DHCPv6, by home subnet
	meta          Table = "meta"
)

// Item is one record.
type Item struct{ Key, Value []byte }

// Change puts a record in, in place of one with the same key, or takes it out where
// Value is nil; that there is none is fine.
type Change struct {
	Table Table
	Item
}

// Store keeps records. Its methods are called by one goroutine.
//
// What stands behind it may be shared and leased: then Commit fails as soon as the
// lease is lost, and nothing is promised to anybody.
type Store interface {
	// Load returns all records of a table, in no order. A table that was never
	// written is empty. The error is ErrDamaged where the records can't be read
	// for what they are, not for what a device says.
	Load(Table) ([]Item, error)

	// Commit makes changes durable before it returns, all of them or none. After
	// an error it is unknown which; the caller commits again what is right.
	Commit([]Change) error

	// Name says for people where the records are.
	Name() string

	Close() error
}

// ErrDamaged says that what is stored is not what we have stored, or not of a format
// that this version knows.
var ErrDamaged = errors.New("damaged or foreign")

// ErrInUse says that another process has the store open.
var ErrInUse = errors.New("another process uses it")
