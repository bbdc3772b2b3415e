package testkernel

import (
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// addHomeAddressState adds an XFRM state that inserts Home Address options, as
// `ip xfrm state add src 2001:db8::1 dst 2001:db8::2 proto hao mode ro coa 2001:db8::3`.
func addHomeAddressState() error {
	const coaddr = 14 // XFRMA_COADDR, linux/xfrm.h
	var (
		hoa = netip.MustParseAddr("2001:db8::1").As16()
		cn  = netip.MustParseAddr("2001:db8::2").As16()
		coa = netip.MustParseAddr("2001:db8::3").As16()
	)
	sa := &nl.XfrmUsersaInfo{Family: unix.AF_INET6, Mode: 2} // XFRM_MODE_ROUTEOPTIMIZATION
	sa.Saddr = nl.XfrmAddress(hoa)
	sa.Id.Daddr = nl.XfrmAddress(cn)
	sa.Id.Proto = unix.IPPROTO_DSTOPTS
	sa.Sel.Family = unix.AF_INET6
	sa.Lft.SoftByteLimit, sa.Lft.HardByteLimit = ^uint64(0), ^uint64(0)
	sa.Lft.SoftPacketLimit, sa.Lft.HardPacketLimit = ^uint64(0), ^uint64(0)
	req := nl.NewNetlinkRequest(nl.XFRM_MSG_NEWSA, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(sa)
	req.AddData(nl.NewRtAttr(coaddr, coa[:]))
	_, err := req.Execute(unix.NETLINK_XFRM, 0)
	return err
}
