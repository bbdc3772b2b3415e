package rtnl

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
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

// withoutOptimistic takes out of what an interface is to be set to the sysctls that a
// kernel without optimistic addresses (CONFIG_IPV6_OPTIMISTIC_DAD) does not have in
// the interface's directory: care-of addresses wait for their duplicate address
// detection then.
func withoutOptimistic(want map[string]string, dir string) {
	for _, key := range []string{"optimistic_dad", "use_optimistic"} {
		if _, err := os.Stat(filepath.Join(dir, key)); errors.Is(err, fs.ErrNotExist) {
			delete(want, key)
		}
	}
}

// Settings changes the sysctls of managed interfaces and remembers in a file
// what they were, so that the next run, or Cleanup, can restore them after this
// one was killed.
type Settings struct {
	file  string
	was   map[string]string // sysctl path → former value
	hosts map[string]int    // interfaces on which a router was made a host by this run, with their indexes
}

// OpenSettings reads what an earlier run in the same directory has changed.
func OpenSettings(dir string) (*Settings, error) {
	s := &Settings{file: filepath.Join(dir, "sysctls.json"), was: make(map[string]string), hosts: make(map[string]int)}
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
// is no error: it is managed when it appears. On a mobile router it is a host's
// (RFC 3963 §5.6, §5.7): the kernel forwards packets all the same, but doesn't
// tell the link that it is a router.
func (s *Settings) Manage(name string, router bool) error {
	want := maps.Clone(managed)
	want["accept_ra"] = "1"
	if forwarding, _ := read(sysctl(name, "forwarding")); forwarding == "1" || router {
		want["accept_ra"] = "2" // 1 means no on a router
	}
	if _, err := os.Stat(filepath.Dir(sysctl(name, "forwarding"))); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	withoutOptimistic(want, filepath.Dir(sysctl(name, "forwarding")))
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if err := s.set(sysctl(name, key), want[key]); err != nil {
			return err
		}
	}
	if router {
		return s.host(name)
	}
	return nil
}

// host makes an interface of a router a host's, once in its life: at home the
// paths make it a router's.
func (s *Settings) host(name string) error {
	i, err := net.InterfaceByName(name)
	if err != nil || s.hosts[name] == i.Index {
		return nil // gone, or done
	}
	path := sysctl(name, "forwarding")
	if _, ours := s.was[sysctl("all", "forwarding")]; ours {
		// It has come since we changed that, or its value is noted already.
		if err := s.remember(path, "0"); err != nil {
			return err
		}
	}
	if err := s.set(path, "0"); err != nil {
		return err
	}
	s.hosts[name] = i.Index
	return nil
}

// Forward has the kernel forward packets, as a home agent must and a mobile router. An interface
// that has listened to routers goes on to, or the kernel would forget the
// default router at once. One that forwards already will do so after Restore.
func (s *Settings) Forward() error {
	all := sysctl("all", "forwarding")
	if v, err := read(all); err == nil && v == "1" {
		return nil
	}
	interfaces, err := os.ReadDir(conf)
	if err != nil {
		return fmt.Errorf("list the interfaces' sysctls: %w", err)
	}
	for _, i := range interfaces {
		forwarding, _ := read(sysctl(i.Name(), "forwarding"))
		accept, _ := read(sysctl(i.Name(), "accept_ra"))
		switch {
		case i.Name() == "all" || i.Name() == "default":
		case forwarding == "1":
			if err := s.remember(sysctl(i.Name(), "forwarding"), forwarding); err != nil {
				return err
			}
		case accept == "1": // means no on a router
			if err := s.set(sysctl(i.Name(), "accept_ra"), "2"); err != nil {
				return err
			}
		}
	}
	return s.set(all, "1")
}

// ForwardIPv4 has the kernel forward IPv4 packets as well.
func (s *Settings) ForwardIPv4() error { return s.set("/proc/sys/net/ipv4/ip_forward", "1") }

func (s *Settings) set(path, value string) error {
	old, err := read(path)
	if err != nil {
		return fmt.Errorf("read the sysctl %s: %w", path, err)
	}
	if old == value {
		return nil
	}
	if err := s.remember(path, old); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return fmt.Errorf("set the sysctl %s to %s: %w", path, value, err)
	}
	return nil
}

// remember notes a former value, unless an earlier one is noted.
func (s *Settings) remember(path, value string) error {
	if _, ok := s.was[path]; ok {
		return nil
	}
	s.was[path] = value
	return s.save()
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
	// What is set for all interfaces is set for each: it comes first.
	paths := slices.SortedFunc(maps.Keys(s.was), func(a, b string) int {
		return cmp.Or(-cmp.Compare(forAll(a), forAll(b)), cmp.Compare(a, b))
	})
	var errs []error
	for _, path := range paths {
		value := s.was[path]
		if err := os.WriteFile(path, []byte(value), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("restore the sysctl %s to %s: %w", path, value, err))
			continue
		}
		delete(s.was, path)
	}
	return errors.Join(append(errs, s.save())...)
}

const conf = "/proc/sys/net/ipv6/conf"

func sysctl(name, key string) string { return filepath.Join(conf, name, key) }

func forAll(path string) int {
	if filepath.Base(filepath.Dir(path)) == "all" {
		return 1
	}
	return 0
}

func read(path string) (string, error) {
	b, err := os.ReadFile(path)
	return strings.TrimSpace(string(b)), err
}
