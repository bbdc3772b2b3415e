package bench

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
)

// WireGuard's generic netlink, linux/wireguard.h.
const (
	wgGenlName    = "wireguard"
	wgGenlVersion = 1
	wgSetDevice   = 1

	wgDeviceIfname     = 2
	wgDevicePrivateKey = 3
	wgDeviceListenPort = 6
	wgDevicePeers      = 8

	wgPeerPublicKey  = 1
	wgPeerEndpoint   = 4
	wgPeerAllowedIPs = 9

	wgAllowedFamily = 1
	wgAllowedAddr   = 2
	wgAllowedMask   = 3
)

const (
	wgInterface = "wg0"
	wgPort      = 51820
)

// wireGuardRoaming has the kernel as Debian leaves it; optimisticWireGuard uses
// addresses before duplicate address detection has ended (RFC 4429).
var (
	wireGuardRoaming    = mobility{startWireGuard, forget, configure}
	optimisticWireGuard = mobility{startOptimisticWireGuard, forget, configure}
)

// startWireGuard gives the mobile node its address by a WireGuard tunnel to the
// home agent's machine, which roams; the mobile node's kernel makes its own
// addresses.
func startWireGuard(ctx context.Context, _ Options, topo *topology.Topology) (stop func(), err error) {
	keys := make([]*ecdh.PrivateKey, 2)
	if err := topo.MN.Sysctl("net/ipv6/conf/"+topology.MNInterface+"/accept_ra_defrtr", "0"); err != nil {
		return nil, err
	}
	for i := range keys {
		if keys[i], err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
			return nil, err
		}
	}
	everything := netip.MustParsePrefix("::/0")
	hoa := netip.PrefixFrom(topology.HoA, 128)
	if err := wireGuard(topo.HA, keys[0], wgPeer{key: keys[1].PublicKey(), allowed: hoa}); err != nil {
		return nil, err
	}
	server := netip.AddrPortFrom(topology.HACoreAddr, wgPort)
	if err := wireGuard(topo.MN, keys[1], wgPeer{key: keys[0].PublicKey(), allowed: everything, endpoint: server}); err != nil {
		return nil, err
	}
	if err := topo.MN.AddAddress(wgInterface, hoa); err != nil {
		return nil, err
	}
	if err := errors.Join(forget(topo), configure(ctx, topo)); err != nil {
		return nil, err
	}
	for _, r := range []struct {
		n   *node.Node
		dst netip.Prefix
		src netip.Addr
	}{{topo.HA, hoa, netip.Addr{}}, {topo.MN, topology.CNPrefix, topology.HoA}} {
		link, err := r.n.Link(wgInterface)
		if err != nil {
			return nil, err
		}
		route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: &net.IPNet{IP: r.dst.Addr().AsSlice(), Mask: net.CIDRMask(r.dst.Bits(), 128)}}
		if r.src.IsValid() {
			route.Src = r.src.AsSlice()
		}
		if err := r.n.NL.RouteAdd(route); err != nil {
			return nil, fmt.Errorf("%s: route to %s: %w", r.n.Name, r.dst, err)
		}
	}
	return nil, nil
}

// forget takes away addresses and default route of a link that the mobile node has
// left, as network managers do. The kernel alone keeps them, and would use a router
// that is out of reach.
func forget(topo *topology.Topology) error {
	link, err := topo.MN.Link(topology.MNInterface)
	if err != nil {
		return err
	}
	addresses, err := whole(func() ([]netlink.Addr, error) { return topo.MN.NL.AddrList(link, netlink.FAMILY_V6) })
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if a.IP.IsGlobalUnicast() {
			if err := topo.MN.NL.AddrDel(link, &a); err != nil {
				return fmt.Errorf("forget %s: %w", a.IP, err)
			}
		}
	}
	return deleteDefaultRoutes(topo.MN, link)
}

// configure waits until the kernel has made an address on the link and then sets
// the default route, as systemd-networkd does. With the route before the address
// WireGuard sends from the link-local address, and goes on with that for 5 to 15
// seconds.
func configure(ctx context.Context, topo *topology.Topology) error {
	link, err := topo.MN.Link(topology.MNInterface)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		addresses, err := topo.MN.NL.AddrList(link, netlink.FAMILY_V6)
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return err
		}
		if slices.ContainsFunc(addresses, usable) {
			return topo.MN.AddRoute(netip.MustParsePrefix("::/0"), topo.At().Router())
		}
		if err := wait(ctx, 2*time.Millisecond); err != nil {
			return fmt.Errorf("the mobile node makes no address on %s: %w", topo.At(), err)
		}
	}
}

