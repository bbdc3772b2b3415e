package probe

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Numbers of the kernel's UAPI (linux/xfrm.h).
const (
	msgMigrate     = 0x21 // XFRM_MSG_MIGRATE
	attrPolicyType = 16   // XFRMA_POLICY_TYPE
	attrMigrate    = 17   // XFRMA_MIGRATE
	dirOut         = 1
	modeTunnel     = 1
	reqid          = 6275
)

// migration is one end's outgoing tunnel that changes its end points.
type migration struct {
	src, dst       netip.Addr // of the policy's packets
	oldSrc, oldDst netip.Addr // of the tunnel
	newSrc, newDst netip.Addr
}

// encode writes the body of XFRM_MSG_MIGRATE: struct xfrm_userpolicy_id, 64
// octets, the policy's type, which is main, and struct xfrm_user_migrate, 76 octets.
func (m migration) encode() []byte {
	b := make([]byte, 64)
	copy(b, m.dst.AsSlice())
	copy(b[16:], m.src.AsSlice())
	native.PutUint16(b[40:], unix.AF_INET6)
	b[42], b[43] = 128, 128
	b[60] = dirOut

	c := make([]byte, 76)
	for i, a := range []netip.Addr{m.oldDst, m.oldSrc, m.newDst, m.newSrc} {
		copy(c[16*i:], a.AsSlice())
	}
	c[64], c[65] = unix.IPPROTO_ESP, modeTunnel
	native.PutUint32(c[68:], reqid)
	native.PutUint16(c[72:], unix.AF_INET6)
	native.PutUint16(c[74:], unix.AF_INET6)
	return attr(attr(b, attrPolicyType, make([]byte, 6)), attrMigrate, c)
}

// migrate moves the policy of an IPsec tunnel, and looks where it leads then. The
// kernel asks for no state beside the policy, so ESP need not be there.
func migrate(*scratch) error {
	p := netlink.XfrmPolicy{
		Src: hostNet(homeAddress), Dst: hostNet(peer), Dir: netlink.XFRM_DIR_OUT,
		Tmpls: []netlink.XfrmPolicyTmpl{{
			Src: careOf.AsSlice(), Dst: homeAgent.AsSlice(), Proto: netlink.XFRM_PROTO_ESP, Mode: netlink.XFRM_MODE_TUNNEL, Reqid: reqid,
		}},
	}
	if err := netlink.XfrmPolicyAdd(&p); err != nil {
		return fmt.Errorf("make an IPsec policy: %w", err)
	}
	m := migration{src: homeAddress, dst: peer, oldSrc: careOf, oldDst: homeAgent, newSrc: careOf2, newDst: homeAgent}
	if err := order(unix.NETLINK_XFRM, msgMigrate, 0, m.encode()); err != nil {
		return fmt.Errorf("move an IPsec tunnel to another care-of address: %w", err)
	}
	moved, err := netlink.XfrmPolicyGet(&p)
	if err != nil {
		return fmt.Errorf("look at the IPsec policy that was moved: %w", err)
	}
	if len(moved.Tmpls) != 1 || !moved.Tmpls[0].Src.Equal(careOf2.AsSlice()) {
		return fmt.Errorf("the kernel took the order to move an IPsec tunnel, and did not move it: %v", moved.Tmpls)
	}
	return nil
}

func hostNet(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
}
