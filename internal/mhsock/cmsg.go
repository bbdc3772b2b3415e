package mhsock

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Extension header bytes, RFC 6275 §6.3 and §6.4, RFC 8200 §4.2.
const (
	optPad1        = 0
	optPadN        = 1
	optHomeAddress = 0xc9
	routingType2   = 2

	addrLen         = 16
	homeOptionAt    = 8  // of the address in a header that homeAddressHeader made
	homeOptionSize  = 24 // of that header
	routingSize     = 24
	routingAddrAt   = 8
	pktinfoSize     = addrLen + 4
	hopLimitSize    = 4
	oobSize         = 512 // room for what one packet brings; more is refused
	protoNoNext     = 59
	protoDstOptions = 60
	protoRouting    = 43
	protoICMPv6     = 58
)

// ancillary is what travels beside a packet.
type ancillary struct {
	ifindex  int
	local    netip.Addr // packet info: our address, source or destination
	hopLimit int        // -1: not told
	home     netip.Addr // in a Home Address option
	routing  netip.Addr // in a type 2 routing header
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
		b = appendCmsg(b, unix.IPV6_DSTOPTS, homeAddressHeader(0, a.home))
	}
	return b
}

// homeAddressHeader is a Destination Options header with a Home Address option
// at the alignment it needs, 8n+6 (RFC 6275 §6.3).
func homeAddressHeader(next byte, home netip.Addr) []byte {
	b := make([]byte, homeOptionAt, homeOptionSize)
	b[0], b[1] = next, homeOptionSize/8-1
	b[2], b[3] = optPadN, 2
	b[6], b[7] = optHomeAddress, addrLen
	addr := home.As16()
	return append(b, addr[:]...)
}

// routingHeader is a type 2 routing header (RFC 6275 §6.4.1) with one segment
// left.
func routingHeader(next byte, addr netip.Addr) []byte {
	b := make([]byte, routingAddrAt, routingSize)
	b[0], b[1], b[2], b[3] = next, routingSize/8-1, routingType2, 1
	a := addr.As16()
	return append(b, a[:]...)
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
		if level == unix.IPPROTO_IPV6 {
			if err := a.take(int(typ), data); err != nil {
				return a, err
			}
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
		home, err := findHomeAddress(data)
		if err != nil {
			return err
		}
		if home.IsValid() {
			if a.home.IsValid() {
				return fmt.Errorf("two Home Address options")
			}
			a.home = home
		}
	case unix.IPV6_RTHDR:
		if len(data) >= routingSize && data[2] == routingType2 {
			a.routing = netip.AddrFrom16([16]byte(data[routingAddrAt:routingSize]))
		}
	}
	return nil
}

// findHomeAddress walks a Destination Options header. It returns the invalid
// address where there is no Home Address option.
func findHomeAddress(b []byte) (home netip.Addr, err error) {
	if len(b) < 8 || len(b) < 8*(int(b[1])+1) {
		return home, fmt.Errorf("destination options of %d bytes", len(b))
	}
	b = b[2 : 8*(int(b[1])+1)]
	for len(b) > 0 {
		if b[0] == optPad1 {
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return home, fmt.Errorf("destination option %#x does not fit", b[0])
		}
		data := b[2 : 2+int(b[1])]
		if b[0] == optHomeAddress {
			if len(data) != addrLen {
				return home, fmt.Errorf("Home Address option of %d bytes", len(data))
			}
			if home.IsValid() {
				return home, fmt.Errorf("two Home Address options")
			}
			home = netip.AddrFrom16([16]byte(data))
		}
		b = b[2+len(data):]
	}
	return home, nil
}
