// Package node is a machine of the test bed: a network namespace in which one
// can open sockets, run programs and set addresses. A namespace has no name
// and disappears with its last user.
package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Node is one network namespace.
type Node struct {
	Name string
	NS   netns.NsHandle
	NL   *netlink.Handle // rtnetlink inside the namespace
}

// New makes a namespace with loopback up.
func New(name string) (*Node, error) {
	n := &Node{Name: name}
	err := onThread(func() error {
		var err error
		if n.NS, err = netns.New(); err != nil {
			return fmt.Errorf("network namespace for %s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if n.NL, err = netlink.NewHandleAt(n.NS, unix.NETLINK_ROUTE); err != nil {
		return nil, errors.Join(err, n.NS.Close())
	}
	lo, err := n.NL.LinkByName("lo")
	if err == nil {
		err = n.NL.LinkSetUp(lo)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: loopback: %w", name, err), n.Close())
	}
	return n, nil
}

// Close gives the namespace up; it ends with the last process and socket in it.
func (n *Node) Close() error {
	n.NL.Close()
	return n.NS.Close()
}

// Do runs f on a thread inside the namespace. Sockets that f opens and
// processes that it starts belong there for ever; goroutines that it starts
// do not.
func (n *Node) Do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(n.NS); err != nil {
			return fmt.Errorf("enter %s: %w", n.Name, err)
		}
		return f()
	})
}

// onThread runs f on a thread of its own and brings the thread back to the
// namespace it came from.
func onThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		before, err := netns.Get()
		if err != nil {
			result <- err
			return
		}
		defer before.Close()
		err = f()
		if back := netns.Set(before); back != nil {
			err = errors.Join(err, back) // the locked thread ends with the goroutine
		} else {
			runtime.UnlockOSThread()
		}
		result <- err
	}()
	return <-result
}

// Sysctl sets a value below /proc/sys, e.g. net/ipv6/conf/all/forwarding.
func (n *Node) Sysctl(name, value string) error {
	return n.Do(func() error {
		return os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
	})
}

// ReadSysctl reads a value below /proc/sys.
func (n *Node) ReadSysctl(name string) (string, error) {
	var value string
	err := n.Do(func() error {
		b, err := os.ReadFile(filepath.Join("/proc/sys", name))
		value = strings.TrimSpace(string(b))
		return err
	})
	return value, err
}

// Start starts a program in the namespace.
func (n *Node) Start(cmd *exec.Cmd) error {
	return n.Do(cmd.Start)
}

// Run runs a program in the namespace and returns what it printed.
func (n *Node) Run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, msg strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &msg
	if err := n.Start(cmd); err != nil {
		return "", err
	}
	if err := cmd.Wait(); err != nil {
		return out.String(), fmt.Errorf("%s: %s %s: %w: %s", n.Name, name, strings.Join(args, " "), err, strings.TrimSpace(msg.String()))
	}
	return out.String(), nil
}

// Link finds an interface.
func (n *Node) Link(name string) (netlink.Link, error) {
	l, err := n.NL.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("%s: link %s: %w", n.Name, name, err)
	}
	return l, nil
}

// SetUp sets an interface up or down administratively.
func (n *Node) SetUp(link string, up bool) error {
	l, err := n.Link(link)
	if err != nil {
		return err
	}
	set := n.NL.LinkSetDown
	if up {
		set = n.NL.LinkSetUp
	}
	if err := set(l); err != nil {
		return fmt.Errorf("%s: set %s up=%v: %w", n.Name, link, up, err)
	}
	return nil
}

// AddAddress adds an address without DAD.
func (n *Node) AddAddress(link string, prefix netip.Prefix) error {
	l, err := n.Link(link)
	if err != nil {
		return err
	}
	a := &netlink.Addr{IPNet: ipNet(prefix), Flags: unix.IFA_F_NODAD}
	if err := n.NL.AddrAdd(l, a); err != nil {
		return fmt.Errorf("%s: add %s to %s: %w", n.Name, prefix, link, err)
	}
	return nil
}

// AddRoute adds a route; a prefix of length 0 is the default route.
func (n *Node) AddRoute(dst netip.Prefix, via netip.Addr) error {
	r := &netlink.Route{Dst: ipNet(dst), Gw: via.AsSlice()}
	if err := n.NL.RouteAdd(r); err != nil {
		return fmt.Errorf("%s: add route %s via %s: %w", n.Name, dst, via, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
