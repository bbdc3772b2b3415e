package xfrmmig

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Attributes and flags of ESP (linux/xfrm.h).
const (
	attrAuth      = 1
	attrCrypt     = 2
	attrAEAD      = 18
	attrAuthTrunc = 20
	attrReplay    = 10
	attrMark      = 29 // XFRMA_SET_MARK
	attrMarkMask  = 30

	flagAFUnspec = 32 // any family inside

	algorithmName = 64 // octets of a name in struct xfrm_algo and its like
)

// Mode says what a state or a template does to a packet.
type Mode uint8

// Modes. The zero value is that of the extension headers of Mobile IPv6.
const (
	RouteOptimization Mode = iota
	Transport
	Tunnel
)

// kernelModes are the numbers of linux/xfrm.h.
var kernelModes = [...]uint8{RouteOptimization: 2, Transport: 0, Tunnel: 1}

var modeNames = [...]string{"route_optimization", "transport", "tunnel"}

func (m Mode) String() string { return modeNames[m] }

func modeOf(b uint8) (Mode, bool) {
	for m, n := range kernelModes {
		if n == b {
			return Mode(m), true
		}
	}
	return 0, false
}

// Algorithm is what an ESP security association encrypts and authenticates
// with: either AEAD and its key, or both of the others.
type Algorithm struct {
	Name    string // of an AEAD, as `ip xfrm` prints it; or of the cipher
	Key     []byte // of either; an AEAD's ends with its salt
	ICV     uint32 // an AEAD's, or the truncated authenticator's length in bits
	Auth    string // of the authenticator; empty: Name is an AEAD
	AuthKey []byte // its key
}

// SA is an ESP security association, struct xfrm_usersa_info and attributes. It
// has no replay window: with static keys there can be none (RFC 3776 §4.4).
type SA struct {
	Src, Dst  netip.Addr // of the outer header in tunnel mode
	SPI       uint32
	Mode      Mode // Transport or Tunnel
	Reqid     uint32
	Algorithm Algorithm

	// Mark is given to packets that came in through the association, so that
	// who receives them can tell; 0: none.
	Mark uint32
}

// encode writes the body of XFRM_MSG_NEWSA.
func (s SA) encode() []byte {
	b := make([]byte, 224)
	putAddr(b[56:], s.Dst)
	binary.BigEndian.PutUint32(b[72:], s.SPI)
	b[76] = unix.IPPROTO_ESP
	putAddr(b[80:], s.Src)
	putInfinite(b[96:])
	native.PutUint32(b[208:], s.Reqid)
	native.PutUint16(b[212:], unix.AF_INET6)
	b[214] = kernelModes[s.Mode]
	if s.Mode == Tunnel {
		b[216] = flagAFUnspec
	}
	a := s.Algorithm
	switch {
	case a.Auth == "":
		b = attr(b, attrAEAD, algorithm(a.Name, a.Key, a.ICV))
	default:
		b = attr(b, attrCrypt, algorithm(a.Name, a.Key))
		b = attr(b, attrAuthTrunc, algorithm(a.Auth, a.AuthKey, a.ICV))
	}
	if s.Mark != 0 {
		b = attrNonZero(attrNonZero(b, attrMark, s.Mark), attrMarkMask, ^uint32(0))
	}
	return b
}

// algorithm writes struct xfrm_algo, or one with a length of its result.
func algorithm(name string, key []byte, icv ...uint32) []byte {
	b := make([]byte, algorithmName)
	copy(b[:algorithmName-1], name)
	b = native.AppendUint32(b, uint32(8*len(key)))
	for _, n := range icv {
		b = native.AppendUint32(b, n)
	}
	return append(b, key...)
}

// encodeID writes struct xfrm_usersa_id and the source: the body of
// XFRM_MSG_DELSA and XFRM_MSG_GETSA.
func (s SA) encodeID() []byte {
	b := make([]byte, 24)
	putAddr(b, s.Dst)
	binary.BigEndian.PutUint32(b[16:], s.SPI)
	native.PutUint16(b[20:], unix.AF_INET6)
	b[22] = unix.IPPROTO_ESP
	return attr(b, attrSrcAddr, addrBytes(s.Src))
}

// Use is what the kernel has counted of a security association.
type Use struct {
	Packets, Bytes uint64
	Added          uint64 // seconds since 1970; of the first, where it was migrated
	Failed         uint32 // packets whose authentication failed
	Sequence       uint32 // of the last packet sent
}

// decodeSA reads an ESP association back from the body of an XFRM_MSG_NEWSA.
func decodeSA(b []byte) (s SA, use Use, ok bool) {
	if len(b) < 224 || native.Uint16(b[212:]) != unix.AF_INET6 || b[76] != unix.IPPROTO_ESP {
		return s, use, false
	}
	s = SA{
		Src: netip.AddrFrom16([16]byte(b[80:])), Dst: netip.AddrFrom16([16]byte(b[56:])),
		SPI: binary.BigEndian.Uint32(b[72:]), Reqid: native.Uint32(b[208:]),
	}
	if s.Mode, ok = modeOf(b[214]); !ok {
		return s, use, false
	}
	const current, stats = 160, 192
	use = Use{
		Packets: native.Uint64(b[current+8:]), Bytes: native.Uint64(b[current:]), Added: native.Uint64(b[current+16:]),
		Failed: native.Uint32(b[stats+8:]),
	}
	a := &s.Algorithm
	eachAttr(b[224:], func(typ uint16, data []byte) {
		switch {
		case typ == attrAEAD && len(data) >= algorithmName+8:
			a.Name, a.Key = name(data), data[algorithmName+8:]
			a.ICV = native.Uint32(data[algorithmName+4:])
		case typ == attrCrypt && len(data) >= algorithmName+4:
			a.Name, a.Key = name(data), data[algorithmName+4:]
		case typ == attrAuthTrunc && len(data) >= algorithmName+8:
			a.Auth, a.AuthKey = name(data), data[algorithmName+8:]
			a.ICV = native.Uint32(data[algorithmName+4:])
		case typ == attrReplay && len(data) >= 4:
			use.Sequence = native.Uint32(data)
		case typ == attrMark && len(data) == 4:
			s.Mark = native.Uint32(data)
		}
	})
	a.Key, a.AuthKey = bytes.Clone(a.Key), bytes.Clone(a.AuthKey)
	return s, use, true
}

func name(b []byte) string {
	n := b[:algorithmName]
	if i := bytes.IndexByte(n, 0); i >= 0 {
		n = n[:i]
	}
	return string(n)
}

// same says whether two associations do the same, whatever was counted.
func (s SA) same(o SA) bool {
	a, b := s.Algorithm, o.Algorithm
	return s.Src == o.Src && s.Dst == o.Dst && s.SPI == o.SPI && s.Mode == o.Mode && s.Reqid == o.Reqid && s.Mark == o.Mark &&
		a.Name == b.Name && a.Auth == b.Auth && a.ICV == b.ICV && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.AuthKey, b.AuthKey)
}
