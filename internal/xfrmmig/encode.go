package xfrmmig

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

// Numbers of the kernel's UAPI (linux/xfrm.h).
const (
	msgNewSA     = 0x10
	msgDelSA     = 0x11
	msgGetSA     = 0x12
	msgNewPolicy = 0x13
	msgDelPolicy = 0x14
	msgGetPolicy = 0x15
	msgUpdPolicy = 0x19
	msgUpdSA     = 0x1a

	attrTemplate   = 5
	attrSrcAddr    = 13
	attrCareOf     = 14
	attrPolicyType = 16
	attrIfID       = 31

	flagWildRecv   = 8
	policyTypeMain = 0
	policyTypeSub  = 1
	policyAllow    = 0
	hardAddExpires = 40 // in struct xfrm_lifetime_cfg, seconds after it was made
	templateSize   = 64 // struct xfrm_user_tmpl
)

// Protocols of the two extension headers, as states see them.
const (
	ProtoHomeAddress = unix.IPPROTO_DSTOPTS // Home Address destination option
	ProtoRouting     = unix.IPPROTO_ROUTING // type 2 routing header
)

// Dir is the direction of a policy.
type Dir uint8

// Directions.
const (
	In      Dir = 0
	Out     Dir = 1
	Forward Dir = 2
)

func (d Dir) String() string {
	switch d {
	case In:
		return "in"
	case Out:
		return "out"
	case Forward:
		return "forward"
	}
	return "unknown"
}

// Selector says which packets a policy is for. Zero values match everything.
type Selector struct {
	Dst, Src netip.Prefix
	Proto    uint8
	MHType   uint8 // with HasType: the only MH Type, or ICMPv6 type
	HasType  bool
}

// State is a Mobile IPv6 state: it says that packets between two addresses
// carry an extension header with a care-of address.
type State struct {
	Proto    uint8 // ProtoHomeAddress or ProtoRouting
	Src, Dst netip.Addr
	CareOf   netip.Addr
	Reqid    uint32
	Wildcard bool   // all addresses unspecified: takes every such header in
	IfID     uint32 // of the xfrm interface that it is for; 0: for packets of none
}

// Template says through which state the packets of a policy go.
type Template struct {
	Proto    uint8
	Src, Dst netip.Addr
	Reqid    uint32
	Mode     Mode
	Optional bool
}

// Policy is a sub-policy, or a main one.
type Policy struct {
	Selector Selector
	Dir      Dir
	Priority uint32 // lower goes first

	// Templates say which extension headers a packet gets, in the order in which
	// they are put on; none: it passes as it is.
	Templates []Template

	// Lifetime is after how long the kernel deletes the policy by itself, rounded
	// up to seconds; 0: never. It is not read back.
	Lifetime time.Duration

	IfID uint32 // of the xfrm interface that it is for; 0: for packets of none

	// Main makes it one of IPsec's, which applies beside a sub-policy.
	Main bool
}

// encode writes the body of XFRM_MSG_NEWSA: struct xfrm_usersa_info, 224 octets,
// and the care-of address. The selector stays empty: the kernel gives it the
// state's family.
func (s State) encode() []byte {
	b := make([]byte, 224)
	putAddr(b[56:], s.Dst)
	b[76] = s.Proto
	putAddr(b[80:], s.Src)
	putInfinite(b[96:])
	native.PutUint32(b[208:], s.Reqid)
	native.PutUint16(b[212:], unix.AF_INET6)
	b[214] = kernelModes[RouteOptimization]
	if s.Wildcard {
		b[216] = flagWildRecv
	}
	return attrNonZero(attr(b, attrCareOf, addrBytes(s.CareOf)), attrIfID, s.IfID)
}

// encodeDelete writes the body of XFRM_MSG_DELSA: struct xfrm_usersa_id.
func (s State) encodeDelete() []byte {
	b := make([]byte, 24)
	putAddr(b, s.Dst)
	native.PutUint16(b[20:], unix.AF_INET6)
	b[22] = s.Proto
	return attr(b, attrSrcAddr, addrBytes(s.Src))
}

