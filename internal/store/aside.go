package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func damaged(err error) bool { return errors.Is(err, ErrDamaged) }

// putAside renames a store that can't be read, never over another one.
func putAside(dir, suffix string) (name string, err error) {
	from := filepath.Join(dir, fileName)
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
	if err := os.Remove(from); err != nil {
		return "", err
	}
	return name, syncDir(dir)
}

// syncDir makes a change of names durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
