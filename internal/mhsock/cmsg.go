package mhsock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/internal/exthdr"
)

const (
	addrLen      = 16
	pktinfoSize  = addrLen + 4
	hopLimitSize = 4
	oobSize      = 512 // room for what one packet brings; more is refused
)

// Next Header values, RFC 8200 §4.1, RFC 4443 §2.1.
const (
	protoRouting    = 43
	protoICMPv6     = 58
	protoDstOptions = 60
)

// ancillary is what travels beside a packet.
type ancillary struct {
	ifindex  int
	local    netip.Addr // packet info: our address, source or destination
	hopLimit int        // -1: not told
	home     netip.Addr // in a Home Address option
	routing  netip.Addr // in a type 2 routing header
	at       time.Time  // when the kernel received it; zero: not told
	mark     uint32     // the packet's mark
}

// encode builds the control messages for sending. What is invalid is left out.
func (a ancillary) encode() []byte {
	var b []byte
	if a.ifindex != 0 || a.local.IsValid() {
		data := make([]byte, pktinfoSize)
		if a.local.IsValid() {
			addr := a.local.As16()
			copy(data, addr[:])
		}
		binary.NativeEndian.PutUint32(data[addrLen:], uint32(a.ifindex))
		b = appendCmsg(b, unix.IPV6_PKTINFO, data)
	}
	if a.routing.IsValid() {
		b = appendCmsg(b, unix.IPV6_RTHDR, routingHeader(0, a.routing))
	}
	if a.home.IsValid() {
		b = appendCmsg(b, unix.IPV6_DSTOPTS, exthdr.HomeAddressHeader(0, a.home))
	}
	return b
}

func appendCmsg(b []byte, typ int, data []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, unix.CmsgSpace(len(data)))...)
	h := b[at:]
	// struct cmsghdr: a size_t length, level, type.
	word := unix.CmsgLen(0) - 8
	putWord(h[:word], uint64(unix.CmsgLen(len(data))))
	binary.NativeEndian.PutUint32(h[word:], unix.IPPROTO_IPV6)
	binary.NativeEndian.PutUint32(h[word+4:], uint32(typ))
	copy(h[unix.CmsgLen(0):], data)
	return b
}

func putWord(b []byte, v uint64) {
	if len(b) == 8 {
		binary.NativeEndian.PutUint64(b, v)
	} else {
		binary.NativeEndian.PutUint32(b, uint32(v))
	}
}

func word(b []byte) uint64 {
	if len(b) == 8 {
		return binary.NativeEndian.Uint64(b)
	}
	return uint64(binary.NativeEndian.Uint32(b))
}

// decode reads the control messages of a received packet. An error means that
// the packet cannot be trusted to be understood.
func decode(b []byte) (ancillary, error) {
	a := ancillary{hopLimit: -1}
	header := unix.CmsgLen(0)
	for len(b) >= header {
		size := word(b[:header-8])
		level := binary.NativeEndian.Uint32(b[header-8:])
		typ := binary.NativeEndian.Uint32(b[header-4:])
		if size < uint64(header) || size > uint64(len(b)) {
			return a, fmt.Errorf("control message of %d bytes in %d", size, len(b))
		}
		data := b[header:size]
		switch {
		case level == unix.IPPROTO_IPV6:
			if err := a.take(int(typ), data); err != nil {
				return a, err
			}
		case level == unix.SOL_SOCKET && typ == unix.SCM_TIMESTAMPNS && len(data) >= 16:
			a.at = time.Unix(int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:])))
		case level == unix.SOL_SOCKET && typ == unix.SO_MARK && len(data) >= 4:
			a.mark = binary.NativeEndian.Uint32(data)
		}
		step := unix.CmsgSpace(len(data))
		if step >= len(b) {
			break
		}
		b = b[step:]
	}
	return a, nil
}

func (a *ancillary) take(typ int, data []byte) error {
	switch typ {
	case unix.IPV6_PKTINFO:
		if len(data) < pktinfoSize {
			return fmt.Errorf("packet info of %d bytes", len(data))
		}
		a.local = netip.AddrFrom16([16]byte(data[:addrLen]))
		a.ifindex = int(binary.NativeEndian.Uint32(data[addrLen:]))
	case unix.IPV6_HOPLIMIT:
		if len(data) < hopLimitSize {
			return fmt.Errorf("hop limit of %d bytes", len(data))
		}
		a.hopLimit = int(int32(binary.NativeEndian.Uint32(data)))
	case unix.IPV6_DSTOPTS:
		home, _, err := exthdr.FindHomeAddress(data)
		switch {
		case errors.Is(err, exthdr.ErrNoHomeAddress):
		case err != nil:
			return err
		case a.home.IsValid():
			return errors.New("a Home Address option in each of two headers")
		default:
			a.home = home
		}
	case unix.IPV6_RTHDR:
		// The address in the header is the care-of address by now.
		if len(data) > 2 && data[2] == exthdr.RoutingType2 {
			r, err := exthdr.ParseRouting(data)
			if err != nil {
				return err
			}
			a.routing = r.HomeAddress
		}
	}
	return nil
}

// routingHeader is a type 2 routing header with one segment left.
func routingHeader(next uint8, addr netip.Addr) []byte {
	return exthdr.Routing{NextHeader: next, SegmentsLeft: 1, HomeAddress: addr}.Append(nil)
}
