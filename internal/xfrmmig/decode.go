package xfrmmig

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// decodeState reads a state back from the body of an XFRM_MSG_NEWSA, if it is
// one of Mobile IPv6's.
func decodeState(b []byte) (s State, ok bool) {
	if len(b) < 224 || native.Uint16(b[212:]) != unix.AF_INET6 || b[214] != kernelModes[RouteOptimization] {
		return s, false
	}
	s = State{
		Proto: b[76], Src: netip.AddrFrom16([16]byte(b[80:])), Dst: netip.AddrFrom16([16]byte(b[56:])),
		CareOf: netip.IPv6Unspecified(), Reqid: native.Uint32(b[208:]), Wildcard: b[216]&flagWildRecv != 0,
	}
	if s.Proto != ProtoHomeAddress && s.Proto != ProtoRouting {
		return s, false
	}
	eachAttr(b[224:], func(typ uint16, data []byte) {
		switch {
		case typ == attrCareOf && len(data) == 16:
			s.CareOf = netip.AddrFrom16([16]byte(data))
		case typ == attrIfID && len(data) == 4:
			s.IfID = native.Uint32(data)
		}
	})
	return s, true
}

// decodePolicy reads a policy back from the body of an XFRM_MSG_NEWPOLICY, if it
// lets packets pass and its templates are Mobile IPv6's and ESP's. One without
// any may be anybody's.
func decodePolicy(b []byte) (p Policy, ok bool) {
	if len(b) < 168 || native.Uint16(b[40:]) != unix.AF_INET6 || b[42] > 128 || b[43] > 128 || b[161] != policyAllow {
		return p, false
	}
	others := false
	p = Policy{Main: true, Selector: decodeSelector(b), Dir: Dir(b[160]), Priority: native.Uint32(b[152:])}
	eachAttr(b[168:], func(typ uint16, data []byte) {
		switch {
		case typ == attrPolicyType && len(data) >= 1:
			p.Main = data[0] == policyTypeMain
		case typ == attrIfID && len(data) == 4:
			p.IfID = native.Uint32(data)
		case typ == attrTemplate:
			p.Templates, others = decodeTemplates(data)
		}
	})
	return p, !others
}

// decodeEnd says when the kernel deletes a policy by itself, from the body of an
// XFRM_MSG_NEWPOLICY; the zero time is never. Kernel and policy count by the wall
// clock.
func decodeEnd(b []byte) time.Time {
	const lifetime, current, addTime = 56, 120, 16 // struct xfrm_lifetime_cfg, _cur
	if len(b) < 168 {
		return time.Time{}
	}
	after := native.Uint64(b[lifetime+hardAddExpires:])
	if after == 0 || after > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(native.Uint64(b[current+addTime:])+after), 0)
}

// decodeTemplates reads templates, and says whether some are neither Mobile IPv6's
// nor ESP's.
func decodeTemplates(b []byte) (list []Template, others bool) {
	for ; len(b) >= templateSize; b = b[templateSize:] {
		mode, ok := modeOf(b[48])
		if !ok || mode != RouteOptimization && b[20] != unix.IPPROTO_ESP {
			return nil, true
		}
		list = append(list, Template{
			Proto: b[20], Src: netip.AddrFrom16([16]byte(b[28:])), Dst: netip.AddrFrom16([16]byte(b)),
			Reqid: native.Uint32(b[44:]), Mode: mode, Optional: b[50] != 0,
		})
	}
	return list, len(b) > 0
}

func decodeSelector(b []byte) Selector {
	s := Selector{Proto: b[44], HasType: binary.BigEndian.Uint16(b[38:]) != 0}
	if s.HasType {
		s.MHType = b[37]
	}
	// What matches everything is the zero value.
	if dst := netip.PrefixFrom(netip.AddrFrom16([16]byte(b)), int(b[42])); dst.Bits() > 0 {
		s.Dst = dst
	}
	if src := netip.PrefixFrom(netip.AddrFrom16([16]byte(b[16:])), int(b[43])); src.Bits() > 0 {
		s.Src = src
	}
	return s
}

// decodeTraffic reads packets and octets that have passed a state from the body
// of an XFRM_MSG_NEWSA: struct xfrm_lifetime_cur.
func decodeTraffic(b []byte) (packets, octets uint64, ok bool) {
	const current = 160
	if len(b) < 224 {
		return 0, 0, false
	}
	return native.Uint64(b[current+8:]), native.Uint64(b[current:]), true
}

// eachAttr walks attributes; it ends at the first that is malformed.
func eachAttr(b []byte, f func(typ uint16, data []byte)) {
	for len(b) >= unix.SizeofRtAttr {
		n := int(native.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return
		}
		f(native.Uint16(b[2:]), b[unix.SizeofRtAttr:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}
