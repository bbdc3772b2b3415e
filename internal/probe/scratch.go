package probe

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/rtnl"
	"mip6d/internal/xfrmmig"
)

// Addresses of the probes. Those of 100::/64 go nowhere (RFC 6666): probes that are
// made where others live use no others.
var (
	homeAddress  = netip.MustParseAddr("100::6275:1")
	homeAddress2 = netip.MustParseAddr("100::6275:6")
	homeAgent    = netip.MustParseAddr("100::6275:2")
	careOf       = netip.MustParseAddr("100::6275:3")
	careOf2      = netip.MustParseAddr("100::6275:4")
	peer         = netip.MustParseAddr("100::6275:5")
)

// scratch is what probes share: the namespace, and the devices in it.
type scratch struct {
	options Options
	closers []io.Closer

	trial         once[*rtnl.Trial]
	xfrm          once[*xfrmmig.Conn]
	shared, fixed once[int] // the tunnel devices of a home agent and a mobile node
	link          once[netlink.Link]
}

// once is something that is made when it is first asked for.
type once[T any] struct {
	made  bool
	value T
	err   error
}

func (o *once[T]) get(make func() (T, error)) (T, error) {
	if !o.made {
		o.value, o.err = make()
		o.made = true
	}
	return o.value, o.err
}

// inNamespace runs f on a thread in a network namespace of its own, with loopback
// up. Both end with it: the thread is never unlocked.
func inNamespace(o Options, f func(*scratch)) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The main thread does not end, and is what others take for the
			// process; while it is locked here, another goroutine gets another.
			defer runtime.UnlockOSThread()
			result <- inNamespace(o, f)
			return
		}
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			result <- fmt.Errorf("make a scratch network namespace: %w", err)
			return
		}
		s := &scratch{options: o}
		defer s.close()
		err := setUp("lo")
		if err == nil {
			f(s)
		}
		result <- err
	}()
	return <-result
}

func (s *scratch) close() {
	for _, c := range s.closers {
		_ = c.Close()
	}
}

// rtnl is rtnetlink as the appliers use it.
func (s *scratch) rtnl() (*rtnl.Trial, error) {
	return s.trial.get(func() (*rtnl.Trial, error) {
		t, err := rtnl.OpenTrial(s.options.Marks)
		if err == nil {
			s.closers = append(s.closers, t)
		}
		return t, err
	})
}

// states is xfrm as the appliers use it.
func (s *scratch) states() (*xfrmmig.Conn, error) {
	return s.xfrm.get(func() (*xfrmmig.Conn, error) {
		c, err := xfrmmig.Dial()
		if err == nil {
			s.closers = append(s.closers, c)
		}
		return c, err
	})
}

// external is a home agent's tunnel device.
func (s *scratch) external() (ifindex int, err error) {
	return s.shared.get(func() (int, error) {
		t, err := s.rtnl()
		if err != nil {
			return 0, err
		}
		return t.SharedTunnel()
	})
}

// path is a mobile node's tunnel device.
func (s *scratch) path() (ifindex int, err error) {
	return s.fixed.get(func() (int, error) {
		t, err := s.rtnl()
		if err != nil {
			return 0, err
		}
		return t.Tunnel(homeAgent)
	})
}

// sharedOrLink is a home agent's tunnel device, or any other where there is no such
// thing, for what does not depend on it; pathOrLink a mobile node's.
func (s *scratch) sharedOrLink() (ifindex int, err error) {
	return s.orLink(s.external)
}

func (s *scratch) pathOrLink() (ifindex int, err error) { return s.orLink(s.path) }

func (s *scratch) orLink(device func() (int, error)) (ifindex int, err error) {
	if index, err := device(); err == nil {
		return index, nil
	}
	link, err := s.ethernet()
	if err != nil {
		return 0, err
	}
	return link.Attrs().Index, nil
}

// ethernet is a link with neighbour discovery and duplicate address detection: one
// end of a veth pair, or a dummy that is told to resolve addresses.
func (s *scratch) ethernet() (netlink.Link, error) {
	return s.link.get(func() (netlink.Link, error) {
		const name, other = "mip6p0", "mip6p1"
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: other})
		if err == nil {
			err = setUp(other)
		} else if err = netlink.LinkAdd(&netlink.Dummy{LinkAttrs: attrs}); err != nil {
			return nil, untried("there is neither a veth nor a dummy device to try it on", err)
		}
		if err == nil {
			err = setUp(name)
		}
		var link netlink.Link
		if err == nil {
			link, err = netlink.LinkByName(name)
		}
		if err == nil && link.Type() == "dummy" {
			// It was made without address resolution, for which the kernel has
			// turned duplicate address detection off.
			err = errors.Join(netlink.LinkSetARPOn(link), sysctl("conf/"+name+"/accept_dad", "1"))
		}
		if err != nil {
			return nil, untried("no link can be made to try it on", err)
		}
		return link, nil
	})
}

func setUp(name string) error {
	l, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(l)
	}
	if err != nil {
		return fmt.Errorf("set %s up in a scratch network namespace: %w", name, err)
	}
	return nil
}

// sysctl writes one of this namespace's, below net/ipv6: the file is that of the
// thread which opens it.
func sysctl(name, value string) error {
	if err := os.WriteFile(filepath.Join("/proc/sys/net/ipv6", name), []byte(value), 0); err != nil {
		return fmt.Errorf("set a sysctl: %w", err)
	}
	return nil
}
