package rtnl

import (
	"cmp"
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

// Managed is an interface of a mobile node. The kernel goes on to learn routers and
// on-link prefixes there, but leaves care-of addresses to us.
type Managed struct {
	Name string

	// Router: we are a mobile router. The interface is a host's all the same
	// (RFC 3963 §5.6, §5.7): the kernel forwards packets, but doesn't tell the link
	// that it is a router.
	Router bool

	Optimistic    bool // addresses may be used while duplicate address detection runs (RFC 4429)
	KeepTempAddrs bool // whatever temporary addresses there are (RFC 8981) are not our business
}

// sysctls is what it is set to.
func (m Managed) sysctls() map[string]string {
	want := map[string]string{"accept_ra": "1", "accept_ra_defrtr": "1", "accept_ra_pinfo": "1", "autoconf": "0"}
	if forwarding, _ := read(sysctl(m.Name, "forwarding")); forwarding == "1" || m.Router {
		want["accept_ra"] = "2" // 1 means no on a router
	}
	if m.Optimistic {
		want["optimistic_dad"], want["use_optimistic"] = "1", "1"
	}
	if !m.KeepTempAddrs {
		want["use_tempaddr"] = "0"
	}
	if _, err := read(sysctl(m.Name, rtrPref)); err == nil { // CONFIG_IPV6_ROUTER_PREF
		want[rtrPref] = "1"
	}
	return want
}

const rtrPref = "accept_ra_rtr_pref"

// mayManage are those that another configuration would have set.
var mayManage = []string{"optimistic_dad", "use_optimistic", "use_tempaddr"}

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
	file  stateFile
	was   map[string]string // sysctl path → former value
	hosts map[string]int    // interfaces on which a router was made a host by this run, with their indexes
}

// OpenSettings reads what an earlier run in the same directory has changed.
func OpenSettings(dir string) (*Settings, error) {
	s := &Settings{
		file: stateFile{filepath.Join(dir, "sysctls.json"), "sysctls"},
		was:  make(map[string]string), hosts: make(map[string]int),
	}
	return s, s.file.load(&s.was)
}

// Manage sets an interface up. One that is not there is no error: it is managed when it
// appears.
func (s *Settings) Manage(m Managed) error {
	if _, err := os.Stat(filepath.Dir(sysctl(m.Name, "forwarding"))); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	want := m.sysctls()
	withoutOptimistic(want, filepath.Dir(sysctl(m.Name, "forwarding")))
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if err := s.set(sysctl(m.Name, key), want[key]); err != nil {
			return err
		}
	}
	var errs []error
	for _, key := range mayManage {
		path := sysctl(m.Name, key)
		if _, ours := s.was[path]; ours && want[key] == "" {
			errs = append(errs, s.restore(path))
		}
	}
	if err := errors.Join(append(errs, s.save())...); err != nil {
		return err
	}
	if m.Router {
		return s.host(m.Name)
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

func (s *Settings) save() error { return s.file.save(s.was, len(s.was)) }

// Restore gives all settings their former values. An interface that is gone is
// no error.
func (s *Settings) Restore() error {
	// What is set for all interfaces is set for each: it comes first.
	paths := slices.SortedFunc(maps.Keys(s.was), func(a, b string) int {
		return cmp.Or(-cmp.Compare(forAll(a), forAll(b)), cmp.Compare(a, b))
	})
	var errs []error
	for _, path := range paths {
		errs = append(errs, s.restore(path))
	}
	return errors.Join(append(errs, s.save())...)
}

func (s *Settings) restore(path string) error {
	value := s.was[path]
	if err := os.WriteFile(path, []byte(value), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restore the sysctl %s to %s: %w", path, value, err)
	}
	delete(s.was, path)
	return nil
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
