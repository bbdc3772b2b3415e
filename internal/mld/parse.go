package mld

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

var be = binary.BigEndian

const (
	addrLen    = 16
	v1Len      = 24 // Type to Multicast Address
	v2Len      = 8  // Type to Nr of Mcast Address Records
	recordLen  = 20 // without sources and auxiliary data
	maxSources = 89 // fit into a report of 1500 octets (RFC 3810 §5.1.10); more is no report
)

// ParseError says why a message was not accepted. The answer is always silence.
type ParseError struct {
	Offset int    // in octets, from where the parser began
	Text   string // what is wrong
}

// Error says what is wrong and where.
func (e *ParseError) Error() string { return fmt.Sprintf("MLD, octet %d: %s", e.Offset, e.Text) }

func malformed(offset int, format string, args ...any) error {
	return &ParseError{offset, fmt.Sprintf(format, args...)}
}

// Parse reads what a listener says, from the ICMPv6 Type field to the message's end.
// It looks neither at the checksum nor at the IPv6 header; see ParsePacket. The error
// is always a *ParseError. Octets behind the message are ignored, as the RFCs ask.
func Parse(b []byte) (Report, error) {
	if len(b) < 4 {
		return Report{}, malformed(0, "%d octets are too few for any message", len(b))
	}
	switch t := Type(b[0]); t {
	case TypeReport, TypeDone:
		return parseV1(b, t)
	case TypeReportV2:
		return parseV2(b)
	default:
		return Report{}, malformed(0, "ICMPv6 type %d is nothing that a listener says", t)
	}
}

// parseV1: a Report is IS_EX({}), a Done TO_IN({}) (RFC 3810 §8.3.2).
func parseV1(b []byte, t Type) (Report, error) {
	if len(b) < v1Len {
		return Report{}, malformed(len(b), "a message of version 1 has %d octets", v1Len)
	}
	r := Record{Type: ModeIsExclude, Group: addr(b[8:])}
	if t == TypeDone {
		r.Type = ChangeToIncludeMode
	}
	return Report{Version: 1, Records: []Record{r}}, nil
}

func parseV2(b []byte) (Report, error) {
	if len(b) < v2Len {
		return Report{}, malformed(len(b), "a report of version 2 has at least %d octets", v2Len)
	}
	r := Report{Version: 2}
	at := v2Len
	for range be.Uint16(b[6:]) {
		if len(b)-at < recordLen {
			return Report{}, malformed(at, "a record is cut off")
		}
		head := b[at:]
		sources, aux := int(be.Uint16(head[2:])), 4*int(head[1])
		if sources > maxSources {
			return Report{}, malformed(at+2, "%d sources are more than fit into a packet", sources)
		}
		size := recordLen + sources*addrLen + aux
		if len(head) < size {
			return Report{}, malformed(at, "the record of %s is cut off", addr(head[4:]))
		}
		x := Record{Type: RecordType(head[0]), Group: addr(head[4:])}
		for i := range sources {
			x.Sources = append(x.Sources, addr(head[recordLen+i*addrLen:]))
		}
		r.Records = append(r.Records, x)
		at += size
	}
	return r, nil
}

func addr(b []byte) netip.Addr { return netip.AddrFrom16([addrLen]byte(b)) }