// info writes struct xfrm_userpolicy_info, 168 octets.
func (p Policy) info() []byte {
	b := make([]byte, 168)
	p.Selector.put(b)
	putInfinite(b[56:])
	if p.Lifetime > 0 {
		native.PutUint64(b[56+hardAddExpires:], uint64((p.Lifetime+time.Second-1)/time.Second))
	}
	native.PutUint32(b[152:], p.Priority)
	b[160] = byte(p.Dir)
	return b
}

// encode writes the body of XFRM_MSG_NEWPOLICY: info, policy type and templates.
func (p Policy) encode() []byte {
	b := attr(p.info(), attrPolicyType, p.typ())
	if len(p.Templates) > 0 {
		var all []byte
		for _, t := range p.Templates {
			all = append(all, t.encode()...)
		}
		b = attr(b, attrTemplate, all)
	}
	return attrNonZero(b, attrIfID, p.IfID)
}

// encodeDelete writes the body of XFRM_MSG_DELPOLICY: struct
// xfrm_userpolicy_id, 64 octets, and the policy type.
func (p Policy) encodeDelete() []byte {
	b := make([]byte, 64)
	p.Selector.put(b)
	b[60] = byte(p.Dir)
	return attrNonZero(attr(b, attrPolicyType, p.typ()), attrIfID, p.IfID)
}

// typ writes struct xfrm_userpolicy_type.
func (p Policy) typ() []byte {
	if p.Main {
		return []byte{policyTypeMain, 0, 0, 0, 0, 0}
	}
	return []byte{policyTypeSub, 0, 0, 0, 0, 0}
}

// encode writes struct xfrm_user_tmpl, 64 octets.
func (t Template) encode() []byte {
	b := make([]byte, 64)
	putAddr(b, t.Dst)
	b[20] = t.Proto
	native.PutUint16(b[24:], unix.AF_INET6)
	putAddr(b[28:], t.Src)
	native.PutUint32(b[44:], t.Reqid)
	b[48] = kernelModes[t.Mode]
	if t.Optional {
		b[50] = 1
	}
	for i := 52; i < 64; i++ { // all algorithms
		b[i] = 0xff
	}
	return b
}

// put writes struct xfrm_selector, 56 octets.
func (s Selector) put(b []byte) {
	if s.Dst.IsValid() {
		putAddr(b, s.Dst.Addr())
		b[42] = uint8(s.Dst.Bits())
	}
	if s.Src.IsValid() {
		putAddr(b[16:], s.Src.Addr())
		b[43] = uint8(s.Src.Bits())
	}
	if s.HasType {
		// The kernel puts both types where other protocols have the source
		// port, in network byte order.
		binary.BigEndian.PutUint16(b[36:], uint16(s.MHType))
		binary.BigEndian.PutUint16(b[38:], 0xffff)
	}
	native.PutUint16(b[40:], unix.AF_INET6)
	b[44] = s.Proto
}

// putInfinite writes struct xfrm_lifetime_cfg without limits.
func putInfinite(b []byte) {
	for i := range 32 {
		b[i] = 0xff
	}
}

func putAddr(b []byte, a netip.Addr) { copy(b, addrBytes(a)) }

// addrBytes is an address, or the unspecified one for none.
func addrBytes(a netip.Addr) []byte {
	if !a.IsValid() {
		return make([]byte, 16)
	}
	a16 := a.As16()
	return a16[:]
}

func attrNonZero(b []byte, typ uint16, v uint32) []byte {
	if v == 0 {
		return b
	}
	return attr(b, typ, native.AppendUint32(nil, v))
}

func attr(b []byte, typ uint16, data []byte) []byte {
	b = native.AppendUint16(b, uint16(unix.SizeofRtAttr+len(data)))
	b = native.AppendUint16(b, typ)
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
