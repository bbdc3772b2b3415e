package mhsock

import (
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"mip6d/test/nslab"
)

// admit lets a node's kernel accept Home Address options (header 60) or type 2
// routing headers (43) of anybody before messages of the given protocols: a
// wildcard state and a sub-policy that tolerates it. Without them the kernel
// drops such packets.
func admit(t *testing.T, n *nslab.Node, header uint8, protos ...uint8) {
	t.Helper()
	const (
		routeOptimization = 2
		coaddr            = 14 // XFRMA_COADDR
		policyType        = 16 // XFRMA_POLICY_TYPE
	)
	infinite := func(l *nl.XfrmLifetimeCfg) {
		l.SoftByteLimit, l.HardByteLimit = ^uint64(0), ^uint64(0)
		l.SoftPacketLimit, l.HardPacketLimit = ^uint64(0), ^uint64(0)
	}
	send := func(what string, typ int, parts ...nl.NetlinkRequestData) {
		t.Helper()
		var err error
		n.Do(func() {
			req := nl.NewNetlinkRequest(typ, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
			for _, p := range parts {
				req.AddData(p)
			}
			_, err = req.Execute(unix.NETLINK_XFRM, 0)
		})
		if err != nil {
			t.Fatalf("%s for header %d in %s: %v", what, header, n.Name, err)
		}
	}
	sa := &nl.XfrmUsersaInfo{Family: unix.AF_INET6, Mode: routeOptimization, Flags: nl.XFRM_STATE_WILDRECV}
	sa.Id.Proto = header
	sa.Sel.Family = unix.AF_INET6
	infinite(&sa.Lft)
	send("state", nl.XFRM_MSG_NEWSA, sa, nl.NewRtAttr(coaddr, make([]byte, 16)))

	for _, proto := range protos {
		p := &nl.XfrmUserpolicyInfo{Dir: 0, Action: 0, Priority: 9}
		p.Sel.Family = unix.AF_INET6
		p.Sel.Proto = proto
		infinite(&p.Lft)
		tmpl := &nl.XfrmUserTmpl{Family: unix.AF_INET6, Mode: routeOptimization, Optional: 1,
			Aalgos: ^uint32(0), Ealgos: ^uint32(0), Calgos: ^uint32(0)}
		tmpl.XfrmId.Proto = header
		send("policy", nl.XFRM_MSG_NEWPOLICY, p,
			nl.NewRtAttr(policyType, []byte{1, 0, 0, 0, 0, 0}),
			nl.NewRtAttr(nl.XFRMA_TMPL, tmpl.Serialize()))
	}
}
