package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// externalTunnel makes the device and sees whether it takes end points from routes:
// an old kernel makes an ordinary one.
func externalTunnel(s *scratch) error {
	index, err := s.external()
	if err != nil {
		return err
	}
	l, err := netlink.LinkByIndex(index)
	if err != nil {
		return fmt.Errorf("look at the tunnel device: %w", err)
	}
	if t, ok := l.(*netlink.Ip6tnl); !ok || !t.FlowBased {
		return errors.New("the tunnel device is there, but does not take its end points from routes (external)")
	}
	return nil
}

func encapRoutes(s *scratch) error {
	index, err := s.sharedOrLink()
	if err != nil {
		return err
	}
	t, err := s.rtnl()
	if err != nil {
		return err
	}
	for _, to := range []netip.Addr{careOf, careOf2} { // set, and replaced as at a handover
		if err := t.Binding(role.Binding{HomeAddress: homeAddress, CareOf: to, HomeAgent: homeAgent}, index); err != nil {
			return fmt.Errorf("set the route of a binding: %w", err)
		}
		if got, err := t.EncapsulatesTo(homeAddress); err != nil {
			return err
		} else if got != to {
			return fmt.Errorf("the route to %s was set to encapsulate to %s and encapsulates to %s", homeAddress, to, got)
		}
	}
	return nil
}

func tunnel(s *scratch) error {
	index, err := s.path()
	if err != nil {
		return err
	}
	t, err := s.rtnl()
	if err != nil {
		return err
	}
	for _, from := range []netip.Addr{careOf, careOf2} {
		if err := t.MoveTunnel(index, from, homeAgent); err != nil {
			return fmt.Errorf("move the tunnel device to %s: %w", from, err)
		}
	}
	l, err := netlink.LinkByIndex(index)
	if err != nil {
		return fmt.Errorf("look at the tunnel device: %w", err)
	}
	if t, ok := l.(*netlink.Ip6tnl); !ok || !t.Local.Equal(careOf2.AsSlice()) {
		return errors.New("the tunnel device was moved to another care-of address, and stayed where it was")
	}
	return nil
}

// ipv4InTunnel routes IPv4 into a home agent's tunnel, encapsulated by the route,
// and into a mobile node's.
func ipv4InTunnel(s *scratch) error {
	external, err := s.external()
	if err != nil {
		return fmt.Errorf("there is no external device for the route: %w", err)
	}
	path, err := s.path()
	if err != nil {
		return fmt.Errorf("there is no tunnel device for the route: %w", err)
	}
	t, err := s.rtnl()
	if err != nil {
		return err
	}
	there, here := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2") // TEST-NET-1, RFC 5737
	if err := t.Binding(role.Binding{HomeAddress: homeAddress, CareOf: careOf, HomeAgent: homeAgent, IPv4HomeAddress: there}, external); err != nil {
		return err
	}
	if to, err := t.EncapsulatesTo(there); err != nil {
		return err
	} else if to != careOf {
		return fmt.Errorf("an IPv4 route was set to encapsulate to %s and encapsulates to %s", careOf, to)
	}
	if err := t.IPv4(here, path); err != nil {
		return err
	}
	got, err := netlink.RouteGet(net.IPv4(198, 51, 100, 1)) // TEST-NET-2
	if err != nil {
		return fmt.Errorf("look for the IPv4 route into a tunnel: %w", err)
	}
	if len(got) != 1 || got[0].LinkIndex != path || !got[0].Src.Equal(here.AsSlice()) {
		return fmt.Errorf("IPv4 was routed into a tunnel, and goes elsewhere: %v", got)
	}
	return nil
}

// ipv4Host is another address of TEST-NET-1 (RFC 5737).
func ipv4Host(n byte) *net.IPNet {
	return &net.IPNet{IP: net.IPv4(192, 0, 2, n).To4(), Mask: net.CIDRMask(32, 32)}
}

func detourPair(s *scratch) error {
	t, err := s.rtnl()
	if err != nil {
		return err
	}
	return t.Pair()
}

// Numbers of the kernel's UAPI (linux/if_tunnel.h).
const (
	iptunLocal = 2 // IFLA_IPTUN_LOCAL
	iptunFlags = 8 // IFLA_IPTUN_FLAGS
	sitISATAP  = 1 // SIT_ISATAP
)

// sit makes a device for 6in4 and one for ISATAP (RFC 5214).
func sit(*scratch) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "mip6p-6in4"
	if err := netlink.LinkAdd(&netlink.Sittun{LinkAttrs: attrs, Local: ipv4Host(3).IP, Remote: ipv4Host(4).IP, Ttl: 64}); err != nil {
		return fmt.Errorf("make a sit device: %w", err)
	}
	const name = "mip6p-isatap"
	data := attr(nil, iptunLocal, ipv4Host(5).IP)
	data = attr(data, iptunFlags, native.AppendUint16(nil, sitISATAP))
	info := attr(attr(nil, unix.IFLA_INFO_KIND, []byte("sit")), unix.IFLA_INFO_DATA, data)
	body := attr(make([]byte, unix.SizeofIfInfomsg), unix.IFLA_IFNAME, []byte(name+"\x00"))
	body = attr(body, unix.IFLA_LINKINFO, info)
	if err := order(unix.NETLINK_ROUTE, unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body); err != nil {
		return fmt.Errorf("make a sit device for ISATAP: %w", err)
	}
	l, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("look for the sit device for ISATAP: %w", err)
	}
	b := attribute(l.Attrs().Index, unix.IFLA_LINKINFO, unix.IFLA_INFO_DATA, iptunFlags)
	if len(b) < 2 || native.Uint16(b)&sitISATAP == 0 {
		return errors.New("a sit device was made for ISATAP, and is none")
	}
	return nil
}
