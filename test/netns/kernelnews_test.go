package netns

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"mip6d/test/netns/node"
)

// kernelNews is what the kernel tells of changes to what is mip6d's: routes and
// rules of its protocol number, xfrm states and policies, filters.
type kernelNews struct {
	route, xfrm int
}

// routeProtocol is kernel.route_protocol's default.
const routeProtocol = 75

func hearKernel(t testing.TB, n *node.Node) *kernelNews {
	t.Helper()
	open := func(proto int, groups ...int) int {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		err = errors.Join(
			unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20),
		)
		for _, g := range groups {
			err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, g))
		}
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	const groupSA, groupPolicy = 3, 4 // XFRMNLGRP_SA, XFRMNLGRP_POLICY
	k := new(kernelNews)
	if err := n.Do(func() error {
		k.route = open(unix.NETLINK_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_TC, unix.RTNLGRP_NEIGH)
		k.xfrm = open(unix.NETLINK_XFRM, groupSA, groupPolicy)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return k
}

// changes returns what has happened since the last call. A filter that is replaced
// in one step is none: the kernel calls that new.
func (k *kernelNews) changes(t testing.TB) (list []string) {
	t.Helper()
	buf := make([]byte, 1<<20)
	for name, fd := range map[string]int{"route": k.route, "xfrm": k.xfrm} {
		for {
			n, _, err := unix.Recvfrom(fd, buf, 0)
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			if err != nil {
				t.Fatalf("news lost: %v", err)
			}
			for m := buf[:n]; len(m) >= unix.SizeofNlMsghdr; {
				size := int(nl.NativeEndian().Uint32(m))
				if what := change(name, nl.NativeEndian().Uint16(m[4:]), m[unix.SizeofNlMsghdr:size]); what != "" {
					list = append(list, what)
				}
				m = m[min((size+3)&^3, len(m)):]
			}
		}
	}
	return list
}

// discard begins the addresses with which a daemon that may make no namespace of its
// own tries the kernel at its start (internal/probe): nothing that was there is touched.
var discard = netip.MustParseAddr("100::6275:0").AsSlice()[:14]

func change(kind string, typ uint16, body []byte) string {
	if kind == "xfrm" {
		if bytes.Contains(body, discard) {
			return ""
		}
		return fmt.Sprintf("xfrm message %#x", typ)
	}
	switch typ {
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		if body[5] == routeProtocol {
			dst := ""
			if attrs, err := nl.ParseRouteAttr(body[unix.SizeofRtMsg:]); err == nil {
				for _, a := range attrs {
					switch a.Attr.Type {
					case unix.RTA_DST:
						dst += fmt.Sprintf(" %x/%d", a.Value, body[1])
					case unix.RTA_TABLE, unix.RTA_GATEWAY, unix.RTA_OIF:
						dst += fmt.Sprintf(" attribute %d: %x", a.Attr.Type, a.Value)
					}
				}
			}
			return fmt.Sprintf("route message %d for %s", typ, dst)
		}
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		if attrs, err := nl.ParseRouteAttr(body[12:]); err == nil {
			for _, a := range attrs {
				if a.Attr.Type == unix.FRA_PROTOCOL && a.Value[0] == routeProtocol {
					return fmt.Sprintf("rule message %d", typ)
				}
			}
		}
	case unix.RTM_DELTFILTER, unix.RTM_DELQDISC, unix.RTM_NEWQDISC:
		return fmt.Sprintf("traffic control message %d", typ)
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		const proxy = 8 // NTF_PROXY
		if body[10]&proxy != 0 {
			return fmt.Sprintf("proxy neighbour message %d", typ)
		}
	}
	return ""
}

// unchanged says what a restart has changed.
func (k *kernelNews) unchanged(t *testing.T, what string) {
	t.Helper()
	if list := k.changes(t); len(list) > 0 {
		t.Errorf("%s: %d changes to the kernel:\n%s", what, len(list), strings.Join(list[:min(len(list), 20)], "\n"))
	}
}
