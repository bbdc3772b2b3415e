package probe

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/proxynd"
	"mip6d/internal/rtnl"
)

func homeAddressFlag(s *scratch) error {
	flags, _, err := s.homeAddress(homeAddress)
	if err == nil && flags&unix.IFA_F_HOMEADDRESS == 0 {
		err = errors.New("an address was given the flag HOMEADDRESS, and does not have it")
	}
	return err
}

// noDADFlag looks at an address on a link where others are tentative at first.
func noDADFlag(s *scratch) error {
	flags, _, err := s.homeAddress(homeAddress)
	if err == nil && (flags&unix.IFA_F_NODAD == 0 || flags&unix.IFA_F_TENTATIVE != 0) {
		err = errors.New("an address was given the flag NODAD, and its duplicate address detection runs")
	}
	return err
}

func addressProtocol(s *scratch) error {
	t, err := s.rtnl()
	if err != nil {
		return err
	}
	_, protocol, err := s.homeAddress(homeAddress)
	if want := t.Marks().RouteProtocol; err == nil && protocol != want {
		err = fmt.Errorf("an address was given the protocol %d, and has %d", want, protocol)
	}
	return err
}

// homeAddress puts a home address on an Ethernet link, as on a mobile node's home
// link, and says what the kernel made of it.
func (s *scratch) homeAddress(a netip.Addr) (flags uint32, protocol uint8, err error) {
	return s.address(a, func(t *rtnl.Trial, ifindex int) error { return t.HomeAddress(a, ifindex) })
}

func (s *scratch) address(a netip.Addr, put func(t *rtnl.Trial, ifindex int) error) (flags uint32, protocol uint8, err error) {
	link, err := s.ethernet()
	if err != nil {
		return 0, 0, err
	}
	t, err := s.rtnl()
	if err != nil {
		return 0, 0, err
	}
	index := link.Attrs().Index
	if err := put(t, index); err != nil {
		return 0, 0, fmt.Errorf("put an address on an interface: %w", err)
	}
	flags, protocol, ok, err := t.Address(a, index)
	if err == nil && !ok {
		err = errors.New("an address was put on an interface, and is not there")
	}
	return flags, protocol, err
}

// optimisticDAD puts a care-of address on an interface that is set up as mip6d sets
// up those that it manages.
func optimisticDAD(s *scratch) error {
	link, err := s.ethernet()
	if err != nil {
		return err
	}
	for _, key := range []string{"optimistic_dad", "use_optimistic"} {
		if err := sysctl("conf/"+link.Attrs().Name+"/"+key, "1"); err != nil {
			return err
		}
	}
	flags, _, err := s.address(careOf, func(t *rtnl.Trial, ifindex int) error {
		return t.CareOf(netip.PrefixFrom(careOf, 64), ifindex)
	})
	if err == nil && flags&unix.IFA_F_OPTIMISTIC == 0 {
		err = errors.New("an address was given the flag OPTIMISTIC, and waits for its duplicate address detection")
	}
	return err
}

// packetSockets opens what defends home addresses on a home link.
func packetSockets(s *scratch) error {
	link, err := s.ethernet()
	if err != nil {
		return err
	}
	c, err := proxynd.Open(proxynd.Config{Ifindex: link.Attrs().Index, Source: homeAgent})
	if err != nil {
		return err
	}
	return errors.Join(c.Close(), announcer(s))
}

// announcer opens what tells a home link that a mobile node is back.
func announcer(*scratch) error {
	a, err := proxynd.NewAnnouncer(nil)
	if err != nil {
		return err
	}
	return a.Close()
}

func kernelProxy(s *scratch) error {
	link, err := s.ethernet()
	if err != nil {
		return err
	}
	if err := sysctl("conf/all/proxy_ndp", "1"); err != nil {
		return err
	}
	index := link.Attrs().Index
	if err := netlink.NeighAdd(&netlink.Neigh{
		LinkIndex: index, Family: netlink.FAMILY_V6, Flags: netlink.NTF_PROXY, IP: peer.AsSlice(),
	}); err != nil {
		return fmt.Errorf("make a proxy neighbour entry: %w", err)
	}
	list, err := netlink.NeighProxyList(index, netlink.FAMILY_V6)
	if err != nil {
		return fmt.Errorf("list the proxy neighbour entries: %w", err)
	}
	for _, n := range list {
		if n.IP.Equal(peer.AsSlice()) {
			return nil
		}
	}
	return errors.New("a proxy neighbour entry was made, and is not there")
}

// Numbers of the kernel's UAPI (linux/if_addrlabel.h).
const (
	ifalAddress = 1 // IFAL_ADDRESS
	ifalLabel   = 2 // IFAL_LABEL
)

// addressLabels adds a label for a home address and takes it back, which tells
// whether it was there.
func addressLabels(*scratch) error {
	body := make([]byte, 12) // struct ifaddrlblmsg
	body[0], body[2] = unix.AF_INET6, 128
	body = attr(body, ifalAddress, homeAddress.AsSlice())
	body = attr(body, ifalLabel, native.AppendUint32(nil, reqid))
	if err := order(unix.NETLINK_ROUTE, unix.RTM_NEWADDRLABEL, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body); err != nil {
		return fmt.Errorf("label an address: %w", err)
	}
	if err := order(unix.NETLINK_ROUTE, unix.RTM_DELADDRLABEL, 0, body); err != nil {
		return fmt.Errorf("take an address's label back: %w", err)
	}
	return nil
}