func usable(a netlink.Addr) bool {
	return a.IP.IsGlobalUnicast() && (a.Flags&unix.IFA_F_TENTATIVE == 0 || a.Flags&unix.IFA_F_OPTIMISTIC != 0)
}

func deleteDefaultRoutes(n *node.Node, link netlink.Link) error {
	routes, err := whole(func() ([]netlink.Route, error) { return n.NL.RouteList(link, netlink.FAMILY_V6) })
	if err != nil {
		return err
	}
	for _, r := range routes {
		if r.Gw != nil {
			if err := n.NL.RouteDel(&r); err != nil {
				return fmt.Errorf("forget the route %s: %w", r, err)
			}
		}
	}
	return nil
}

func startOptimisticWireGuard(ctx context.Context, o Options, topo *topology.Topology) (stop func(), err error) {
	for _, name := range []string{"optimistic_dad", "use_optimistic"} {
		if err := topo.MN.Sysctl("net/ipv6/conf/"+topology.MNInterface+"/"+name, "1"); err != nil {
			return nil, err
		}
	}
	return startWireGuard(ctx, o, topo)
}

type wgPeer struct {
	key      *ecdh.PublicKey
	allowed  netip.Prefix
	endpoint netip.AddrPort // invalid: learnt
}

// wireGuard makes a WireGuard interface with one peer.
func wireGuard(n *node.Node, key *ecdh.PrivateKey, p wgPeer) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = wgInterface
	if err := n.NL.LinkAdd(&netlink.Wireguard{LinkAttrs: attrs}); err != nil {
		return fmt.Errorf("%s: WireGuard interface: %w", n.Name, err)
	}
	err := n.Do(func() error {
		family, err := netlink.GenlFamilyGet(wgGenlName)
		if err != nil {
			return err
		}
		request := nl.NewNetlinkRequest(int(family.ID), unix.NLM_F_ACK)
		request.AddData(&nl.Genlmsg{Command: wgSetDevice, Version: wgGenlVersion})
		for _, a := range device(key, p) {
			request.AddData(a)
		}
		_, err = request.Execute(unix.NETLINK_GENERIC, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: set WireGuard's keys: %w", n.Name, err)
	}
	return n.SetUp(wgInterface, true)
}

// device is what WG_CMD_SET_DEVICE says.
func device(key *ecdh.PrivateKey, p wgPeer) []*nl.RtAttr {
	peers := nl.NewRtAttr(wgDevicePeers|unix.NLA_F_NESTED, nil)
	peer := peers.AddRtAttr(unix.NLA_F_NESTED, nil)
	peer.AddRtAttr(wgPeerPublicKey, p.key.Bytes())
	if p.endpoint.IsValid() {
		b := make([]byte, unix.SizeofSockaddrInet6)
		binary.NativeEndian.PutUint16(b, unix.AF_INET6)
		binary.BigEndian.PutUint16(b[2:], p.endpoint.Port())
		copy(b[8:], p.endpoint.Addr().AsSlice())
		peer.AddRtAttr(wgPeerEndpoint, b)
	}
	allowed := peer.AddRtAttr(wgPeerAllowedIPs|unix.NLA_F_NESTED, nil).AddRtAttr(unix.NLA_F_NESTED, nil)
	allowed.AddRtAttr(wgAllowedFamily, nl.Uint16Attr(unix.AF_INET6))
	allowed.AddRtAttr(wgAllowedAddr, p.allowed.Addr().AsSlice())
	allowed.AddRtAttr(wgAllowedMask, nl.Uint8Attr(uint8(p.allowed.Bits())))
	return []*nl.RtAttr{
		nl.NewRtAttr(wgDeviceIfname, nl.ZeroTerminated(wgInterface)),
		nl.NewRtAttr(wgDevicePrivateKey, key.Bytes()),
		nl.NewRtAttr(wgDeviceListenPort, nl.Uint16Attr(wgPort)),
		peers,
	}
}

// whole asks for a list again that changed while it was told.
func whole[T any](ask func() ([]T, error)) ([]T, error) {
	for {
		if list, err := ask(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return list, err
		}
	}
}
