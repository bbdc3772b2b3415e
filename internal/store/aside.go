package store

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func damaged(err error) bool { return errors.Is(err, ErrDamaged) }

// putAside renames the files of a store that can't be read, the tree first, never over others. The name
// is the tree's, or where there is none that of a journal.
func putAside(dir, suffix string) (name string, err error) {
	for _, file := range append([]string{fileName}, journalNames[:]...) {
		to, err := renameAside(filepath.Join(dir, file), suffix)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return "", err
		}
		name = cmp.Or(name, to)
	}
	return name, syncDir(dir)
}

func renameAside(from, suffix string) (name string, err error) {
	for n := range 100 {
		name = from + suffix
		if n > 0 {
			name += fmt.Sprintf("-%d", n)
		}
		// A link fails where the name is taken; a rename would replace it.
		if err = os.Link(from, name); !errors.Is(err, os.ErrExist) {
			break
		}
	}
	if err != nil {
		return "", err
	}
	return name, os.Remove(from)
}

// syncDir makes a change of names durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
