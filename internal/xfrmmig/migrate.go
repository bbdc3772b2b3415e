package xfrmmig

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	msgMigrate   = 0x21
	attrMigrate  = 17
	attrKMAddr   = 19
	groupMigrate = 7 // XFRMNLGRP_MIGRATE
)

// Endpoints are both ends of a tunnel, in the direction of its packets.
type Endpoints struct {
	Src, Dst netip.Addr
}

// Migration gives a policy and the security associations of its template new
// tunnel endpoints, in one step (XFRM_MSG_MIGRATE).
type Migration struct {
	Selector Selector
	Dir      Dir
	Reqid    uint32
	Mode     Mode // Tunnel; or Transport, whose templates have no endpoints
	Old, New Endpoints
	IfID     uint32 // of the xfrm interface that the policy is for; 0: none

	// KeyManager are the addresses at which key managers talk from now on
	// (XFRMA_KMADDRESS), for one that listens to migrations; zero: not told.
	KeyManager KeyManager
}

// KeyManager are the addresses of key managers: ours and the peer's.
type KeyManager struct {
	Local, Remote netip.Addr
}

// back is the same the other way round.
func (m Migration) back() Migration {
	m.Old, m.New = m.New, m.Old
	m.KeyManager = KeyManager{}
	return m
}

// encode writes the body: struct xfrm_userpolicy_id, the policy's type, and
// struct xfrm_user_migrate, 76 octets.
func (m Migration) encode() []byte {
	b := make([]byte, 64)
	m.Selector.put(b)
	b[60] = byte(m.Dir)
	if m.KeyManager.Local.IsValid() {
		k := make([]byte, 40)
		putAddr(k, m.KeyManager.Local)
		putAddr(k[16:], m.KeyManager.Remote)
		native.PutUint16(k[36:], unix.AF_INET6)
		b = attr(b, attrKMAddr, k)
	}
	b = attr(b, attrPolicyType, []byte{policyTypeMain, 0, 0, 0, 0, 0})
	u := make([]byte, 76)
	putAddr(u, m.Old.Dst)
	putAddr(u[16:], m.Old.Src)
	putAddr(u[32:], m.New.Dst)
	putAddr(u[48:], m.New.Src)
	u[64] = unix.IPPROTO_ESP
	u[65] = kernelModes[m.Mode]
	native.PutUint32(u[68:], m.Reqid)
	native.PutUint16(u[72:], unix.AF_INET6)
	native.PutUint16(u[74:], unix.AF_INET6)
	return attrNonZero(attr(b, attrMigrate, u), attrIfID, m.IfID)
}
