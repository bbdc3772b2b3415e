package netmon

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

// Numbers of rtnetlink that x/sys does not have.
const (
	iflaCarrierUpCount = 47
	ifaProto           = 11
	maxKernelProto     = 3 // IFAPROT_KERNEL_LL, the last of those of the kernel itself
	operUnknown        = 0 // IF_OPER_UNKNOWN
	operUp             = 6 // IF_OPER_UP
)

// linkNews is what we need of an RTM_NEWLINK or RTM_DELLINK.
type linkNews struct {
	gone     bool
	ifindex  int
	name     string
	linkAddr []byte
	up       bool   // administratively up, with carrier
	ups      uint32 // how often the carrier came
}

// addrNews is what we need of an RTM_NEWADDR or RTM_DELADDR.
type addrNews struct {
	gone    bool
	ifindex int
	addr    netip.Addr
	bits    int // prefix length
	flags   uint32
	proto   uint8  // who made it (IFA_PROTO); 0: nobody says
	valid   uint32 // s, what is left; forever: without end
}

const forever = 0xffffffff

// neighNews is what we need of an RTM_NEWNEIGH.
type neighNews struct {
	ifindex int
	addr    netip.Addr
	failed  bool
}

// decode returns a linkNews, addrNews or neighNews; nil for what is none.
func decode(m netlink.Message) any { return decodeMessage(uint16(m.Header.Type), m.Data) }

func decodeMessage(typ uint16, b []byte) any {
	switch typ {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return decodeLink(b, typ == unix.RTM_DELLINK)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		return decodeAddr(b, typ == unix.RTM_DELADDR)
	case unix.RTM_NEWNEIGH:
		return decodeNeigh(b)
	}
	return nil
}

func decodeLink(b []byte, gone bool) any {
	// A bridge reports its ports in its own family, too; that is other news.
	if len(b) < unix.SizeofIfInfomsg || b[0] != unix.AF_UNSPEC {
		return nil
	}
	flags := native.Uint32(b[8:])
	n := linkNews{gone: gone, ifindex: int(native.Uint32(b[4:])), up: flags&unix.IFF_UP != 0 && flags&unix.IFF_LOWER_UP != 0}
	eachAttr(b[unix.SizeofIfInfomsg:], func(typ uint16, data []byte) {
		switch typ {
		case unix.IFLA_OPERSTATE:
			// With carrier, but before this, the device's queue may still drop
			// what is sent. Devices that have no such state say unknown.
			n.up = n.up && len(data) > 0 && (data[0] == operUp || data[0] == operUnknown)
		case unix.IFLA_IFNAME:
			n.name = cstring(data)
		case unix.IFLA_ADDRESS:
			n.linkAddr = append([]byte(nil), data...)
		case iflaCarrierUpCount:
			if len(data) >= 4 {
				n.ups = native.Uint32(data)
			}
		}
	})
	return n
}

func decodeAddr(b []byte, gone bool) any {
	if len(b) < unix.SizeofIfAddrmsg || b[0] != unix.AF_INET6 {
		return nil
	}
	n := addrNews{gone: gone, ifindex: int(native.Uint32(b[4:])), bits: int(b[1]), flags: uint32(b[2]), valid: forever}
	eachAttr(b[unix.SizeofIfAddrmsg:], func(typ uint16, data []byte) {
		switch {
		case typ == unix.IFA_FLAGS && len(data) >= 4:
			n.flags = native.Uint32(data)
		case typ == unix.IFA_CACHEINFO && len(data) >= 8:
			n.valid = native.Uint32(data[4:])
		case typ == ifaProto && len(data) >= 1:
			n.proto = data[0]
		case typ == unix.IFA_LOCAL && len(data) == 16, typ == unix.IFA_ADDRESS && len(data) == 16 && !n.addr.IsValid():
			n.addr, _ = netip.AddrFromSlice(data)
		}
	})
	if !n.addr.IsValid() {
		return nil
	}
	return n
}

func decodeNeigh(b []byte) any {
	if len(b) < unix.SizeofNdMsg || b[0] != unix.AF_INET6 {
		return nil
	}
	n := neighNews{ifindex: int(native.Uint32(b[4:])), failed: native.Uint16(b[8:])&unix.NUD_FAILED != 0}
	eachAttr(b[unix.SizeofNdMsg:], func(typ uint16, data []byte) {
		if typ == unix.NDA_DST && len(data) == 16 {
			n.addr, _ = netip.AddrFromSlice(data)
		}
	})
	if !n.addr.IsValid() {
		return nil
	}
	return n
}

// eachAttr walks attributes; it ends at the first that is malformed.
func eachAttr(b []byte, f func(typ uint16, data []byte)) {
	for len(b) >= unix.SizeofRtAttr {
		n := int(native.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return
		}
		f(native.Uint16(b[2:])&^unix.NLA_F_NESTED, b[unix.SizeofRtAttr:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}

func cstring(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
