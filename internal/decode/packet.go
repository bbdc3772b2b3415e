package decode

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"mip6d/internal/exthdr"
	"mip6d/internal/icmp6"
)

const ipv6Len = 40

// maxDepth is how many packets may be within each other before the inner ones
// are shown as octets.
const maxDepth = 8

// Next Header values.
const (
	protoHopByHop = 0
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoESP      = 50
	protoICMP6    = 58
	protoNone     = 59
	protoDstOpts  = 60
	protoMH       = 135
)

var protoNames = map[uint8]string{
	protoHopByHop: "Hop-by-Hop Options", 6: "TCP", 17: "UDP", protoIPv6: "IPv6", protoRouting: "Routing",
	protoFragment: "Fragment", protoESP: "ESP", 51: "AH", protoICMP6: "ICMPv6", protoNone: "No Next Header",
	protoDstOpts: "Destination Options", protoMH: "Mobility Header",
}

// packet takes a whole IPv6 packet apart.
func (p *path) packet(b []byte) (Fields, error) {
	if len(b) < ipv6Len {
		return nil, fmt.Errorf("IPv6 header: %d octets, less than %d", len(b), ipv6Len)
	}
	if b[0]>>4 != 6 {
		return nil, fmt.Errorf("IPv6 header: version is %d, not 6", b[0]>>4)
	}
	payload := int(binary.BigEndian.Uint16(b[4:]))
	if payload > len(b)-ipv6Len {
		return nil, fmt.Errorf("IPv6 header: Payload Length says %d octets, but there are only %d", payload, len(b)-ipv6Len)
	}
	first := binary.BigEndian.Uint32(b)
	p.src, p.dst = address(b[8:24]), address(b[24:40])
	f := Fields{
		{"kind", IPv6},
		{"version", 6},
		{"traffic_class", first >> 20 & 0xff},
		{"flow_label", first & 0xfffff},
		{"payload_length", payload},
		{"next_header", b[6]},
		{"hop_limit", b[7]},
		{"source_address", p.src},
		{"destination_address", p.dst},
	}
	headers, err := p.chain(b[6], b[ipv6Len:ipv6Len+payload], ipv6Len)
	if err != nil {
		return nil, err
	}
	return append(f, Field{"headers", headers}), nil
}

// extension takes an extension header apart that stands alone or begins a chain.
func (p *path) extension(proto uint8, b []byte) (Fields, error) {
	headers, err := p.chain(proto, b, 0)
	if err != nil {
		return nil, err
	}
	if len(headers) == 1 {
		return headers[0], nil
	}
	return append(headers[0], Field{"headers", headers[1:]}), nil
}

// chain follows headers to the end. offset is where b begins in the packet, for
// errors.
func (p *path) chain(proto uint8, b []byte, offset int) ([]Fields, error) {
	headers := []Fields{}
	for len(b) > 0 && proto != protoNone {
		f, next, n, err := p.header(proto, b)
		if err != nil {
			return nil, fmt.Errorf("%s at octet %d: %w", protoName(proto), offset, err)
		}
		headers = append(headers, f)
		proto, b, offset = next, b[n:], offset+n
	}
	if len(b) == 0 && proto != protoNone && len(headers) == 0 {
		return nil, fmt.Errorf("%s at octet %d: nothing is there", protoName(proto), offset)
	}
	return headers, nil
}

// header takes one header apart. next is protoNone behind the last of a chain.
func (p *path) header(proto uint8, b []byte) (f Fields, next uint8, n int, err error) {
	last := func(f Fields, err error) (Fields, uint8, int, error) { return f, protoNone, len(b), err }
	switch proto {
	case protoHopByHop, protoDstOpts:
		return p.destinationOptions(proto, b)
	case protoRouting:
		if len(b) > 2 && b[2] != exthdr.RoutingType2 {
			return otherRouting(b)
		}
		return p.routing(b)
	case protoFragment:
		return fragment(b)
	case protoMH:
		return last(p.mobilityHeader(b))
	case protoICMP6:
		return last(p.icmp6OrOther(b))
	case protoIPv6:
		if p.depth < maxDepth {
			inner := path{depth: p.depth + 1}
			return last(inner.packet(b))
		}
	case protoESP:
		if len(b) < 8 {
			return nil, 0, 0, fmt.Errorf("%d octets, less than 8", len(b))
		}
		return last(Fields{
			{"kind", "esp"},
			{"security_parameters_index", binary.BigEndian.Uint32(b)},
			{"sequence_number", binary.BigEndian.Uint32(b[4:])},
			{"data", octets(b[8:])},
		}, nil)
	}
	return last(Fields{
		{"kind", "other"}, {"protocol", proto}, {"protocol_name", protoName(proto)}, {"data", octets(b)},
	}, nil)
}

// icmp6OrOther also shows ICMPv6 messages that are not Mobile IPv6's business,
// such as an echo within a tunnel.
func (p *path) icmp6OrOther(b []byte) (Fields, error) {
	if len(b) >= 4 && !isICMP6(icmp6.Type(b[0])) {
		return Fields{
			{"kind", "other"}, {"protocol", uint8(protoICMP6)}, {"protocol_name", protoName(protoICMP6)},
			{"type", b[0]}, {"code", b[1]}, {"data", octets(b)},
		}, nil
	}
	return p.icmp6(b)
}

// fragment shows a fragment header. Only the first fragment's contents begin with
// a header.
func fragment(b []byte) (f Fields, next uint8, n int, err error) {
	if len(b) < 8 {
		return nil, 0, 0, fmt.Errorf("%d octets, less than 8", len(b))
	}
	where := binary.BigEndian.Uint16(b[2:])
	f = Fields{
		{"kind", "fragment"},
		{"next_header", b[0]},
		{"fragment_offset", where >> 3},
		{"more_fragments", where&1 != 0},
		{"identification", binary.BigEndian.Uint32(b[4:])},
	}
	if where&^6 == 0 {
		return f, b[0], 8, nil // the only fragment
	}
	return append(f, Field{"data", octets(b[8:])}), protoNone, len(b), nil
}

// otherRouting shows a routing header that is not Mobile IPv6's.
func otherRouting(b []byte) (f Fields, next uint8, n int, err error) {
	if n = (int(b[1]) + 1) * 8; len(b) < n {
		return nil, 0, 0, fmt.Errorf("Hdr Ext Len says %d octets, but there are only %d", n, len(b))
	}
	return Fields{
		{"kind", "other_rthdr"}, {"next_header", b[0]}, {"hdr_ext_len", b[1]},
		{"routing_type", b[2]}, {"segments_left", b[3]}, {"data", octets(b[4:n])},
	}, b[0], n, nil
}

func protoName(proto uint8) string {
	if s, ok := protoNames[proto]; ok {
		return s
	}
	return fmt.Sprintf("protocol %d", proto)
}

func address(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b)) }
