package rtnl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// managed is what an interface of a mobile node is set to: the kernel goes on
// to learn routers and on-link prefixes, but leaves care-of addresses to us, and
// lets us use them while their duplicate address detection runs (RFC 4429).
var managed = map[string]string{
	"autoconf":       "0",
	"use_tempaddr":   "0",
	"optimistic_dad": "1",
	"use_optimistic": "1",
}

// Settings changes the sysctls of managed interfaces and remembers in a file
// what they were, so that the next run, or Cleanup, can restore them after this
// one was killed.
type Settings struct {
	file string
	was  map[string]string // sysctl path → former value
}

// OpenSettings reads what an earlier run in the same directory has changed.
func OpenSettings(dir string) (*Settings, error) {
	s := &Settings{file: filepath.Join(dir, "sysctls.json"), was: make(map[string]string)}
	b, err := os.ReadFile(s.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return nil, fmt.Errorf("read the sysctls to restore: %w", err)
	}
	if err := json.Unmarshal(b, &s.was); err != nil {
		return nil, fmt.Errorf("read the sysctls to restore: %s: %w; delete the file to give them up", s.file, err)
	}
	return s, nil
}

// Manage sets an interface up for a mobile node. An interface that is not there
// is no error: it is managed when it appears.
func (s *Settings) Manage(name string) error {
	want := maps.Clone(managed)
	want["accept_ra"] = "1"
	if forwarding, _ := read(sysctl(name, "forwarding")); forwarding == "1" {
		want["accept_ra"] = "2" // 1 means no on a router
	}
	if _, err := os.Stat(filepath.Dir(sysctl(name, "forwarding"))); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if err := s.set(sysctl(name, key), want[key]); err != nil {
			return err
		}
	}
	return nil
}

// Forward has the kernel forward packets, as a home agent must.
func (s *Settings) Forward() error { return s.set(sysctl("all", "forwarding"), "1") }

func (s *Settings) set(path, value string) error {
	old, err := read(path)
	if err != nil {
		return fmt.Errorf("read the sysctl %s: %w", path, err)
	}
	if old == value {
		return nil
	}
	if _, ok := s.was[path]; !ok {
		s.was[path] = old
		if err := s.save(); err != nil {
			return err
		}
	}
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return fmt.Errorf("set the sysctl %s to %s: %w", path, value, err)
	}
	return nil
}

// save writes the file anew, whole or not at all.
func (s *Settings) save() error {
	if len(s.was) == 0 {
		if err := os.Remove(s.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget the sysctls to restore: %w", err)
		}
		return nil
	}
	b, err := json.MarshalIndent(s.was, "", "  ")
	if err == nil {
		tmp := s.file + ".new"
		if err = os.WriteFile(tmp, b, 0o600); err == nil {
			err = os.Rename(tmp, s.file)
		}
	}
	if err != nil {
		return fmt.Errorf("remember the sysctls to restore: %w", err)
	}
	return nil
}

// Restore gives all settings their former values. An interface that is gone is
// no error.
func (s *Settings) Restore() error {
	var errs []error
	for path, value := range s.was {
		if err := os.WriteFile(path, []byte(value), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("restore the sysctl %s to %s: %w", path, value, err))
			continue
		}
		delete(s.was, path)
	}
	return errors.Join(append(errs, s.save())...)
}

func sysctl(name, key string) string { return filepath.Join("/proc/sys/net/ipv6/conf", name, key) }

func read(path string) (string, error) {
	b, err := os.ReadFile(path)
	return strings.TrimSpace(string(b)), err
}
