package store

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// identity is a store's: files of two stores don't mix.
type identity [16]byte

// What the tree says of itself beside its schema.
var (
	identityKey = []byte("identity")
	foldedKey   = []byte("folded") // number of the last journal whose changes are in the tree
)

// setIdentity makes a tree of this version's format.
func setIdentity(m *bolt.Bucket) error {
	var id identity
	rand.Read(id[:])
	return errors.Join(m.Put(schemaKey, schema), m.Put(identityKey, id[:]))
}

// readIdentity reads what the tree says of itself, and gives it an identity if it has none yet: it
// is of the first format then.
func (b *Bolt) readIdentity() error {
	known := false
	err := b.db.View(func(tx *bolt.Tx) error {
		m := tx.Bucket([]byte(meta))
		id := m.Get(identityKey)
		if known = id != nil; !known {
			return nil
		}
		if n := copy(b.id[:], id); n != len(b.id) {
			return fmt.Errorf("%w: an identity of %d octets", ErrDamaged, n)
		}
		if folded := m.Get(foldedKey); len(folded) == 8 {
			b.folded = binary.BigEndian.Uint64(folded)
		} else if folded != nil {
			return fmt.Errorf("%w: a journal's number of %d octets", ErrDamaged, len(folded))
		}
		return nil
	})
	if err != nil || known {
		return err
	}
	if err := b.db.Update(func(tx *bolt.Tx) error { return setIdentity(tx.Bucket([]byte(meta))) }); err != nil {
		return err
	}
	return b.readIdentity()
}

// fold commits what is left of a journal's changes, and with them that it has them.
func (b *Bolt) fold(number uint64, changes []Change) error {
	err := b.Commit(append(latest(changes), Change{meta, Item{foldedKey, binary.BigEndian.AppendUint64(nil, number)}}))
	if err == nil {
		b.folded = number
	}
	return err
}

// size is how much of the file is in use or was, in octets.
func (b *Bolt) size() (n int64) {
	if b.dead != nil {
		return 0
	}
	_ = b.db.View(func(tx *bolt.Tx) error { n = tx.Size(); return nil }) // closed: of none
	return n
}
