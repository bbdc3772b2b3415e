package xfrmmig

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// decodeState reads a state back from the body of an XFRM_MSG_NEWSA, if it is
// one of Mobile IPv6's.
func decodeState(b []byte) (s State, ok bool) {
	if len(b) < 224 || native.Uint16(b[212:]) != unix.AF_INET6 || b[214] != modeRouteOptimization {
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

// decodePolicy reads a sub-policy back from the body of an XFRM_MSG_NEWPOLICY,
// if its only template is one of Mobile IPv6's.
func decodePolicy(b []byte) (p Policy, ok bool) {
	if len(b) < 168 || native.Uint16(b[40:]) != unix.AF_INET6 || b[42] > 128 || b[43] > 128 {
		return p, false
	}
	p = Policy{Selector: decodeSelector(b), Dir: Dir(b[160]), Priority: native.Uint32(b[152:])}
	eachAttr(b[168:], func(typ uint16, data []byte) {
		switch {
		case typ == attrPolicyType && len(data) >= 1:
			ok = data[0] == policyTypeSub
		case typ == attrIfID && len(data) == 4:
			p.IfID = native.Uint32(data)
		case typ == attrTemplate && len(data) == 64 && data[48] == modeRouteOptimization:
			p.Template = &Template{
				Proto: data[20], Src: netip.AddrFrom16([16]byte(data[28:])), Dst: netip.AddrFrom16([16]byte(data)),
				Reqid: native.Uint32(data[44:]), Optional: data[50] != 0,
			}
		}
	})
	return p, ok && p.Template != nil
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
