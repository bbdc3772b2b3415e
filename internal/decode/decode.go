package decode

import (
	"fmt"
	"net/netip"
	"strings"

	"mip6d/internal/exthdr"
	"mip6d/internal/icmp6"
)

// Kind says what octets are.
type Kind string

// Kinds.
const (
	Auto    Kind = ""        // find out
	MH      Kind = "mh"      // a Mobility Header, from Payload Proto on
	ICMP6   Kind = "icmp6"   // an ICMPv6 message, from Type on
	DstOpts Kind = "dstopts" // a Destination Options header, and what follows it
	Routing Kind = "rthdr"   // a type 2 routing header, and what follows it
	IPv6    Kind = "ipv6"    // a whole packet
)

// Kinds is all of them but Auto.
var Kinds = []Kind{MH, ICMP6, DstOpts, Routing, IPv6}

// Options says how to decode.
type Options struct {
	Kind Kind
	// Src and Dst are the packet's addresses where the octets do not carry them;
	// with both, checksums are verified. Those of a whole packet are its own.
	Src, Dst netip.Addr
}

// Decode takes a message apart. It fails where no receiver would accept the
// message; a wrong checksum is no failure but a field.
func Decode(b []byte, o Options) (Fields, error) {
	kind := o.Kind
	if kind == Auto {
		if kind = detect(b); kind == Auto {
			return nil, fmt.Errorf("cannot tell what these %d octets are: say it with --kind (%s)", len(b), kindList())
		}
	}
	p := path{src: o.Src, dst: o.Dst}
	switch kind {
	case MH:
		return p.mobilityHeader(b)
	case ICMP6:
		return p.icmp6(b)
	case DstOpts:
		return p.extension(protoDstOpts, b)
	case Routing:
		return p.extension(protoRouting, b)
	case IPv6:
		return p.packet(b)
	}
	return nil, fmt.Errorf("unknown kind %q: one of %s", kind, kindList())
}

func kindList() string {
	names := make([]string, len(Kinds))
	for i, k := range Kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// path is what checksums need to know of the way to a header: the packet's
// addresses after processing of the extension headers before it.
type path struct {
	src, dst netip.Addr
	depth    int // packets within packets
}

func (p *path) known() bool { return p.src.IsValid() && p.dst.IsValid() }

// detect finds out what octets are. An extension header begins with the number
// of the next header, which may be the number of an ICMPv6 type: 135 is Mobility
// Header and Neighbor Solicitation.
func detect(b []byte) Kind {
	if len(b) < 4 {
		return Auto
	}
	_, _, hao := exthdr.FindHomeAddress(b)
	routing := len(b) >= exthdr.RoutingLen && b[1] == 2 && b[2] == exthdr.RoutingType2 && b[3] <= 1
	switch first := b[0]; {
	case first>>4 == 6 && len(b) >= ipv6Len:
		return IPv6
	case first == protoNone && (b[3] == 0 || hao != nil && !routing):
		// What is no Mobility Header has something where the reserved octet
		// would be: the length of an option before the aligned Home Address,
		// or the segments left.
		return MH
	case first == protoMH && b[1] == 0, first != protoMH && isICMP6(icmp6.Type(first)):
		return ICMP6
	case routing:
		return Routing
	case hao == nil:
		return DstOpts
	}
	if _, _, err := exthdr.ParseDestinationOptions(b); err == nil && isNext(b[0]) {
		return DstOpts
	}
	return Auto
}

// isICMP6 says whether the codec knows a type.
func isICMP6(t icmp6.Type) bool { return !strings.HasPrefix(t.String(), "ICMPv6 type") }

// isNext says whether a number is one that a Next Header field is likely to have.
func isNext(n byte) bool {
	_, ok := protoNames[n]
	return ok
}
