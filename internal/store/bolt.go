package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	fileName = "mip6d.db"

	// lockTimeout is how long a store may be another's: an earlier run's, whose
	// end is on its way.
	lockTimeout = 2 * time.Second
)

// The schema: which program's the file is, and of which format. A change that older
// programs can't read has a number of its own: 1 had no journals beside it.
var (
	schemaKey   = []byte("schema")
	schema      = []byte("mip6d 2")
	firstSchema = []byte("mip6d 1")
)

// Bolt is the tree: a Store in one file, by bbolt. Each commit is on the disk when it returns.
type Bolt struct {
	db     *bolt.DB
	id     identity
	folded uint64 // number of the last journal whose changes are in it
	dead   error  // after a panic within bbolt, whose locks it may hold
}

// OpenBolt opens the tree in a directory, which is made if need be, and checks it. The error is ErrDamaged
// where the file is none of ours, or not whole, and ErrInUse where another process
// has it.
func OpenBolt(dir string) (*Bolt, error) {
	path := filepath.Join(dir, fileName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := create(dir, path); err != nil {
			return nil, fmt.Errorf("create %s: %w", path, err)
		}
	}
	if err := check(path); err != nil {
		return nil, fmt.Errorf("check %s: %w", path, err)
	}
	db, err := openFile(path, false)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	b := &Bolt{db: db}
	if err := b.readIdentity(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return b, nil
}

// create makes an empty store under another name, so that one that is there is
// whole.
func create(dir, path string) error {
	unfinished := path + ".new"
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := openFile(unfinished, false)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, t := range []Table{Registrations, ListEntries, meta} {
			if _, err := tx.CreateBucket([]byte(t)); err != nil {
				return err
			}
		}
		return setIdentity(tx.Bucket([]byte(meta)))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	return syncDir(dir)
}

func openFile(path string, readOnly bool) (db *bolt.DB, err error) {
	defer caught(&err)
	db, err = bolt.Open(path, 0o600, &bolt.Options{
		Timeout: lockTimeout, ReadOnly: readOnly, FreelistType: bolt.FreelistMapType, NoStatistics: true,
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, ErrInUse
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum),
		errors.Is(err, berrors.ErrInvalidMapping):
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return db, err
}

// caught makes an error of what bbolt panics with where pages are not what they
// should be.
func caught(err *error) {
	if x := recover(); x != nil {
		*err = fmt.Errorf("%w: %v", ErrDamaged, x)
	}
}

// check reads every page once, before the file is opened for writing: that reads
// what it needs without a check, and a file that is too short would kill the process.
func check(path string) (err error) {
	db, err := openFile(path, true)
	if err != nil {
		return err
	}
	// A view that panicked has left its lock behind, and Close would wait for it.
	// The descriptor goes with the process, and so does its shared lock with the
	// rename of what is damaged.
	defer caught(&err)
	err = db.View(func(tx *bolt.Tx) error {
		if info, err := os.Stat(path); err != nil || info.Size() < tx.Size() {
			return errors.Join(err, fmt.Errorf("%w: it has been cut off", ErrDamaged))
		}
		m := tx.Bucket([]byte(meta))
		if m == nil || !bytes.HasPrefix(m.Get(schemaKey), []byte("mip6d ")) {
			return fmt.Errorf("%w: no store of mip6d's", ErrDamaged)
		}
		if is := m.Get(schemaKey); !bytes.Equal(is, schema) && !bytes.Equal(is, firstSchema) {
			return fmt.Errorf("%w: its format is %q and this version of mip6d knows %q", ErrDamaged, is, schema)
		}
		var first error
		for err := range tx.Check() { // to its end, or its goroutine waits for ever
			if first == nil {
				first = fmt.Errorf("%w: %w", ErrDamaged, err)
			}
		}
		return first
	})
	return errors.Join(err, db.Close())
}

// Load implements Store.
func (b *Bolt) Load(t Table) (list []Item, err error) {
	if b.dead != nil {
		return nil, b.dead
	}
	err = b.db.View(func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(t))
		if bucket == nil {
			return nil
		}
		return bucket.ForEach(func(k, v []byte) error {
			if t != meta || bytes.Equal(k, clockKey) {
				list = append(list, Item{slices.Clone(k), slices.Clone(v)})
			}
			return nil
		})
	})
	return list, err
}

// Commit implements Store.
func (b *Bolt) Commit(changes []Change) (err error) {
	if b.dead != nil {
		return b.dead
	}
	defer func() {
		if x := recover(); x != nil {
			b.dead = fmt.Errorf("%w since it was opened: %v", ErrDamaged, x)
			err = b.dead
		}
	}()
	tx, err := b.db.Begin(true)
	if err != nil {
		return err
	}
	if err := put(tx, changes); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func put(tx *bolt.Tx, changes []Change) error {
	for _, c := range changes {
		bucket, err := tx.CreateBucketIfNotExists([]byte(c.Table))
		if err != nil {
			return err
		}
		if c.Value == nil {
			err = bucket.Delete(c.Key)
		} else {
			err = bucket.Put(c.Key, c.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Name implements Store.
func (b *Bolt) Name() string { return b.db.Path() }

// Close implements Store.
func (b *Bolt) Close() error {
	if b.dead != nil {
		return nil // it would wait for its own locks
	}
	return b.db.Close()
}
