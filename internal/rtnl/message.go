package rtnl

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

// request is one rtnetlink request without its header.
type request struct {
	typ   uint16 // RTM_*
	flags uint16 // beside NLM_F_REQUEST
	body  []byte // family header and attributes
}

// appendMessage writes a request with its header. Errors are answered always, success only
// where it is asked for.
func appendMessage(b []byte, r request, seq uint32, ack bool) []byte {
	flags := unix.NLM_F_REQUEST | r.flags
	if ack {
		flags |= unix.NLM_F_ACK
	}
	b = native.AppendUint32(b, uint32(unix.SizeofNlMsghdr+len(r.body)))
	b = native.AppendUint16(b, r.typ)
	b = native.AppendUint16(b, flags)
	b = native.AppendUint32(b, seq)
	b = native.AppendUint32(b, 0)
	return pad(append(b, r.body...))
}

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// attr appends an attribute.
func attr(b []byte, typ uint16, data []byte) []byte {
	b = native.AppendUint16(b, uint16(unix.SizeofRtAttr+len(data)))
	b = native.AppendUint16(b, typ)
	return pad(append(b, data...))
}

func attrU8(b []byte, typ uint16, v uint8) []byte { return attr(b, typ, []byte{v}) }

func attrU16(b []byte, typ uint16, v uint16) []byte {
	var x [2]byte
	native.PutUint16(x[:], v)
	return attr(b, typ, x[:])
}

func attrU32(b []byte, typ uint16, v uint32) []byte {
	var x [4]byte
	native.PutUint32(x[:], v)
	return attr(b, typ, x[:])
}

func attrAddr(b []byte, typ uint16, a netip.Addr) []byte {
	if a.Is4() {
		x := a.As4()
		return attr(b, typ, x[:])
	}
	x := a.As16()
	return attr(b, typ, x[:])
}

func attrString(b []byte, typ uint16, s string) []byte { return attr(b, typ, append([]byte(s), 0)) }

// nest appends an attribute of attributes.
func nest(b []byte, typ uint16, fill func([]byte) []byte) []byte {
	return attr(b, typ, fill(nil))
}
