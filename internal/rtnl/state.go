package rtnl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// stateFile remembers in the run directory what there was in the kernel before we
// changed it, so that the next run, or a cleanup, can restore it after this one was
// killed.
type stateFile struct {
	name string // of the file
	of   string // what is in it, for errors
}

// load reads it into v; one that is not there changes nothing.
func (s stateFile) load(v any) error {
	b, err := os.ReadFile(s.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read the %s to restore: %w", s.of, err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read the %s to restore: %s: %w; delete the file to give them up", s.of, s.name, err)
	}
	return nil
}

// save writes the file anew, whole or not at all. With nothing to remember there is
// none.
func (s stateFile) save(v any, entries int) error {
	if entries == 0 {
		if err := os.Remove(s.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget the %s to restore: %w", s.of, err)
		}
		return nil
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		tmp := s.name + ".new"
		if err = os.WriteFile(tmp, b, 0o600); err == nil {
			err = os.Rename(tmp, s.name)
		}
	}
	if err != nil {
		return fmt.Errorf("remember the %s to restore: %w", s.of, err)
	}
	return nil
}
