package probe

import (
	"encoding/binary"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

// attr appends a netlink attribute.
func attr(b []byte, typ uint16, data []byte) []byte {
	b = native.AppendUint16(b, uint16(unix.SizeofRtAttr+len(data)))
	b = native.AppendUint16(b, typ)
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// order sends a request that is answered with an acknowledgement only.
func order(family, typ, flags int, body []byte) error {
	req := nl.NewNetlinkRequest(typ, unix.NLM_F_ACK|flags)
	req.AddRawData(body)
	_, err := req.Execute(family, 0)
	return err
}

// attribute asks for an interface and returns one of its attributes, found by the
// types of those that it lies in; nil: it is not there.
func attribute(ifindex int, path ...uint16) []byte {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(ifindex)
	req.AddData(msg)
	answers, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err != nil || len(answers) != 1 || len(answers[0]) < unix.SizeofIfInfomsg {
		return nil
	}
	b := answers[0][unix.SizeofIfInfomsg:]
	for _, typ := range path {
		list, err := nl.ParseRouteAttr(b)
		if err != nil {
			return nil
		}
		b = nil
		for _, a := range list {
			if a.Attr.Type == typ {
				b = a.Value
			}
		}
	}
	return b
}
