package rtnl

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"mip6d/internal/loss"
)

// losses hears when others than the applier's socket delete routes or rules of our protocol, in the current network
// namespace. What the kernel itself deletes with an interface or an address is not told: that is news for netmon.
func losses(m Marks, c *conn) (*loss.Watch, error) {
	own, err := c.portID()
	if err != nil {
		return nil, err
	}
	filter, err := lossFilter(m.RouteProtocol)
	if err != nil {
		return nil, err
	}
	groups := []int{unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE}
	return loss.Open(unix.NETLINK_ROUTE, groups, filter, func(msg netlink.Message) bool { return isLoss(msg, m.RouteProtocol, own) })
}

// lossFilter lets deleted routes of a protocol and deleted rules through: a home agent's own routes are news all the
// time. Loads are in network byte order, and what they load here is not.
func lossFilter(protocol uint8) ([]bpf.RawInstruction, error) {
	const typ, routeProtocol = 4, unix.SizeofNlMsghdr + 5 // struct nlmsghdr, struct rtmsg
	value := func(t uint16) uint32 { return uint32(binary.BigEndian.Uint16(native.AppendUint16(nil, t))) }
	return bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: typ, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: value(unix.RTM_DELRULE), SkipTrue: 3},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: value(unix.RTM_DELROUTE), SkipTrue: 3},
		bpf.LoadAbsolute{Off: routeProtocol, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(protocol), SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	})
}

// isLoss says whether a program other than the one with a netlink port has deleted a route or a rule of a protocol.
func isLoss(m netlink.Message, protocol uint8, own uint32) bool {
	const kernel = 0
	if m.Header.PID == own || m.Header.PID == kernel {
		return false
	}
	switch m.Header.Type {
	case unix.RTM_DELROUTE:
		return len(m.Data) >= unix.SizeofRtMsg && m.Data[5] == protocol
	case unix.RTM_DELRULE:
		attrs, err := netlink.UnmarshalAttributes(m.Data[min(unix.SizeofRtMsg, len(m.Data)):])
		if err != nil {
			return false
		}
		for _, a := range attrs {
			if a.Type == unix.FRA_PROTOCOL && len(a.Data) == 1 && a.Data[0] == protocol {
				return true
			}
		}
	}
	return false
}
