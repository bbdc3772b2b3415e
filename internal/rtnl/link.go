package rtnl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// alias marks our devices for people and for Cleanup.
const alias = "mip6d"

// ensureTunnel makes a tunnel device or changes one of ours in place, and
// returns its interface index.
func (c *conn) ensureTunnel(t tunnel) (int, error) {
	link, err := netlink.LinkByName(t.name)
	switch {
	case errors.As(err, new(netlink.LinkNotFoundError)):
		if err := c.do(t.create()); err != nil {
			return 0, createError(t, err)
		}
		if link, err = netlink.LinkByName(t.name); err != nil {
			return 0, fmt.Errorf("look for the tunnel device %s: %w", t.name, err)
		}
		return link.Attrs().Index, c.adopt(link)
	case err != nil:
		return 0, fmt.Errorf("look for the tunnel device %s: %w", t.name, err)
	}
	index := link.Attrs().Index
	if tnl, ok := link.(*netlink.Ip6tnl); !ok || tnl.FlowBased != t.external {
		return 0, fmt.Errorf("the interface %s exists and is no tunnel of ours; delete it or set another name in the kernel section",
			t.name)
	}
	if t.external {
		err = c.do(request{unix.RTM_NEWLINK, 0, linkHeader(index, unix.IFF_UP, unix.IFF_UP)})
	} else {
		err = c.do(t.change(index))
	}
	if err != nil {
		return 0, fmt.Errorf("change the tunnel device %s to %s → %s: %w", t.name, t.local, t.remote, err)
	}
	return index, c.adopt(link)
}

// adopt marks a device as ours. The kernel takes no alias with the creation, so
// that one may be without when a run was killed.
func (c *conn) adopt(link netlink.Link) error {
	if link.Attrs().Alias == alias {
		return nil
	}
	if err := c.do(setAlias(link.Attrs().Index, alias)); err != nil {
		return fmt.Errorf("mark the tunnel device %s as ours: %w", link.Attrs().Name, err)
	}
	return nil
}

func createError(t tunnel, err error) error {
	switch {
	case errors.Is(err, unix.EEXIST) && t.external:
		return fmt.Errorf("create the shared tunnel device %s: the kernel allows one such device in a network namespace,"+
			" and there is another one; find it with `ip -d link show type ip6tnl`", t.name)
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("create the tunnel device %s: another ip6tnl device has the end points %s and %s", t.name, t.local, t.remote)
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("create the tunnel device %s: the kernel has no ip6_tunnel; load the module or install it", t.name)
	}
	return fmt.Errorf("create the tunnel device %s: %w", t.name, err)
}

// removeLink deletes a device; that it is gone is fine.
func (c *conn) removeLink(index int) error {
	if err := unless(c.do(delLink(index)), unix.ENODEV); err != nil {
		return fmt.Errorf("delete interface %d: %w", index, err)
	}
	return nil
}

// devices lists our tunnel devices.
func devices(m Marks) ([]netlink.Link, error) {
	links, err := dump(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var found []netlink.Link
	for _, l := range links {
		if isOurs(l, m) {
			found = append(found, l)
		}
	}
	return found, nil
}

// isOurs tells our devices by kind and name. One with another's alias is
// another's, one without any may be ours, see adopt.
func isOurs(l netlink.Link, m Marks) bool {
	a := l.Attrs()
	if out, _ := detourNames(m); a.Name == out && l.Type() == "veth" {
		return a.Alias == alias
	}
	if l.Type() != "ip6tnl" || a.Alias != alias && a.Alias != "" {
		return false
	}
	_, path := pathNumber(strings.TrimSuffix(a.Name, receiver), m)
	return path || a.Name == m.TunnelName
}

// pathNumber is the number at the end of a mobile node's tunnel device's name.
func pathNumber(name string, m Marks) (n int, ok bool) {
	digits, ok := strings.CutPrefix(name, m.PathPrefix)
	if !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil
}
